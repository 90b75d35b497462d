"""The palette in the whole window, on a real store: from a key to the message that was looked for."""

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, Qt
from PySide6.QtWidgets import QApplication, QTextEdit
from pytestqt.qtbot import QtBot

from app.conversations.attachment import Attachment
from app.conversations.database import Database
from app.conversations.records import Conversation, Message
from app.conversations.store import ConversationStore
from app.main import Hearth
from app.models.palette_entries import Entry, Kind
from app.paths import locate
from app.settings.schema import Theme
from app.widgets.basics.theme import DARK
from app.widgets.text.page_texts import leaves_in
from app.widgets.transcript import found_mark, found_words
from app.widgets.transcript.found_mark import FoundMark
from app.widgets.transcript.found_words import FoundWords
from app.widgets.transcript.transcript_view import TranscriptView
from engine.api.message import Role
from tests.engine_scripts import Script
from tests.scripted_engine import scripted_engine_command

TURNS = 60
LINES = "A line.\n\n" * 100
SAID = {
    7: "The needle is here.",
    9: f"{LINES}The *silver* thimbles, all **thimbles**\n\n{LINES}",
    11: f"<think>\nWhere is the bobbin?\n</think>\n\n{LINES}",
}


@pytest.fixture
def hearth(qtbot: QtBot) -> Iterator[Hearth]:
    paths = locate()
    paths.make_folders()
    store = ConversationStore(paths.database)
    messages = [
        Message(
            id=f"m{number}",
            conversation_id="long",
            parent_id=f"m{number - 1}" if number else None,
            sequence=number + 1,
            role=Role.USER if number % 2 == 0 else Role.ASSISTANT,
            content=SAID.get(number, f"Something else, number {number}. " * 20),
            created_at=1.0,
            attachments=(Attachment(name="sewing.txt", text="Thread", size_bytes=6),) if number == 4 else (),
        )
        for number in range(TURNS)
    ]
    conversation = Conversation(id="long", title="Haystack", created_at=1.0, updated_at=1.0)
    store.save_turn(conversation, messages)
    store.show_branch("long", f"m{TURNS - 1}")
    store.close()
    made = Hearth(paths, scripted_engine_command(Script(answer="Hello")))
    made.start()
    made.models.first_start.finish()
    made.window.activateWindow()
    qtbot.waitUntil(lambda: made.conversation_model.rowCount() == 1)
    yield made
    made.shut_down()
    made.window.deleteLater()
    made.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    qtbot.wait(20)


def typed(qtbot: QtBot, hearth: Hearth, text: str) -> list[Entry]:
    """Open the palette by its key, type, and return what is listed once the store has answered."""
    focused = QApplication.focusWidget()
    assert focused is not None
    qtbot.keyClick(focused, Qt.Key.Key_K, Qt.KeyboardModifier.ControlModifier)
    palette = hearth.palette.palette
    assert QApplication.focusWidget() is palette.field
    qtbot.keyClicks(palette.field, text)
    qtbot.waitUntil(lambda: hearth.palette.search._open_question is None)
    rows = [palette.model.entry(row) for row in range(palette.model.rowCount())]
    return [entry for entry in rows if entry is not None]


def choose(qtbot: QtBot, hearth: Hearth) -> None:
    qtbot.keyClick(hearth.palette.palette.field, Qt.Key.Key_Return)


