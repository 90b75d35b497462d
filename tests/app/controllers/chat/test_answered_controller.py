import pytest

from app.controllers.chat.answered_controller import AnsweredController
from app.conversations.records import Conversation, Message, MessageState
from app.settings.schema import Settings
from engine.api.errors import ErrorKind, ErrorReport
from engine.api.message import Role

SECRET = "the canary sings"
FAILURE = ErrorReport(kind=ErrorKind.INTERNAL, message=SECRET)


def told(message: Message, *, in_front: bool = False, notify: bool = True, private: bool = False) -> list[object]:
    conversation = Conversation(id="c", title="Boats", created_at=0, updated_at=0, is_private=private)
    controller = AnsweredController({"c": conversation}.get, lambda: Settings(notify=notify), lambda: in_front)
    found: list[object] = []
    controller.wanted.connect(found.append)
    controller.on_ended(message)
    return found


def ended(state: MessageState, error: ErrorReport | None = None) -> Message:
    return Message(
        id="m",
        conversation_id="c",
        parent_id=None,
        sequence=1,
        role=Role.ASSISTANT,
        content=SECRET,
        created_at=0,
        state=state,
        error=error,
    )


def test_the_title_is_told_and_nothing_of_the_answer() -> None:
    assert told(ended(MessageState.COMPLETE)) == [("c", "Boats", "The answer is there.")]
    assert told(ended(MessageState.FAILED, FAILURE)) == [("c", "Boats", "The answer could not be finished.")]
    assert told(ended(MessageState.COMPLETE), private=True) == [("c", "Private conversation", "The answer is there.")]


@pytest.mark.parametrize(
    ("message", "circumstances"),
    [
        (ended(MessageState.COMPLETE), {"in_front": True}),
        (ended(MessageState.COMPLETE), {"notify": False}),
        (ended(MessageState.STOPPED), {}),
        (ended(MessageState.INTERRUPTED), {}),  # the program ends
    ],
)
def test_nothing_is_told_to_who_looks_or_has_ended_it_or_does_not_want_it(
    message: Message, circumstances: dict[str, bool]
) -> None:
    assert told(message, **circumstances) == []
