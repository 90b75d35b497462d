"""A disk that is full for a while, in the real window: what was written and changed meanwhile is kept afterwards."""

from collections.abc import Sequence

import pytest
from pytestqt.qtbot import QtBot

from app.controllers import notices, store_requests
from app.conversations import store_thread
from app.conversations.database import Database
from app.conversations.errors import DiskFull, StoreBusy
from app.conversations.store import ConversationStore
from app.paths import locate
from app.widgets.transcript.message_actions import Act
from app.widgets.transcript.message_editor import MessageEditor
from engine.api.commands import WhenFull
from tests.app.test_nothing_lost import asked as asked_and_shown
from tests.app.test_nothing_lost import opens, row
from tests.app.whole import Whole, opened

_WRITES = ("INSERT", "UPDATE", "DELETE")


class Disk:
    """Says no to everything that would write while it is full, and to so many writes while another holds the file.

    refused: words of a statement to which it always says no. The upkeep of the store, which would come five seconds
    after the start, does not come: it could be what is refused. Nor is anything tried again by itself: on a busy
    machine that could be between any two steps of a test.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.is_full = False
        self.busy_writes = 0
        self.refused = ""
        execute = Database.execute

        def limited(database: Database, statement: str, values: Sequence[object] = ()) -> object:
            if self.is_full and statement.lstrip().startswith(_WRITES):
                raise DiskFull("The disk is full.", "Free some space.")
            if self.refused and self.refused in statement:
                raise StoreBusy("Another program is using the conversations.")
            if self.busy_writes and statement.lstrip().startswith(_WRITES):
                self.busy_writes -= 1
                raise StoreBusy("Another program is using the conversations.")
            return execute(database, statement, values)

        monkeypatch.setattr(Database, "execute", limited)
        monkeypatch.setattr(store_thread, "_MAINTENANCE_DELAY_SECONDS", 3_600.0)
        monkeypatch.setattr(store_requests, "RETRY_INTERVAL_MS", 3_600_000)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


def asked(window: Whole, text: str) -> str:
    """Ask, and wait until the answer is kept as well: it must not be what the disk has no room for."""
    conversation_id = asked_and_shown(window, text)
    window.until_kept()
    return conversation_id


def problems(window: Whole) -> list[str]:
    keys = [each.notice.key for each in window.notices.rows]
    return [key for key in keys if key in (notices.NOT_SAVED_KEY, "store")]


def press(window: Whole, key: str) -> None:
    next(each for each in window.notices.rows if each.notice.key == key).action_button.click()


def title(window: Whole) -> str:
    page = window.hearth.conversations.page
    assert page is not None
    return page.title


def editor_of(window: Whole, place: int) -> MessageEditor:
    editor = row(window, place).editor
    assert editor is not None
    return editor


def stored_drafts() -> set[str]:
    store = ConversationStore(locate().database)
    try:
        return {each.draft for each in store.list_conversations() if each.draft}
    finally:
        store.close()


def test_drafts_of_several_pages_are_kept_once_there_is_room(qtbot: QtBot, windows: list[Whole], disk: Disk) -> None:
    window = opened(qtbot, windows)
    asked(window, "One")
    disk.is_full = True
    qtbot.keyClicks(window.composer.editor, "in the first")
    window.hearth.window.begin_new()
    qtbot.keyClicks(window.composer.editor, "on the new page")
    window.wait(lambda: problems(window) == [notices.NOT_SAVED_KEY])
    window.wait(lambda: window.hearth.conversations.page is not None)
    qtbot.wait(100)
    disk.is_full = False
    press(window, notices.NOT_SAVED_KEY)
    window.wait(lambda: problems(window) == [])
    assert window.hearth.store_thread.submit(lambda store: {each.draft for each in store.list_conversations()}).result(
        30
    ) == {"in the first", "on the new page"}


def test_what_could_not_be_kept_is_kept_when_the_window_closes(qtbot: QtBot, windows: list[Whole], disk: Disk) -> None:
    window = opened(qtbot, windows)
    conversation_id = asked(window, "One")
    disk.is_full = True
    qtbot.keyClicks(window.composer.editor, "half a thought")
    window.hearth.conversations.rename((conversation_id, "Another title"))
    row(window, 0).perform(Act.EDIT)
    editor_of(window, 0).editor.set_text("One, but better")
    window.wait(lambda: problems(window) == [notices.NOT_SAVED_KEY])
    window.hearth.window.begin_new()
    disk.is_full = False
    window.end()
    assert stored_drafts() == {"half a thought"}
    again = opened(qtbot, windows)
    opens(again, conversation_id)
    assert title(again) == "Another title"
    again.wait(lambda: row(again, 0).editor is not None)
    assert editor_of(again, 0).editor.text == "One, but better"


def test_it_is_tried_again_by_itself_and_what_was_said_meanwhile_stays(
    qtbot: QtBot, windows: list[Whole], disk: Disk
) -> None:
    window = opened(qtbot, windows)
    disk.is_full = True
    qtbot.keyClicks(window.composer.editor, "Hello")
    window.wait(lambda: problems(window) == [notices.NOT_SAVED_KEY])
    window.composer._on_submitted()
    window.wait(lambda: window.composer.chips.queue == ("Hello",) and window.hearth.chat._queue.has_unsaved)
    disk.is_full = False
    window.composer.queue_now_requested.emit(0)  # "Send now" does not wait for the next try
    window.wait(lambda: len(window.texts()) == 2 and window.hearth.chat.is_idle)
    window.wait(lambda: problems(window) == [])
    conversation_id = str(window.hearth.conversations.current_id)
    window.end()
    again = opened(qtbot, windows)
    opens(again, conversation_id)
    assert again.texts() == ["Hello", "You said: Hello"]


def test_a_newer_change_takes_the_place_of_one_that_waits(qtbot: QtBot, windows: list[Whole], disk: Disk) -> None:
    window = opened(qtbot, windows)
    asked(window, "One")
    disk.is_full = True
    qtbot.keyClicks(window.composer.editor, "old")
    window.wait(lambda: problems(window) == [notices.NOT_SAVED_KEY])
    disk.is_full = False
    window.composer.editor.set_text("new")
    window.wait(lambda: problems(window) == [])
    window.end()
    assert stored_drafts() == {"new"}


def test_waiting_changes_are_tried_after_some_seconds(
    qtbot: QtBot, windows: list[Whole], disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_requests, "RETRY_INTERVAL_MS", 50)
    window = opened(qtbot, windows)
    conversation_id = asked(window, "One")
    disk.is_full = True
    window.hearth.conversations.rename((conversation_id, "Another title"))
    window.wait(lambda: problems(window) == [notices.NOT_SAVED_KEY])
    disk.is_full = False
    window.wait(lambda: problems(window) == [])
    (stored,) = window.hearth.store_thread.submit(lambda store: store.list_conversations()).result(30)
    assert stored.title == "Another title"


def test_an_answer_that_was_rewritten_is_edited_again_if_it_is_not_saved(
    qtbot: QtBot, windows: list[Whole], disk: Disk
) -> None:
    window = opened(qtbot, windows)
    asked(window, "One")
    row(window, 1).perform(Act.EDIT)
    editor_of(window, 1).editor.set_text("Rather this")
    disk.is_full = True
    editor_of(window, 1).save_button.click()
    window.wait(lambda: row(window, 1).editor is not None)
    assert editor_of(window, 1).editor.text == "Rather this"
    assert "store" in problems(window)
    disk.is_full = False
    editor_of(window, 1).save_button.click()
    window.wait(lambda: window.texts() == ["One", "Rather this"])


def test_undo_of_a_message_is_offered_again_if_it_fails(qtbot: QtBot, windows: list[Whole], disk: Disk) -> None:
    window = opened(qtbot, windows)
    asked(window, "One")
    row(window, 1).perform(Act.DELETE)
    window.wait(lambda: window.texts() == ["One"])
    disk.is_full = True
    window.notices.undo_newest()
    window.wait(lambda: "store" in problems(window))
    disk.is_full = False
    window.notices.undo_newest()
    window.wait(lambda: window.texts() == ["One", "You said: One"])


def test_of_two_changes_the_later_one_stays_where_the_earlier_one_was_kept_late(
    qtbot: QtBot, windows: list[Whole], disk: Disk
) -> None:
    window = opened(qtbot, windows)
    conversation_id = asked(window, "One")
    disk.busy_writes = 1
    window.hearth.conversations.rename((conversation_id, "First title"))
    window.hearth.conversations.rename((conversation_id, "Second title"))
    window.wait(lambda: problems(window) == [notices.NOT_SAVED_KEY])
    press(window, notices.NOT_SAVED_KEY)
    window.wait(lambda: problems(window) == [])
    window.end()
    again = opened(qtbot, windows)
    opens(again, conversation_id)
    assert title(again) == "Second title"


def test_a_conversation_is_put_into_a_folder_that_is_kept_late(qtbot: QtBot, windows: list[Whole], disk: Disk) -> None:
    window = opened(qtbot, windows)
    conversation_id = asked(window, "One")
    disk.busy_writes = 1
    window.hearth.lists.organizing.add_folder([conversation_id])
    window.wait(lambda: problems(window) == [notices.NOT_SAVED_KEY])
    press(window, notices.NOT_SAVED_KEY)
    window.wait(lambda: problems(window) == [])
    (stored,) = window.hearth.store_thread.submit(lambda store: store.list_conversations()).result(30)
    assert stored.folder_id == window.hearth.conversation_model.folders[0].id


def test_what_waits_to_be_kept_is_shown_on_the_way_back_to_its_conversation(
    qtbot: QtBot, windows: list[Whole], disk: Disk
) -> None:
    window = opened(qtbot, windows)
    first = asked(window, "One")
    window.hearth.window.begin_new()
    second = asked(window, "Two")
    opens(window, first)
    disk.is_full = True
    window.hearth.conversations.rename((first, "Another title"))
    window.hearth.conversations.set_when_full(WhenFull.STOP)
    window.wait(lambda: problems(window) == [notices.NOT_SAVED_KEY])
    opens(window, second)
    opens(window, first)
    page = window.hearth.conversations.page
    assert page is not None
    assert (page.title, page.when_full) == ("Another title", WhenFull.STOP)


def test_a_title_that_waits_to_be_kept_stays_when_the_conversation_goes_on(
    qtbot: QtBot, windows: list[Whole], disk: Disk
) -> None:
    window = opened(qtbot, windows)
    conversation_id = asked(window, "One")
    disk.busy_writes = 1
    window.hearth.conversations.rename((conversation_id, "Another title"))
    window.wait(lambda: problems(window) == [notices.NOT_SAVED_KEY])
    window.composer.send_requested.emit("Two")
    window.wait(lambda: len(window.texts()) == 4 and window.hearth.chat.is_idle)
    listed = window.hearth.conversation_model.found(conversation_id)
    assert listed is not None
    assert listed.title == "Another title"
    press(window, notices.NOT_SAVED_KEY)
    window.wait(lambda: problems(window) == [])
    stored = window.hearth.store_thread.submit(lambda store: store.load_conversation(conversation_id)).result(30)
    assert stored is not None
    assert stored.title == "Another title"


def test_undo_of_a_deletion_shows_the_title_that_waits_to_be_kept(
    qtbot: QtBot, windows: list[Whole], disk: Disk
) -> None:
    window = opened(qtbot, windows)
    conversation_id = asked(window, "One")
    disk.refused = "title_is_manual = 1"
    window.hearth.conversations.rename((conversation_id, "Another title"))
    window.wait(lambda: problems(window) == [notices.NOT_SAVED_KEY])
    window.hearth.lists.deletions.delete(conversation_id)
    window.wait(lambda: window.hearth.conversations.current_id is None)
    window.notices.undo_newest()
    window.wait(lambda: window.hearth.conversations.current_id == conversation_id)
    listed = window.hearth.conversation_model.found(conversation_id)
    assert listed is not None
    assert (listed.title, title(window)) == ("Another title", "Another title")


def with_two_versions(window: Whole) -> str:
    """Ask, and have the answer written twice."""
    conversation_id = asked(window, "One")
    row(window, 1).perform(Act.REGENERATE)
    window.wait(lambda: window.hearth.transcript_model.entry(1).version == 2 and window.hearth.chat.is_idle)
    window.until_kept()
    return conversation_id


def version(window: Whole) -> int:
    return window.hearth.transcript_model.entry(1).version


def stored_leaf(window: Whole, conversation_id: str) -> str | None:
    stored = window.hearth.store_thread.submit(lambda store: store.load_conversation(conversation_id)).result(30)
    assert stored is not None
    return stored.active_leaf_id


def shown_leaf(window: Whole) -> str:
    model = window.hearth.transcript_model
    return model.entry(model.rowCount() - 1).message.id


def test_the_version_that_was_chosen_on_a_full_disk_is_kept_later(
    qtbot: QtBot, windows: list[Whole], disk: Disk
) -> None:
    window = opened(qtbot, windows)
    conversation_id = with_two_versions(window)
    disk.refused = "SET active_leaf_id"
    row(window, 1).versions.previous_button.click()
    window.wait(lambda: version(window) == 1 and problems(window) == [notices.NOT_SAVED_KEY])
    window.hearth.window.begin_new()
    opens(window, conversation_id)
    assert version(window) == 1, "also on the way back to it"
    disk.refused = ""
    press(window, notices.NOT_SAVED_KEY)
    window.wait(lambda: problems(window) == [])
    assert stored_leaf(window, conversation_id) == shown_leaf(window)


@pytest.mark.parametrize("change", ["a question", "a deletion", "an edited answer"])
def test_a_version_that_waits_to_be_kept_hides_nothing_that_came_after_it(
    qtbot: QtBot, windows: list[Whole], disk: Disk, change: str
) -> None:
    window = opened(qtbot, windows)
    conversation_id = with_two_versions(window)
    disk.refused = "SET active_leaf_id"
    row(window, 1).versions.previous_button.click()
    window.wait(lambda: problems(window) == [notices.NOT_SAVED_KEY])
    disk.refused = ""
    if change == "a question":
        window.composer.send_requested.emit("Two")
        window.wait(lambda: len(window.texts()) == 4 and window.hearth.chat.is_idle)
    elif change == "a deletion":
        row(window, 1).perform(Act.DELETE)
        window.wait(lambda: window.hearth.transcript_model.entry(1).versions == 1)
    else:
        window.hearth.messages.messages.edit_answer((shown_leaf(window), "Rather this"))
        window.wait(lambda: window.texts() == ["One", "Rather this"])
    shown = window.texts()
    press(window, notices.NOT_SAVED_KEY)
    window.wait(lambda: problems(window) == [])
    assert window.texts() == shown
    assert stored_leaf(window, conversation_id) == shown_leaf(window)
    window.hearth.window.begin_new()
    opens(window, conversation_id)
    assert window.texts() == shown
