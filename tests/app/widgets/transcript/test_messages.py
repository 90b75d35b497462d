from collections.abc import Callable
from dataclasses import replace

import msgspec
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QLabel, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from app.conversations.records import Message, MessageState
from app.models.message_edit import MessageEdits
from app.models.transcript_model import TranscriptEntry
from app.widgets.basics.code_label import CodeLabel
from app.widgets.basics.details_button import DetailsButton
from app.widgets.basics.theme import TEXT_COLUMN_PX, Theme, theme_for
from app.widgets.transcript.assistant_message import AssistantMessage
from app.widgets.transcript.message_editor import MessageEditor
from app.widgets.transcript.message_mark import Remedy, mark_of
from app.widgets.transcript.message_rows import estimate_height, make_row
from app.widgets.transcript.message_widget import MessageWidget, RowStyle
from app.widgets.transcript.statistics_line import StatisticsDetails
from app.widgets.transcript.user_message import FOLDED_CHARACTERS, UserMessage
from engine.api.errors import ErrorKind, ErrorReport
from engine.api.events import FinishReason
from tests.app.widgets.demo_conversation import CODE_ANSWER, answer, user

WIDTH = 700


@pytest.fixture
def paper(qtbot: QtBot, theme: Theme) -> QWidget:
    widget = QWidget()
    qtbot.addWidget(widget)
    widget.resize(WIDTH, 600)
    with qtbot.waitExposed(widget):
        widget.show()
    return widget


def row(paper: QWidget, theme: Theme, entry: TranscriptEntry, is_last: bool = True, **style: bool) -> MessageWidget:
    widget = make_row(entry, RowStyle(theme, **style), paper)
    widget.show_entry(entry, is_last)
    widget.resize(WIDTH, widget.height_at(WIDTH))
    widget.show()
    return widget


def assistant(paper: QWidget, theme: Theme, message: Message, **style: bool) -> AssistantMessage:
    widget = row(paper, theme, TranscriptEntry(message), **style)
    assert isinstance(widget, AssistantMessage)
    return widget


def user_row(paper: QWidget, theme: Theme, content: str, **style: bool) -> UserMessage:
    widget = row(paper, theme, TranscriptEntry(user(1, content)), **style)
    assert isinstance(widget, UserMessage)
    return widget


TOO_LONG = ErrorReport(ErrorKind.MESSAGE_TOO_LONG, "Too long.", "Choose a larger context window.")


def failed(hint: str = "Try a smaller model.") -> Message:
    error = ErrorReport(kind=ErrorKind.OUT_OF_MEMORY, message="Memory ran out.", hint=hint, details="trace")
    return msgspec.structs.replace(answer(1, "", MessageState.FAILED), error=error, statistics=None)


@pytest.mark.parametrize(
    ("message", "words", "remedy"),
    [
        (answer(1, "Half", MessageState.STOPPED), "You stopped this answer.", Remedy.CONTINUE),
        (answer(1, "", MessageState.STOPPED), "You stopped this answer.", Remedy.TRY_AGAIN),
        (answer(1, "Half", MessageState.INTERRUPTED), "What was written is kept.", Remedy.CONTINUE),
        (answer(1, "", MessageState.INTERRUPTED), "before it began", Remedy.TRY_AGAIN),
        (failed(), "Memory ran out. Your message is kept. Try a smaller model.", Remedy.TRY_AGAIN),
        (
            msgspec.structs.replace(failed(), content="Half"),
            "Memory ran out. What was written is kept. Try a smaller model.",
            Remedy.CONTINUE,
        ),
        (
            msgspec.structs.replace(failed(), content="Half", error=TOO_LONG),
            "Too long. What was written is kept. Choose a larger context window.",
            Remedy.NEW_CONVERSATION,  # it can't be written on in this window
        ),
        (
            msgspec.structs.replace(failed(), error=None),
            "Something went wrong while this was written. Your message is kept.",
            Remedy.TRY_AGAIN,
        ),
        (
            msgspec.structs.replace(answer(1, "Half"), finish_reason=FinishReason.MAXIMUM_TOKENS),
            "length limit",
            Remedy.CONTINUE,
        ),
        (
            msgspec.structs.replace(answer(1, "Half"), finish_reason=FinishReason.CONTEXT_FULL),
            "Start a new conversation",
            Remedy.NEW_CONVERSATION,
        ),
    ],
)
def test_marks(message: Message, words: str, remedy: Remedy) -> None:
    mark = mark_of(message, is_last=True)
    assert mark is not None
    assert words in mark.text
    assert mark.remedy is remedy
    earlier = mark_of(message, is_last=False)
    assert earlier is not None
    assert earlier.remedy is Remedy.NONE
    assert "Start a new conversation" not in earlier.text, "it has gone on"


