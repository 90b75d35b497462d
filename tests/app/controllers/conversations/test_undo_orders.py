"""Whatever is deleted and taken back in whichever order: all is as before, on screen and in the store."""

from collections.abc import Callable, Iterator
from itertools import permutations

import pytest

from app.controllers.chat.message_controller import MessageController
from app.conversations import organizing
from app.conversations.errors import StoreError
from app.conversations.records import Conversation
from tests.app.controllers.conftest import Desk

WHAT = ("conversations", "folder", "message")
ORDERS = list(permutations(WHAT))


class Trash:
    """A folder with two conversations and one outside; what is deleted is undone by the notice it left."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        desk.open_shop()
        self.messages = MessageController(
            desk.conversations, desk.requests, desk.engine.commands.append, lambda _id: False, lambda: False
        )
        self.messages.notice_raised.connect(lambda notice: desk.notices.__setitem__(notice.key, notice))
        self.messages.notice_cleared.connect(lambda key: desk.notices.pop(key, None))
        self.ids: list[str] = []
        self.answers: list[str] = []
        for word in ("Outside", "Other", "Inside"):
            desk.conversations.new()
            self.answers.append(desk.talk(word, f"Answer {word}")[1])
            self.ids.append(str(desk.conversations.current_id))
        desk.organizing.add_folder(self.ids[1:])
        (self.folder,) = desk.list.folders
        desk.settle()

    def delete(self, what: str) -> str:
        """Delete it; return the key of its Undo."""
        desk, before = self.desk, set(self.desk.notices)
        if what == "conversations":
            desk.deletions.delete(self.ids[:1] + self.ids[2:])
        elif what == "folder":
            desk.organizing.delete_folder(self.folder.id)
        else:
            if desk.conversations.current_id != self.ids[1]:
                desk.conversations.open(self.ids[1])
                desk.settle()
            self.messages.delete(self.answers[1])
        desk.settle()
        (key,) = set(desk.notices) - before
        return desk.notices[key].action_key

    def undo(self, action_key: str, *, settles: bool = True) -> None:
        for part in (self.desk.deletions, self.desk.organizing, self.messages):
            part.on_notice_action(action_key)
        if settles:
            self.desk.settle()

    def state(self) -> tuple[list[Conversation], list[Conversation], list[str], list[object], list[object]]:
        """What the store has and what is listed, with folders and numbers of messages."""
        desk = self.desk
        stored = desk.thread.submit(lambda store: store.list_conversations()).result(30)
        folders = desk.thread.submit(lambda store: organizing.folders(store.database)).result(30)
        counts: list[object] = [len(desk.stored(each)) for each in self.ids]
        return stored, list(desk.list.all), [each.name for each in desk.list.folders], list(folders), counts


@pytest.fixture
def trash(desk: Desk) -> Iterator[Trash]:
    made = Trash(desk)
    yield made
    made.messages.deleteLater()


@pytest.mark.parametrize("deletes", ORDERS, ids="-".join)
@pytest.mark.parametrize("settles", [True, False], ids=["slowly", "quickly"])
def test_every_order_of_undos_brings_everything_back(trash: Trash, deletes: tuple[str, ...], settles: bool) -> None:
    before = trash.state()
    assert [each.folder_id for each in before[0]] == [trash.folder.id, trash.folder.id, None]
    for undos in ORDERS:
        keys = {what: trash.delete(what) for what in deletes}
        assert trash.desk.list.rowCount() == 1
        for what in undos:
            trash.undo(keys[what], settles=settles)
        trash.desk.settle()
        assert trash.state() == before, undos
        assert trash.desk.notices == {}


@pytest.mark.parametrize("deletes", [("conversations", "folder"), ("folder", "conversations")], ids="-".join)
def test_what_came_back_is_in_its_folder_after_a_restart(
    trash: Trash, deletes: tuple[str, ...], reopened: Callable[[], Desk]
) -> None:
    keys = [trash.delete(what) for what in deletes]
    for key in keys:
        trash.undo(key)
    again = reopened()
    again.open_shop()
    assert {each.id: each.folder_id for each in again.list.all} == {
        trash.ids[0]: None, trash.ids[1]: trash.folder.id, trash.ids[2]: trash.folder.id
    }  # fmt: skip


def test_what_came_back_without_its_folder_stands_outside(trash: Trash, reopened: Callable[[], Desk]) -> None:
    key = trash.delete("conversations")
    trash.delete("folder")
    trash.undo(key)
    assert {each.folder_id for each in trash.desk.list.all} == {None}, "and nobody speaks of a folder that is gone"
    again = reopened()
    again.open_shop()
    assert {each.folder_id for each in again.list.all} == {None}


def test_undo_of_a_message_does_not_open_a_conversation_that_is_deleted(trash: Trash) -> None:
    message = trash.delete("message")
    trash.desk.deletions.delete(trash.ids[1])
    trash.desk.settle()
    trash.undo(message)
    assert trash.desk.conversations.current_id != trash.ids[1]
    assert "restored_later" in trash.desk.notices
    trash.desk.deletions.undo_delete(trash.ids[1])
    trash.desk.settle()
    assert trash.desk.texts() == ["Other", "Answer Other"]


def test_a_private_conversation_comes_back_as_well(trash: Trash) -> None:
    desk = trash.desk
    desk.conversations.new_private()
    desk.talk("Secret", "Yes")
    private_id = str(desk.conversations.current_id)
    desk.deletions.delete([private_id, trash.ids[1]])
    folder = trash.delete("folder")
    trash.undo(folder)
    desk.deletions.undo_delete(private_id)
    desk.settle()
    found = {each.id: (each.is_private, each.folder_id) for each in desk.list.all}
    assert found[private_id] == (True, None)
    assert found[trash.ids[1]] == (False, trash.folder.id)
    assert desk.texts() == ["Secret", "Yes"]


def test_a_restart_in_the_middle_does_not_keep_what_was_deleted(
    trash: Trash, reopened: Callable[[], Desk], monkeypatch: pytest.MonkeyPatch
) -> None:
    trash.delete("conversations")
    again = reopened()
    again.deletions._purge_timer.setInterval(1)
    monkeypatch.setattr("app.controllers.conversations.deletion_controller.UNDO_SECONDS", 0.5)
    with again.qtbot.waitSignal(again.deletions.purged) as purged:
        again.open_shop()
    assert set(purged.args[0]) == {trash.ids[0], trash.ids[2]}


def test_what_could_not_be_deleted_is_shown_again(trash: Trash, monkeypatch: pytest.MonkeyPatch) -> None:
    before = trash.state()
    monkeypatch.setattr("app.conversations.store.ConversationStore.delete_conversations", _full)
    trash.desk.deletions.delete(trash.ids[:2])
    trash.desk.settle()
    assert trash.state() == before
    assert not any(key.startswith("deleted:") for key in trash.desk.notices)


def test_undo_is_offered_again_where_it_failed(trash: Trash, monkeypatch: pytest.MonkeyPatch) -> None:
    before = trash.state()
    key = trash.delete("conversations")
    with monkeypatch.context() as patched:
        patched.setattr("app.conversations.store.ConversationStore.restore_conversations", _full)
        trash.undo(key)
    assert key in {notice.action_key for notice in trash.desk.notices.values()}
    trash.undo(key)
    assert trash.state() == before


def _full(*_given: object) -> None:
    raise StoreError("The disk is full.", "Free some room.")