@pytest.fixture
def lasting_marks(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is marked for a moment is marked until the test has looked, however long a busy machine holds it up."""
    monkeypatch.setattr(found_mark, "_SHOWN_MS", 3_600_000)
    monkeypatch.setattr(found_words, "_SHOWN_MS", 3_600_000)


@pytest.mark.usefixtures("lasting_marks")
def test_a_message_is_found_shown_and_marked(qtbot: QtBot, hearth: Hearth) -> None:
    (hit,) = typed(qtbot, hearth, "needle")
    assert (hit.kind, hit.key) == (Kind.MESSAGE, "m7")
    choose(qtbot, hearth)
    transcript = hearth.window.page.transcript
    qtbot.waitUntil(lambda: bool(transcript.findChildren(FoundMark)))
    mark = transcript.findChild(FoundMark)
    assert isinstance(mark, FoundMark)
    place = mark.mapTo(transcript.view.viewport(), mark.rect().center())
    row = hearth.transcript_model.row_of("m7")
    assert row is not None
    message = transcript.view.widget_of(row)
    assert mark.geometry().contains(message.geometry())
    assert mark.width() > message.width()  # it does not touch the text
    assert transcript.view.viewport().rect().contains(place)
    assert not transcript.view.is_following
    top = mark.y() - message.y()
    bar = transcript.view.verticalScrollBar()
    bar.setValue(bar.value() + 10)
    assert mark.y() - message.y() == top
    mark._timer.start(1)
    qtbot.waitUntil(lambda: not transcript.findChildren(FoundMark))


@pytest.mark.usefixtures("lasting_marks")
@pytest.mark.parametrize(("text", "found"), [("thimble", ["thimbles"] * 2), ("all silver", ["silver", "all"])])
def test_the_words_are_marked_and_in_sight_also_in_a_long_message(
    qtbot: QtBot, hearth: Hearth, text: str, found: list[str]
) -> None:
    assert [hit.key for hit in typed(qtbot, hearth, text)] == ["m9"]
    choose(qtbot, hearth)
    view = hearth.window.page.transcript.view
    qtbot.waitUntil(lambda: bool(marks_in(view)))
    assert [mark.cursor.selectedText() for _, mark in marks_in(view)] == found
    leaf, first = marks_in(view)[0]
    assert (
        view.viewport().rect().contains(leaf.viewport().mapTo(view.viewport(), leaf.cursorRect(first.cursor).center()))
    )
    words = view.findChild(FoundWords)
    assert isinstance(words, FoundWords)
    words._timer.start(1)
    qtbot.waitUntil(lambda: not marks_in(view))


@pytest.mark.usefixtures("lasting_marks")
def test_what_was_found_in_folded_thoughts_unfolds_and_other_marks_are_left_alone(qtbot: QtBot, hearth: Hearth) -> None:
    assert [hit.key for hit in typed(qtbot, hearth, "bobbin")] == ["m11"]
    choose(qtbot, hearth)
    view = hearth.window.page.transcript.view
    qtbot.waitUntil(lambda: bool(marks_in(view)))
    words = view.findChild(FoundWords)
    assert isinstance(words, FoundWords)
    hearth.window.actions_by_name.by_name["find"].trigger()
    field = QApplication.focusWidget()
    assert field is not None
    qtbot.keyClicks(field, "Where is")
    qtbot.waitUntil(lambda: [mark.cursor.selectedText() for _, mark in marks_in(view)] == ["Where is"])
    words._on_over()
    assert [mark.cursor.selectedText() for _, mark in marks_in(view)] == ["Where is"]


def marks_in(view: TranscriptView) -> list[tuple[QTextEdit, QTextEdit.ExtraSelection]]:
    leaves = [leaf for leaf in leaves_in(view) if isinstance(leaf, QTextEdit)]
    return [(leaf, mark) for leaf in leaves for mark in leaf.extraSelections()]


@pytest.mark.usefixtures("lasting_marks")
def test_what_is_in_a_file_is_found_and_its_message_shown(qtbot: QtBot, hearth: Hearth) -> None:
    beside = Database(locate().database, read_only=True)  # asking the store itself would disturb its quiet
    qtbot.waitUntil(lambda: not beside.number("SELECT count(*) FROM unread_attachments"))
    beside.close()
    (hit,) = typed(qtbot, hearth, "thread")
    assert hit.key == "m4"
    assert hit.detail.startswith("In sewing.txt: ")
    choose(qtbot, hearth)
    transcript = hearth.window.page.transcript
    qtbot.waitUntil(lambda: bool(transcript.findChildren(FoundMark)))


def test_a_command_is_done_and_a_setting_is_gone_to(qtbot: QtBot, hearth: Hearth) -> None:
    found = typed(qtbot, hearth, "> sidebar")
    assert found[0].key == "sidebar"
    choose(qtbot, hearth)
    assert not hearth.window.sidebar.isVisible()
    found = typed(qtbot, hearth, "# instructions")
    choose(qtbot, hearth)
    dialog = hearth.window.dialogs.settings_dialog
    assert dialog is not None
    qtbot.waitUntil(dialog.isVisible)
    assert dialog.row(found[0].key).isVisible()
    dialog.close()


def test_a_conversation_is_opened_by_its_title(qtbot: QtBot, hearth: Hearth) -> None:
    found = typed(qtbot, hearth, "hay")
    assert found[0].title == "Haystack"
    choose(qtbot, hearth)
    qtbot.waitUntil(lambda: hearth.conversations.current_id == "long")
    assert not hearth.palette.palette.isVisible()


def test_it_takes_the_windows_new_look_while_it_is_open(qtbot: QtBot, hearth: Hearth) -> None:
    palette = hearth.palette.palette
    typed(qtbot, hearth, "answer")
    hearth.settings.change(("theme", Theme.DARK))
    qtbot.waitUntil(lambda: hearth.window.theme.dark)
    current = palette.lines.visualRect(palette.lines.currentIndex())
    page = palette.lines.viewport().grab().toImage()
    assert page.pixelColor(current.left() + 12, current.center().y()).name() == DARK.colors.pressed