def test_what_was_kept_is_said_once() -> None:
    error = ErrorReport(ErrorKind.DEVICE_LOST, "The card stopped.", "What was written is kept. Load it again.")
    mark = mark_of(msgspec.structs.replace(failed(), content="Half", error=error), is_last=True)
    assert mark is not None
    assert mark.text == error.sentence()


def test_the_details_of_a_failure_are_folded_and_can_be_copied(qtbot: QtBot, paper: QWidget, theme: Theme) -> None:
    error = ErrorReport(ErrorKind.DEVICE_LOST, "The card stopped.", "Load it again.", details="error 719")
    shown = assistant(paper, theme, msgspec.structs.replace(failed(), error=error))
    assert shown.mark.copy_button not in shown.focus_stops()
    details = next(each for each in shown.mark.findChildren(QPushButton) if each.text() == "Details")
    qtbot.keyClick(details, Qt.Key.Key_Space)
    assert shown.mark.copy_button in shown.focus_stops()
    qtbot.keyClick(shown.mark.copy_button, Qt.Key.Key_Space)
    assert QGuiApplication.clipboard().text() == "The card stopped. Your message is kept. Load it again.\n\nerror 719"
    qtbot.keyClick(details, Qt.Key.Key_Space)
    assert not shown.mark.copy_button.isVisible()


def test_the_details_of_a_failure_are_set_like_code(qtbot: QtBot, paper: QWidget, theme: Theme) -> None:
    trace = '  File "lanes.py", line 266\n    run(all)\n    ~~~^^^^^\nMemoryError'
    error = ErrorReport(ErrorKind.DEVICE_LOST, "The card stopped.", "Load it again.", details=f"{trace}\n")
    shown = assistant(paper, theme, msgspec.structs.replace(failed(), error=error))
    details = next(each for each in shown.mark.findChildren(QLabel) if "MemoryError" in each.text())
    details.ensurePolished()
    assert details.text() == trace, "no empty line below, and the first one as far in as the others"
    assert len({details.fontMetrics().horizontalAdvance(sign) for sign in "i~^W"}) == 1, (
        "the marks stand below what they mean"
    )


def test_long_lines_of_details_go_on_behind_their_own_indentation(qtbot: QtBot, paper: QWidget, theme: Theme) -> None:
    trace = 'Traceback:\n  File "a/long/path/of/a/file/that/is/too/long.py", line 266, in a_function_with_a_name\nError'
    error = ErrorReport(ErrorKind.DEVICE_LOST, "The card stopped.", "Load it again.", details=trace)
    shown = assistant(paper, theme, msgspec.structs.replace(failed(), error=error))
    shown.mark.findChildren(DetailsButton)[0].click()
    details = shown.mark.findChildren(CodeLabel)[0]
    details.resize(300, 100)
    lines = details.text().split("\n")
    assert lines[0] == "Traceback:"
    assert lines[1].startswith("  File")
    assert len(lines) > 4
    assert all(line.startswith("      ") for line in lines[2:-1])
    widest = max(details.fontMetrics().horizontalAdvance(line) for line in lines)
    assert widest <= 300
    picture = QLabel(details.text())
    picture.setProperty("role", "code")
    qtbot.addWidget(picture)
    picture.ensurePolished()
    assert details.heightForWidth(300) >= picture.sizeHint().height(), "as high as a label of these lines"


def test_a_finished_answer_has_no_mark() -> None:
    assert mark_of(answer(1, "All"), is_last=True) is None


