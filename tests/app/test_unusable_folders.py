"""A window whose folders can't be written: it opens, says so in a sentence, and what is said waits to be saved."""

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from app import cli
from app.controllers import notices, store_requests
from app.conversations.errors import StoreBusy
from app.conversations.store import ConversationStore
from app.paths import locate
from tests.app.test_full_disk_flow import press
from tests.app.test_nothing_lost import asked, opens
from tests.app.whole import Whole, opened


def told(window: Whole) -> dict[str, str]:
    return {each.notice.key: each.notice.text for each in window.notices.rows}


def test_conversations_are_read_and_what_is_said_waits_until_it_can_be_saved(
    qtbot: QtBot, windows: list[Whole], folder_is_open: Callable[[bool], None]
) -> None:
    window = opened(qtbot, windows)
    conversation_id = asked(window, "One")
    window.end()
    folder_is_open(False)
    again = opened(qtbot, windows)
    again.wait(lambda: "store:0" in told(again))
    assert "can be read, but nothing new can be saved there" in told(again)["store:0"]
    opens(again, conversation_id)
    assert again.texts() == ["One", "You said: One"]
    again.say("Two")
    again.wait(lambda: notices.NOT_SAVED_KEY in told(again) and again.composer.chips.queue == ("Two",))
    folder_is_open(True)
    press(again, notices.NOT_SAVED_KEY)
    again.wait(lambda: again.texts() == ["One", "You said: One", "Two", "You said: Two"] and again.hearth.chat.is_idle)
    again.wait(lambda: notices.NOT_SAVED_KEY not in told(again))
    again.end()
    last = opened(qtbot, windows)
    opens(last, conversation_id)
    assert last.texts() == ["One", "You said: One", "Two", "You said: Two"]


def test_a_private_conversation_needs_no_folder(
    qtbot: QtBot, windows: list[Whole], folder_is_open: Callable[[bool], None]
) -> None:
    folder_is_open(False)
    window = opened(qtbot, windows)
    window.wait(lambda: "Private conversations can be had without it" in told(window).get("store:0", ""))
    window.hearth.window.new_private_requested.emit()
    window.say("Between us")
    window.wait(lambda: window.texts() == ["Between us", "You said: Between us"] and window.hearth.chat.is_idle)
    assert notices.NOT_SAVED_KEY not in told(window)


def test_what_can_not_be_saved_says_so_and_can_be_asked_privately(
    qtbot: QtBot, windows: list[Whole], folder_is_open: Callable[[bool], None]
) -> None:
    folder_is_open(False)
    window = opened(qtbot, windows)
    window.say("Hello")
    window.wait(lambda: window.composer.chips.queue == ("Hello",) and notices.NOT_SAVED_KEY in told(window))
    window.wait(lambda: window.composer.chips._chips[0].waiting.toolTip() == "Waits until it can be saved")
    row = next(each for each in window.notices.rows if each.notice.key == notices.NOT_SAVED_KEY)
    button = next(each for each in row.choice_buttons if each.text() == "Ask in a private conversation")
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    window.wait(lambda: window.hearth.conversations.is_private and window.composer.text == "Hello")
    window.composer.button.click()
    window.wait(lambda: window.texts() == ["Hello", "You said: Hello"] and window.hearth.chat.is_idle)


def test_what_is_asked_privately_takes_its_attachments_along(
    qtbot: QtBot, windows: list[Whole], folder_is_open: Callable[[bool], None]
) -> None:
    folder_is_open(False)
    window = opened(qtbot, windows)
    window.hearth.conversations.new_private()
    window.composer.editor.setPlainText("Begun before")
    window.hearth.window.begin_new()
    window.composer.editor.long_text_pasted.emit("A long text")
    window.say("Hello")
    window.wait(lambda: window.composer.chips.queue == ("Hello",) and notices.NOT_SAVED_KEY in told(window))
    left_id = window.hearth.conversations.current_id
    row = next(each for each in window.notices.rows if each.notice.key == notices.NOT_SAVED_KEY)
    next(each for each in row.choice_buttons if each.text() == "Ask in a private conversation").click()
    window.wait(lambda: window.composer.text == "Hello\n\nBegun before")
    assert window.hearth.conversations.is_private
    assert [item.name for item in window.composer.attachments.items] == ["Pasted text"]
    drafts = window.hearth.conversations.drafts
    assert left_id is not None
    assert (drafts.draft(left_id, "?"), drafts.attachments(left_id)) == ("", ())
    window.composer.button.click()
    window.wait(lambda: len(window.texts()) == 2 and window.hearth.chat.is_idle)
    assert [each.name for each in window.hearth.transcript_model.entry(0).message.attachments] == ["Pasted text"]


def test_a_message_that_can_not_be_saved_keeps_no_private_one_waiting(
    qtbot: QtBot, windows: list[Whole], folder_is_open: Callable[[bool], None]
) -> None:
    folder_is_open(False)
    window = opened(qtbot, windows)
    window.say("Hello")
    window.wait(lambda: window.composer.chips.queue == ("Hello",) and notices.NOT_SAVED_KEY in told(window))
    window.hearth.window.new_private_requested.emit()
    window.say("Between us")
    window.wait(lambda: window.texts() == ["Between us", "You said: Between us"])


def test_a_folder_of_settings_that_is_none_is_told_in_the_window(qtbot: QtBot, windows: list[Whole]) -> None:
    window = opened(qtbot, windows)
    paths = locate()
    config = paths.config.rename(paths.config.with_name("elsewhere"))
    paths.config.write_text("")
    window.hearth.tell_unusable(paths.unusable_folders())
    assert str(paths.config) in told(window)["folder"]
    assert "HEARTH_HOME" in told(window)["folder"]
    window.hearth.settings.change(("text_size_px", 18))
    window.wait(lambda: any("settings could not be saved" in text for text in told(window).values()))
    paths.config.unlink()
    config.rename(paths.config)


def test_the_command_opens_the_window_although_a_folder_is_unusable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HEARTH_HOME", str(tmp_path / "file"))
    windows: list[Path] = []
    monkeypatch.setattr(cli, "_open_window", lambda paths: windows.append(paths.data) or 0)
    assert cli.main([]) == 0
    assert windows == [tmp_path / "file" / "data"]


def test_a_list_that_could_not_be_read_at_first_is_read_later(
    qtbot: QtBot, windows: list[Whole], monkeypatch: pytest.MonkeyPatch
) -> None:
    window = opened(qtbot, windows)
    conversation_id = asked(window, "One")
    window.end()
    monkeypatch.setattr(store_requests, "_ASKED_AGAIN_SECONDS", (0.01,))
    is_busy = True
    list_conversations = ConversationStore.list_conversations

    def listed(store: ConversationStore, deleted: bool = False) -> object:
        if is_busy:
            raise StoreBusy("Another program is using the conversations.")
        return list_conversations(store, deleted)

    monkeypatch.setattr(ConversationStore, "list_conversations", listed)
    again = opened(qtbot, windows)
    again.wait(lambda: "Another program" in told(again).get(notices.STORE_KEY, ""))
    assert again.hearth.conversation_model.rowCount() == 0
    is_busy = False
    again.wait(lambda: again.hearth.conversations.current_id == conversation_id)
    assert notices.STORE_KEY not in told(again)
