"""Walking through what was sent before."""

from app.controllers.chat.recall_controller import RecallController
from tests.app.controllers.conftest import Desk


class Editor:
    def __init__(self, desk: Desk, text: str = "") -> None:
        self.desk = desk
        self.text = text
        self.controller = RecallController(desk.conversations, desk.requests)
        self.controller.recalled.connect(lambda text: setattr(self, "text", text))

    def walk(self, *steps: int) -> list[str]:
        texts = []
        for step in steps:
            self.controller.step((step, self.text))
            self.desk.settle()
            texts.append(self.text)
        return texts


def test_this_conversations_messages_come_first_then_others_and_the_draft_is_kept(desk: Desk) -> None:
    desk.open_shop()
    desk.talk("Elsewhere", "a")
    desk.conversations.new()
    desk.talk("One", "a")
    desk.talk("Two", "a")
    desk.talk("Two", "a")
    editor = Editor(desk, "half a thou")
    assert editor.walk(1, 1, 1, 1) == ["Two", "One", "Elsewhere", "Elsewhere"]
    assert editor.walk(-1, -1, -1, -1) == ["One", "Two", "half a thou", "half a thou"]


def test_a_changed_text_is_the_new_draft(desk: Desk) -> None:
    desk.open_shop()
    desk.talk("One", "a")
    desk.talk("Two", "a")
    editor = Editor(desk)
    assert editor.walk(1, 1) == ["Two", "One"]
    editor.text = "One more"
    assert editor.walk(1, -1) == ["Two", "One more"]


def test_private_and_deleted_messages_are_not_told_elsewhere(desk: Desk) -> None:
    desk.open_shop()
    desk.talk("Gone", "a")
    gone = desk.conversations.current_id
    assert gone is not None
    desk.conversations.new_private()
    desk.talk("Secret", "a")
    assert Editor(desk).walk(1) == ["Secret"]
    desk.deletions.delete(gone)
    desk.conversations.new()
    desk.settle()
    assert Editor(desk, "draft").walk(1, 1) == ["draft", "draft"]
