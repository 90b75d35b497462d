"""What screen readers are told of what happens elsewhere in the window, and what they are spared."""

import re
from collections.abc import Iterator

import msgspec
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from pytestqt.qtbot import QtBot

from app.conversations.attachment import Attachment
from app.models.attachment_item import AttachmentItem
from app.models.notice import Notice, Severity
from app.widgets.access.announcing import LateAnnouncement
from app.widgets.transcript.announcements import ending_words
from app.widgets.transcript.transcript_find import TranscriptFind
from app.widgets.window.palette import Palette
from tests.app.widgets.conftest import Said, Shown
from tests.app.widgets.demo_conversation import PLAN, answer, entries, user
from tests.app.widgets.window.test_palette import FOUND


def test_notices_are_said_and_errors_interrupt(shown: Shown, said: Said) -> None:
    shown.window.show_notice(Notice(key="a", text="“Bread” was deleted.", action="Undo", action_key="undo_x"))
    shown.window.show_notice(Notice(key="b", text="The engine stopped.", severity=Severity.ERROR))
    assert said == [("“Bread” was deleted. Undo", False), ("The engine stopped.", True)]


def test_progress_is_said_once(shown: Shown, said: Said) -> None:
    for percent in range(0, 100, 5):
        shown.window.show_notice(Notice(key="p", text=f"Importing {percent} %", is_progress=True))
    assert said == [("Importing 0 %", False)]


def test_copying_is_said_whatever_was_copied(qtbot: QtBot, shown: Shown, said: Said) -> None:
    shown.window.activateWindow()
    qtbot.waitUntil(shown.window.isActiveWindow)
    shown.transcript.set_entries(entries([user(1, "Hi"), answer(2, "Hello")]))
    shown.window.page.copy_last_answer()
    assert QGuiApplication.clipboard().text() == "Hello"
    assert said == [("Copied", False)]


def test_a_model_that_is_loaded_is_said_once(shown: Shown, said: Said) -> None:
    for phase in ("Loading 10 %", "Loading 60 %", ""):
        shown.window.set_loading(phase)
    shown.window.set_plan(PLAN)
    shown.window.set_plan(msgspec.structs.replace(PLAN, context_window=4096))
    shown.window.set_plan(None)
    assert said == [(f"{PLAN.name} is loaded.", False), ("No model is loaded.", False)]


def test_attachments_that_are_read_or_refused_are_said(shown: Shown, said: Said) -> None:
    bar = shown.window.page.composer.attachments
    whole = Attachment(name="a.pdf", text="words", size_bytes=5)
    bar.set_items((AttachmentItem("k", "a.pdf"), AttachmentItem("old", "b.txt", replaced(whole, "b.txt"))))
    assert said == []
    bar.set_items((AttachmentItem("k", "a.pdf", whole),))
    bar.show_problem("photo.png is a picture.")
    bar.show_problem("photo.png is a picture.")
    assert said == [("a.pdf, 5 characters is attached.", False), ("photo.png is a picture.", True)]


def replaced(attachment: Attachment, name: str) -> Attachment:
    return msgspec.structs.replace(attachment, name=name)


def search(qtbot: QtBot, finder: TranscriptFind, words: str) -> None:
    """Type, and end the pause after it once all is counted: on a busy machine it could end before."""
    pauses = [each._timer for each in finder.findChildren(LateAnnouncement)]
    for pause in pauses:
        pause.setInterval(3_600_000)
    finder.open()
    qtbot.keyClicks(finder.bar.field, words)
    qtbot.waitUntil(lambda: finder.search.total > 0 and not finder.search.is_searching)
    for pause in pauses:
        assert pause.isActive()
        pause.setInterval(1)


def test_the_number_of_matches_is_said_after_typing(qtbot: QtBot, shown: Shown, said: Said) -> None:
    shown.transcript.set_entries(entries([user(1, "tides and tides"), answer(2, "tides")]))
    finder = shown.window.page.finder
    search(qtbot, finder, "tides")
    assert said == []
    qtbot.waitUntil(lambda: bool(said))
    qtbot.wait(50)
    assert said == [("1 of 3. tides and tides", False)]
    finder.close()


def test_a_match_is_said_with_the_words_around_it(qtbot: QtBot, shown: Shown, said: Said) -> None:
    long = f"{'before ' * 100}the moon {'behind ' * 100}"
    shown.transcript.set_entries(entries([user(1, "The moon?"), answer(2, f"One line.\n\n{long}")]))
    finder = shown.window.page.finder
    search(qtbot, finder, "moon")
    qtbot.waitUntil(lambda: said == [("1 of 2. The moon?", False)])
    finder.go_on()
    qtbot.waitUntil(lambda: len(said) == 2)
    assert re.fullmatch(r"2 of 2\. ….*before the moon behind .*…", said[1][0])
    assert len(said[1][0]) < 200
    finder.close()


def test_a_search_that_is_over_says_no_more(qtbot: QtBot, shown: Shown, said: Said) -> None:
    shown.transcript.set_entries(entries([user(1, "tides"), answer(2, "tides")]))
    finder = shown.window.page.finder
    search(qtbot, finder, "tides")
    qtbot.waitUntil(lambda: bool(said))
    said.clear()
    qtbot.keyClick(finder.bar.field, Qt.Key.Key_Escape)
    qtbot.wait(50)
    assert said == []


@pytest.fixture
def palette(shown: Shown, said: Said) -> Iterator[Palette]:
    made = Palette(shown.window.theme, shown.window)
    made.typed.connect(lambda text: made.set_entries(FOUND if text != "x" else []))
    made.open()
    yield made
    made.leave()


def test_what_was_found_is_said_after_typing(qtbot: QtBot, palette: Palette, said: Said) -> None:
    palette.field.setText("tid")
    assert said == []
    qtbot.waitUntil(lambda: bool(said))
    assert said == [("Found: 4. Tides, Today", False)]
    palette.field.setText("x")
    qtbot.waitUntil(lambda: len(said) == 2)
    assert said[1][0].startswith("Nothing was found")


def test_each_step_through_what_was_found_is_said(palette: Palette, said: Said) -> None:
    palette.field.setText("tides")
    palette.field.stepped.emit(1)
    assert said == [("The moon, Yesterday", False)]


def test_who_steps_on_is_not_told_of_the_first_one_late(palette: Palette, said: Said) -> None:
    palette.field.setText("tides")
    assert palette._found._timer.isActive()
    palette.field.stepped.emit(1)
    assert not palette._found._timer.isActive()
    assert said == [("The moon, Yesterday", False)]


def test_how_an_answer_begins_is_said_without_thoughts_and_markup() -> None:
    message = answer(2, "<think>They want **one**.</think>\n\nIt is **Paris**, see [this](https://example.org).")
    assert ending_words(message) == "The answer is finished. It is Paris, see this (link to example.org)."