def test_continue_and_try_again_ask_for_the_right_thing(qtbot: QtBot, paper: QWidget, theme: Theme) -> None:
    stopped = assistant(paper, theme, answer(1, "Half", MessageState.STOPPED))
    with qtbot.waitSignal(stopped.continue_requested) as asked:
        qtbot.mouseClick(stopped.mark.button, Qt.MouseButton.LeftButton)
    assert asked.args == ["a1"]
    broken = assistant(paper, theme, failed())
    with qtbot.waitSignal(broken.regenerate_requested) as again:
        qtbot.mouseClick(broken.mark.button, Qt.MouseButton.LeftButton)
    assert again.args == ["a1"]


def test_while_busy_nothing_is_asked_of_the_engine(qtbot: QtBot, paper: QWidget, theme: Theme) -> None:
    stopped = assistant(paper, theme, answer(1, "Half", MessageState.STOPPED), busy=True)
    assert not stopped.mark.button.isEnabled()
    assert not stopped.regenerate_button.isEnabled()
    question = user_row(paper, theme, "Hello", busy=True)
    question.begin_editing()
    assert question.editor is None


def test_while_it_is_written_the_phase_stands_for_the_statistics(qtbot: QtBot, paper: QWidget, theme: Theme) -> None:
    streaming = answer(1, "", MessageState.STREAMING)
    widget = row(paper, theme, TranscriptEntry(streaming, phase="Reading 320 of 640 tokens"))
    assert isinstance(widget, AssistantMessage)
    assert widget.phase.isVisible()
    assert widget.phase.text() == "Reading 320 of 640 tokens"
    assert not widget.statistics.isVisible()
    assert not widget.copy_button.isVisible()
    widget.show_entry(TranscriptEntry(answer(1, "Done.")), is_last=True)
    assert not widget.phase.isVisible()
    assert "42 tokens" in widget.statistics.shown_text()


def test_an_answer_without_text_is_as_high_as_its_phase(qtbot: QtBot, paper: QWidget, theme: Theme) -> None:
    waiting = answer(1, "", state=MessageState.STREAMING)
    widget = row(paper, theme, TranscriptEntry(waiting, phase="Reading 320 of 640 tokens"))
    assert isinstance(widget, AssistantMessage)
    assert widget.height_at(600) >= widget.phase.sizeHint().height() > 10


def test_the_statistics_line_fits_and_tells_all_on_click(qtbot: QtBot, paper: QWidget, theme: Theme) -> None:
    paper.resize(TEXT_COLUMN_PX, 600)
    widget = assistant(paper, theme, answer(1, "Done."))
    widget.resize(TEXT_COLUMN_PX, widget.height_at(TEXT_COLUMN_PX))
    qtbot.wait(1)
    assert widget.statistics.shown_text().startswith("SmolLM2 135M Instruct · BF16")
    widget.resize(380, widget.height_at(380))
    qtbot.wait(1)
    assert widget.statistics.shown_text().endswith("reused 6,412, read 38")
    assert widget.statistics.fontMetrics().horizontalAdvance(widget.statistics.shown_text()) > 0
    qtbot.mouseClick(widget.statistics, Qt.MouseButton.LeftButton)
    details = widget.statistics.findChild(StatisticsDetails)
    assert isinstance(details, StatisticsDetails)
    assert "31 tokens per second" in [label.text() for label in details.findChildren(QLabel)]
    assert "Speed: 31 tokens per second" in details.accessibleDescription()
    qtbot.mouseClick(details.copy_button, Qt.MouseButton.LeftButton)
    assert "Speed: 31 tokens per second\n" in QGuiApplication.clipboard().text()
    assert not details.isVisible()


def test_the_details_are_there_without_the_line_and_close_with_escape(
    qtbot: QtBot, paper: QWidget, theme: Theme
) -> None:
    widget = assistant(paper, theme, answer(1, "Done."), show_statistics=False)
    widget.show_details()
    details = widget.statistics.findChild(StatisticsDetails)
    assert isinstance(details, StatisticsDetails)
    qtbot.keyClick(details, Qt.Key.Key_Escape)
    assert not details.isVisible()


def test_the_statistics_can_be_switched_off(qtbot: QtBot, paper: QWidget, theme: Theme) -> None:
    widget = assistant(paper, theme, answer(1, "Done."), show_statistics=False)
    assert widget.statistics.shown_text() == ""
    widget.set_row_style(RowStyle(theme, show_statistics=True))
    assert widget.statistics.shown_text() != ""


