"""What is typed is never lost: in the whole window, at the moments at which a page goes away under the fingers."""

import time
from pathlib import Path

from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from app.widgets.transcript.message_actions import Act
from app.widgets.transcript.message_widget import MessageWidget
from tests.app.whole import Whole, opened
from tests.engine_scripts import Script

SLOW = Script(answer="one two three four five six seven eight nine ten ", repeat=1_000, delay_seconds=0.05)


def asked(window: Whole, text: str) -> str:
    """Ask in the shown conversation and return its id once it is answered."""
    window.say(text)
    window.wait(lambda: window.texts()[-2:] == [text, f"You said: {text}"] and window.hearth.chat.is_idle)
    return str(window.hearth.conversations.current_id)


def row(window: Whole, place: int) -> MessageWidget:
    return window.hearth.window.page.transcript.view.reveal(place)


def opens(window: Whole, conversation_id: str) -> None:
    window.hearth.window.open_conversation(conversation_id)
    window.wait(lambda: window.hearth.conversations.current_id == conversation_id)


def test_typing_goes_on_while_another_conversation_is_being_read(qtbot: QtBot, windows: list[Whole]) -> None:
    window = opened(qtbot, windows)
    first = asked(window, "One")
    window.hearth.window.begin_new()
    second = asked(window, "Two")
    window.hearth.store_thread.submit(lambda store: time.sleep(0.2))  # a slow disk
    window.hearth.window.open_conversation(first)
    qtbot.keyClicks(window.composer.editor, "still in the second")
    window.wait(lambda: window.hearth.conversations.current_id == first)
    assert window.composer.text == ""
    opens(window, second)
    assert window.composer.text == "still in the second"


def test_typing_goes_on_while_a_branch_is_made(qtbot: QtBot, windows: list[Whole]) -> None:
    window = opened(qtbot, windows)
    first = asked(window, "One")
    window.hearth.window.branch_from(window.hearth.transcript_model.entry(1).message.id)
    qtbot.keyClicks(window.composer.editor, "in the first")
    window.wait(lambda: window.hearth.conversations.current_id != first)
    opens(window, first)
    assert window.composer.text == "in the first"


def test_a_waiting_message_comes_back_before_what_was_typed_a_moment_ago(qtbot: QtBot, windows: list[Whole]) -> None:
    window = opened(qtbot, windows, SLOW)
    window.say("First")
    window.wait(lambda: len(window.texts()) == 2)
    window.say("Second")
    window.wait(lambda: window.composer.chips.queue == ("Second",))
    qtbot.keyClicks(window.composer.editor, "third")
    window.composer.chips.edit_requested.emit(0)
    assert window.composer.text == "Second\n\nthird"
    window.hearth.chat.stop()
    window.wait(lambda: window.hearth.chat.is_idle)


def test_a_deleted_conversation_comes_back_with_what_waited_and_what_was_typed(
    qtbot: QtBot, windows: list[Whole]
) -> None:
    window = opened(qtbot, windows, SLOW)
    window.say("First")
    window.wait(lambda: len(window.texts()) == 2)
    window.say("Second")
    window.wait(lambda: window.composer.chips.queue == ("Second",))
    qtbot.keyClicks(window.composer.editor, "third")
    conversation_id = str(window.hearth.conversations.current_id)
    window.hearth.window.delete_shown()
    assert window.composer.text == ""
    window.notices.undo_newest()
    window.wait(lambda: window.hearth.conversations.current_id == conversation_id)
    assert window.composer.text == "Second\n\nthird"
    assert window.composer.chips.queue == ()
    window.wait(lambda: window.hearth.chat.is_idle)


def test_an_example_leaves_what_is_typed_and_keeps_it(qtbot: QtBot, windows: list[Whole]) -> None:
    window = opened(qtbot, windows)
    qtbot.keyClicks(window.composer.editor, "half a thought")
    qtbot.wait(400)  # until it is kept as the page's draft
    window.hearth.window.page.empty_state.prompt_chosen.emit("What is the capital of France?")
    window.wait(lambda: len(window.texts()) == 2 and window.hearth.chat.is_idle)
    conversation_id = str(window.hearth.conversations.current_id)
    window.hearth.window.begin_new()
    assert window.composer.text == ""
    opens(window, conversation_id)
    assert window.composer.text == "half a thought"


def test_an_edit_that_was_begun_is_there_when_its_conversation_is_shown_again(
    qtbot: QtBot, windows: list[Whole]
) -> None:
    window = opened(qtbot, windows)
    first = asked(window, "One")
    row(window, 0).perform(Act.EDIT)
    row(window, 1).perform(Act.EDIT)  # nothing is changed in this one
    editor = row(window, 0).editor
    assert editor is not None
    editor.editor.set_text("One, but better")
    window.hearth.window.begin_new()
    asked(window, "Two")
    opens(window, first)
    again = row(window, 0).editor
    assert again is not None
    assert again.editor.text == "One, but better"
    assert row(window, 1).editor is None
    qtbot.mouseClick(again.save_button, Qt.MouseButton.LeftButton)
    window.wait(lambda: window.texts() == ["One, but better", "You said: One, but better"])
    assert row(window, 0).editor is None