def test_versions_with_arrows(qtbot: QtBot, paper: QWidget, theme: Theme) -> None:
    widget = row(paper, theme, TranscriptEntry(answer(1, "Done."), version=2, versions=3))
    assert widget.versions.text == "2 / 3"
    with qtbot.waitSignal(widget.version_requested) as earlier:
        qtbot.mouseClick(widget.versions.previous_button, Qt.MouseButton.LeftButton)
    assert earlier.args == [("a1", -1)]
    widget.show_entry(TranscriptEntry(answer(1, "Done."), version=3, versions=3), is_last=True)
    assert not widget.versions.next_button.isEnabled()
    widget.show_entry(TranscriptEntry(answer(1, "Done.")), is_last=True)
    assert not widget.versions.isVisible()


def test_copy_gives_the_text_as_it_was_written(qtbot: QtBot, paper: QWidget, theme: Theme) -> None:
    widget = assistant(paper, theme, answer(1, CODE_ANSWER))
    qtbot.mouseClick(widget.copy_button, Qt.MouseButton.LeftButton)
    assert QGuiApplication.clipboard().text() == CODE_ANSWER


@pytest.mark.parametrize(
    ("content", "opened", "copied"),
    [
        ("<think>\nHm, **so**.\n</think>\n\nIt *is*.", False, "It *is*."),
        ("Hm.\n</think>\n\nIt *is*.", True, "It *is*."),
        ("<think>\nHm, **so**.", False, "<think>\nHm, **so**."),
        ("\nWrite `<think>` first.\n", False, "\nWrite `<think>` first.\n"),
    ],
)
def test_an_answer_is_copied_without_its_thinking(
    qtbot: QtBot, paper: QWidget, theme: Theme, content: str, opened: bool, copied: str
) -> None:
    message = msgspec.structs.replace(answer(1, content), opens_thinking=opened)
    qtbot.mouseClick(assistant(paper, theme, message).copy_button, Qt.MouseButton.LeftButton)
    assert QGuiApplication.clipboard().text() == copied


def test_what_the_user_wrote_is_copied_as_it_is(paper: QWidget, theme: Theme) -> None:
    text = "<think>\nmine\n</think>\nWhat does this mean?"
    user_row(paper, theme, text).copy()
    assert QGuiApplication.clipboard().text() == text


def test_the_users_text_is_never_interpreted(qtbot: QtBot, paper: QWidget, theme: Theme) -> None:
    hostile = '<img src="http://127.0.0.1/x"><b>bold</b> **stars** &amp;'
    widget = user_row(paper, theme, hostile)
    assert widget.text_view.toPlainText() == hostile


def test_editing_in_place(qtbot: QtBot, paper: QWidget, theme: Theme) -> None:
    widget = user_row(paper, theme, "Helo")
    widget.begin_editing()
    assert widget.editor is not None
    assert widget.is_pinned
    assert not widget.bubble.isVisible()
    assert widget.editor.property("focused") == "true", "it is seen that one writes here"
    widget.editor.editor.setPlainText("Hello")
    with qtbot.waitSignal(widget.edit_requested) as asked:
        qtbot.keyClick(widget.editor.editor, Qt.Key.Key_Return)
    assert asked.args == [("u1", "Hello")]
    assert widget.editor is None
    assert widget.bubble.isVisible()


def test_an_editor_shows_its_text_from_the_first_line(paper: QWidget, theme: Theme) -> None:
    # In a size that it only learns once it is shown.
    edits = MessageEdits(paper)
    editor = MessageEditor(edits.begin(user(1, "first line\nsecond line")), theme_for("light", 18), paper)
    editor.resize(600, 120)
    editor.show()
    editor.begin()
    QApplication.processEvents()
    assert editor.editor.height() > 1.8 * editor.editor.fontMetrics().lineSpacing()
    assert editor.editor.firstVisibleBlock().blockNumber() == 0


def test_escape_leaves_editing_and_keeps_the_text(qtbot: QtBot, paper: QWidget, theme: Theme) -> None:
    widget = user_row(paper, theme, "Hello")
    widget.begin_editing()
    assert widget.editor is not None
    widget.editor.editor.setPlainText("Something else")
    with qtbot.assertNotEmitted(widget.edit_requested):
        qtbot.keyClick(widget.editor.editor, Qt.Key.Key_Escape)
    assert widget.editor is None
    assert widget.text_view.toPlainText() == "Hello"