def test_a_stored_draft_survives_an_edit_that_waits(qtbot: QtBot, windows: list[Whole], tmp_path: Path) -> None:
    window = opened(qtbot, windows)
    conversation_id = asked(window, "One")
    qtbot.keyClicks(window.composer.editor, "half a thought")
    window.end()
    windows.clear()
    again = Whole(qtbot, Script(loads_after=str(tmp_path / "now")))  # so that the edit has to wait
    windows.append(again)
    again.wait(lambda: again.composer.text == "half a thought")
    message_id = again.hearth.transcript_model.entry(0).message.id
    again.hearth.chat.edit((message_id, "One, but better"))
    again.wait(lambda: again.composer.chips.queue == ("One, but better",))
    (tmp_path / "now").touch()
    again.wait(lambda: again.hearth.chat.is_idle)
    again.hearth.window.begin_new()
    opens(again, conversation_id)
    assert again.composer.text == "half a thought"


def test_each_of_several_deletions_can_be_undone(qtbot: QtBot, windows: list[Whole]) -> None:
    window = opened(qtbot, windows)
    for text in ("One", "Two", "Three", "Four", "Five"):
        window.hearth.window.begin_new()
        asked(window, text)
    model = window.hearth.conversation_model
    while model.rowCount():
        window.hearth.lists.deletions.delete(model.conversation(0).id)
    for count in range(1, 6):
        window.notices.undo_newest()
        window.wait(lambda count=count: model.rowCount() == count)


def test_a_conversation_deleted_as_its_answer_begins_does_not_come_back_by_itself(
    qtbot: QtBot, windows: list[Whole]
) -> None:
    window = opened(qtbot, windows, SLOW)
    listed = window.hearth.conversation_model
    window.hearth.store_thread.submit(lambda store: time.sleep(0.2))  # a slow disk
    window.say("First")
    window.hearth.window.delete_shown()
    window.wait(lambda: window.hearth.chat.is_idle)
    assert listed.rowCount() == 0
    window.notices.undo_newest()
    window.wait(lambda: listed.rowCount() == 1 and window.texts()[:1] == ["First"])


def test_what_is_begun_while_the_list_is_still_being_read_stays_in_it(qtbot: QtBot, windows: list[Whole]) -> None:
    window = opened(qtbot, windows)
    asked(window, "Long ago")
    window.end()
    windows.clear()
    window = Whole(qtbot, "echo")  # which has not turned the loop yet
    windows.append(window)
    window.say("One")
    window.hearth.window.begin_new()
    window.say("Two")
    window.wait(lambda: window.hearth.conversation_model.rowCount() == 3)
    window.wait(lambda: window.hearth.chat.is_idle)
    assert window.hearth.conversation_model.rowCount() == 3


def test_what_was_typed_before_a_message_was_recalled_is_there_on_the_way_back(
    qtbot: QtBot, windows: list[Whole]
) -> None:
    window = opened(qtbot, windows)
    first = asked(window, "One")
    window.hearth.window.begin_new()
    second = asked(window, "Two")
    opens(window, first)
    qtbot.keyClicks(window.composer.editor, "half a thought")
    window.hearth.window.actions_by_name.older_text.trigger()
    window.wait(lambda: window.composer.text == "One")
    opens(window, second)
    opens(window, first)
    assert window.composer.text == "half a thought"
    window.hearth.window.actions_by_name.older_text.trigger()
    window.wait(lambda: window.composer.text == "One")
    window.end()
    again = opened(qtbot, windows)
    again.wait(lambda: again.composer.text == "half a thought")
    again.hearth.window.actions_by_name.older_text.trigger()
    again.wait(lambda: again.composer.text == "One")
    qtbot.keyClicks(again.composer.editor, "!")  # now it is a text of its own
    opens(again, second)
    opens(again, first)
    assert again.composer.text == "One!"


def test_who_types_on_before_an_earlier_message_is_found_keeps_that(qtbot: QtBot, windows: list[Whole]) -> None:
    window = opened(qtbot, windows)
    asked(window, "One")
    window.hearth.store_thread.submit(lambda store: time.sleep(0.2))  # a slow disk
    with qtbot.waitSignal(window.hearth.composer.recalls.recalled):
        window.hearth.window.actions_by_name.older_text.trigger()
        qtbot.keyClicks(window.composer.editor, "typed on")
    assert window.composer.text == "typed on"
    window.hearth.window.actions_by_name.older_text.trigger()
    window.wait(lambda: window.composer.text == "One")
    window.hearth.window.actions_by_name.newer_text.trigger()
    window.wait(lambda: window.composer.text == "typed on")


def test_a_title_given_while_the_conversation_is_being_read_is_shown(qtbot: QtBot, windows: list[Whole]) -> None:
    window = opened(qtbot, windows)
    first = asked(window, "One")
    window.hearth.window.begin_new()
    window.hearth.store_thread.submit(lambda store: time.sleep(0.2))  # a slow disk
    window.hearth.window.open_conversation(first)
    window.hearth.conversations.rename((first, "Another title"))
    window.wait(lambda: window.hearth.conversations.current_id == first)
    assert window.hearth.conversations.page is not None
    assert window.hearth.conversations.page.title == "Another title"


def test_a_conversation_deleted_while_it_is_being_read_is_not_shown(qtbot: QtBot, windows: list[Whole]) -> None:
    window = opened(qtbot, windows)
    first = asked(window, "One")
    window.hearth.window.begin_new()
    second = asked(window, "Two")
    window.hearth.window.open_conversation(first)
    window.hearth.lists.deletions.delete(first)
    window.hearth.store_thread.submit(lambda store: None).result(30)
    qtbot.wait(50)  # what was read arrives
    assert window.hearth.conversations.current_id == second
    window.notices.undo_newest()
    window.wait(lambda: window.hearth.conversations.current_id == first)