def test_an_emptied_message_is_not_sent(qtbot: QtBot, paper: QWidget, theme: Theme) -> None:
    widget = user_row(paper, theme, "Hello")
    widget.begin_editing()
    assert widget.editor is not None
    widget.editor.editor.setPlainText("  ")
    with qtbot.assertNotEmitted(widget.edit_requested):
        qtbot.mouseClick(widget.editor.save_button, Qt.MouseButton.LeftButton)
    assert widget.editor is not None


def test_a_very_long_message_is_folded(qtbot: QtBot, paper: QWidget, theme: Theme) -> None:
    content = "many words " * 1_000
    widget = user_row(paper, theme, content)
    low = widget.height_at(WIDTH)
    assert len(widget.text_view.toPlainText()) == FOLDED_CHARACTERS
    qtbot.mouseClick(widget.fold_button, Qt.MouseButton.LeftButton)
    assert widget.text_view.toPlainText() == content
    assert widget.height_at(WIDTH) > 3 * low


def test_a_long_word_wraps_inside_the_bubble(qtbot: QtBot, paper: QWidget, theme: Theme) -> None:
    widget = user_row(paper, theme, "x" * 600)
    assert widget.bubble.width() <= WIDTH
    assert widget.text_view.document().size().width() <= widget.text_view.width() + 1


@pytest.mark.parametrize("content", ["Short.", "A sentence of some length. " * 20, "line\n" * 15])
@pytest.mark.parametrize("make", [user, answer])
def test_estimates_are_near_enough(
    qtbot: QtBot, paper: QWidget, theme: Theme, content: str, make: Callable[[int, str], Message]
) -> None:
    entry = TranscriptEntry(make(1, content))
    real = row(paper, theme, entry).height_at(WIDTH)
    assert 0.4 < estimate_height(entry, RowStyle(theme), WIDTH) / real < 2.5


def test_names_for_those_who_listen(qtbot: QtBot, paper: QWidget, theme: Theme) -> None:
    assert user_row(paper, theme, "Hello").accessibleName() == "You: Hello"
    widget = assistant(paper, theme, answer(1, "Hi"))
    assert widget.accessibleName() == "SmolLM2 135M Instruct: Hi"
    assert all(button.accessibleName() for button in widget.action_buttons)
    stops = widget.focus_stops()
    assert [stops.index(button) for button in widget.action_buttons] == sorted(
        stops.index(button) for button in widget.action_buttons
    )


def test_another_theme_changes_the_drawing_only(qtbot: QtBot, paper: QWidget, theme: Theme) -> None:
    widget = assistant(paper, theme, answer(1, "Hi"))
    larger = theme.with_text_size(24)
    widget.set_row_style(replace(widget.row_style, theme=larger))
    assert widget.row_style.theme == larger
    assert widget.body.words == "Hi"


@pytest.mark.parametrize("message", [user(1, "And the sun?"), answer(2, "It pulls, too.")])
def test_a_line_marks_where_the_model_begins_to_read(paper: QWidget, theme: Theme, message: Message) -> None:
    plain = row(paper, theme, TranscriptEntry(message))
    entry = TranscriptEntry(message, is_context_start=True)
    marked = row(paper, theme, entry)
    assert marked.context_mark.isVisible()
    assert not plain.context_mark.isVisible()
    assert marked.height() == plain.height() + marked.context_mark.height() + marked.column.spacing()
    assert marked.accessibleName().startswith("The model no longer reads what stands above. ")
    guessed = estimate_height(entry, marked.row_style, WIDTH) - estimate_height(plain.entry, plain.row_style, WIDTH)
    assert guessed == marked.context_mark.height()


def test_editing_begins_below_the_line(paper: QWidget, theme: Theme) -> None:
    widget = row(paper, theme, TranscriptEntry(user(1, "And the sun?"), is_context_start=True))
    assert isinstance(widget, UserMessage)
    widget.begin_editing()
    assert widget.column.indexOf(widget.editor) == widget.column.indexOf(widget.context_mark) + 1
    widget.end_editing()
