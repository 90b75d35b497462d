from dataclasses import replace

import pytest
from PySide6.QtCore import QEvent, QMimeData, QObject, Qt
from PySide6.QtGui import QInputMethodEvent, QPaintEvent, QTextOption
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.models.context_use import ContextUse
from app.models.waiting_item import WaitingItem
from app.widgets.basics.theme import DARK, LIGHT, Theme, apply_theme
from app.widgets.composer.composer import Composer
from app.widgets.composer.queue_chips import _Chip
from tests.work import work_of


@pytest.fixture
def composer(qtbot: QtBot, theme: Theme) -> Composer:
    widget = Composer(theme)
    qtbot.addWidget(widget)
    widget.resize(700, 120)
    with qtbot.waitExposed(widget):
        widget.show()
    widget.take_focus()
    return widget


def sent(composer: Composer) -> list[object]:
    texts: list[object] = []
    composer.send_requested.connect(texts.append)
    return texts


def test_enter_sends_and_empties(qtbot: QtBot, composer: Composer) -> None:
    texts = sent(composer)
    qtbot.keyClicks(composer.editor, "Hello")
    qtbot.keyClick(composer.editor, Qt.Key.Key_Return)
    assert texts == ["Hello"]
    assert composer.text == ""


def test_shift_enter_is_a_new_line(qtbot: QtBot, composer: Composer) -> None:
    texts = sent(composer)
    qtbot.keyClicks(composer.editor, "one")
    qtbot.keyClick(composer.editor, Qt.Key.Key_Return, Qt.KeyboardModifier.ShiftModifier)
    qtbot.keyClicks(composer.editor, "two")
    assert texts == []
    qtbot.keyClick(composer.editor, Qt.Key.Key_Enter)
    assert texts == ["one\ntwo"]


def test_nothing_is_sent_while_an_input_method_composes(qtbot: QtBot, composer: Composer) -> None:
    texts = sent(composer)
    qtbot.keyClicks(composer.editor, "a")
    QApplication.sendEvent(composer.editor, QInputMethodEvent("にほ", []))
    assert composer.editor.is_composing
    qtbot.keyClick(composer.editor, Qt.Key.Key_Return)
    assert texts == []
    assert composer.text == "a"
    entered = QInputMethodEvent("", [])
    entered.setCommitString("日本")
    QApplication.sendEvent(composer.editor, entered)
    assert not composer.editor.is_composing
    qtbot.keyClick(composer.editor, Qt.Key.Key_Return)
    assert texts == ["a日本"]


@pytest.mark.parametrize("blank", ["", "   ", "\n \n"])
def test_blank_text_is_not_sent(qtbot: QtBot, composer: Composer, blank: str) -> None:
    texts = sent(composer)
    composer.set_text(blank)
    assert not composer.button.isEnabled()
    qtbot.keyClick(composer.editor, Qt.Key.Key_Return)
    assert texts == []


def test_send_becomes_stop_in_the_same_place(qtbot: QtBot, composer: Composer) -> None:
    texts = sent(composer)
    place = composer.button.geometry()
    composer.set_busy(True)
    assert composer.button.accessibleName() == "Stop"
    assert composer.button.geometry() == place
    with qtbot.waitSignal(composer.stop_requested):
        qtbot.mouseClick(composer.button, Qt.MouseButton.LeftButton)
    composer.set_busy(False)
    assert composer.button.accessibleName() == "Send"
    composer.set_text("Hello")
    qtbot.mouseClick(composer.button, Qt.MouseButton.LeftButton)
    assert texts == ["Hello"]


def test_enter_while_busy_still_hands_over_the_message(qtbot: QtBot, composer: Composer) -> None:
    texts = sent(composer)
    composer.set_busy(True)
    qtbot.keyClicks(composer.editor, "next")
    qtbot.keyClick(composer.editor, Qt.Key.Key_Return)
    assert texts == ["next"]


def test_escape_stops_only_while_busy(qtbot: QtBot, composer: Composer) -> None:
    with qtbot.assertNotEmitted(composer.stop_requested):
        qtbot.keyClick(composer.editor, Qt.Key.Key_Escape)
    composer.set_busy(True)
    with qtbot.waitSignal(composer.stop_requested):
        qtbot.keyClick(composer.editor, Qt.Key.Key_Escape)


def test_up_edits_the_last_message_only_when_empty(qtbot: QtBot, composer: Composer) -> None:
    with qtbot.assertNotEmitted(composer.edit_last_requested):
        for modifier in (Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier):
            qtbot.keyClick(composer.editor, Qt.Key.Key_Up, modifier)
    with qtbot.waitSignal(composer.edit_last_requested):
        qtbot.keyClick(composer.editor, Qt.Key.Key_Up, Qt.KeyboardModifier.KeypadModifier)
    with qtbot.waitSignal(composer.edit_last_requested):
        qtbot.keyClick(composer.editor, Qt.Key.Key_Up)
    qtbot.keyClicks(composer.editor, "x")
    with qtbot.assertNotEmitted(composer.edit_last_requested):
        qtbot.keyClick(composer.editor, Qt.Key.Key_Up)


def test_the_draft_is_handed_over_after_a_pause_and_at_once_when_asked(qtbot: QtBot, composer: Composer) -> None:
    with qtbot.waitSignal(composer.draft_changed) as pause:
        qtbot.keyClicks(composer.editor, "dra")
    assert pause.args == ["dra"]
    qtbot.keyClicks(composer.editor, "ft")
    with qtbot.waitSignal(composer.draft_changed, timeout=50) as flushed:
        composer.flush_draft()
    assert flushed.args == ["draft"]
    with qtbot.assertNotEmitted(composer.draft_changed, wait=500):
        composer.set_text("another conversation's draft")


def test_it_grows_to_a_limit_then_scrolls(qtbot: QtBot, composer: Composer) -> None:
    composer.set_window_height(600)
    one_line = composer.editor.height()
    composer.set_text("\n".join("line" for _ in range(5)))
    assert one_line * 3 < composer.editor.height() <= 200
    composer.set_text("\n".join("line" for _ in range(100)))
    assert composer.editor.height() == 200
    assert composer.editor.verticalScrollBar().maximum() > 0
    composer.set_text("")
    assert composer.editor.height() == one_line


@pytest.mark.parametrize("piece", ["word ", "x" * 2_500, "line\n"])
def test_a_key_costs_no_more_in_a_long_text(qtbot: QtBot, composer: Composer, piece: str) -> None:
    def type_a_key() -> None:
        qtbot.keyClicks(composer.editor, "a")
        QApplication.processEvents()

    composer._draft_timer.setInterval(1_000_000)  # how soon a draft is handed over is none of a key's work
    costs = []
    for characters in (20_000, 100_000):
        composer.set_text("")
        composer.editor.insert(piece * (characters // len(piece)))
        composer.take_focus()
        type_a_key()
        costs.append(work_of(type_a_key))
    short, long = costs
    assert long.total() <= short.total() + 100  # a cursor that blinks in between
    assert long["toPlainText"] == 0
    # Qt looks for the end of a word on each of its lines; where it may wrap anywhere it need not.
    anywhere = composer.editor.wordWrapMode() == QTextOption.WrapMode.WrapAnywhere
    assert anywhere == (len(piece) > 2_000)
    texts, text = sent(composer), composer.text
    qtbot.keyClick(composer.editor, Qt.Key.Key_Return)
    assert texts == [text.strip()]
    assert len(text) == 100_002


def test_lone_surrogates_never_leave(qtbot: QtBot, composer: Composer) -> None:
    texts = sent(composer)
    composer.editor.insertPlainText("a\ud800b")
    qtbot.keyClick(composer.editor, Qt.Key.Key_Return)
    assert len(texts) == 1
    assert str(texts[0]).encode().startswith(b"a")


def test_waiting_messages_can_be_removed_and_edited(qtbot: QtBot, composer: Composer) -> None:
    composer.set_queue((WaitingItem("first"), WaitingItem("second")))
    chips = composer.chips.findChildren(type(composer.chips._chips[0]))
    with qtbot.waitSignal(composer.queue_removed) as removed:
        qtbot.mouseClick(chips[1].remove_button, Qt.MouseButton.LeftButton)
    assert removed.args == [1]
    with qtbot.waitSignal(composer.queue_edit_requested) as edited:
        qtbot.mouseClick(chips[0].edit_button, Qt.MouseButton.LeftButton)
    assert edited.args == [0]
    composer.set_queue(tuple(map(WaitingItem, "abcdef")))
    assert len(composer.chips._chips) == 3
    composer.set_queue(())
    assert not composer.chips.isVisible()


def test_a_waiting_message_says_which_files_go_with_it(composer: Composer) -> None:
    composer.set_queue((WaitingItem("first", attached=("plan.docx", "costs.xlsx")), WaitingItem("second")))
    first, second = composer.chips._chips
    assert (first.attached.isVisible(), second.attached.isVisible()) == (True, False)
    assert first.attached.accessibleName() == "Attached: plan.docx, costs.xlsx"
    assert first.attached.geometry().right() < first.send_button.geometry().left()


def test_the_reason_for_waiting_leaves_most_of_the_room_to_the_message(qtbot: QtBot, composer: Composer) -> None:
    composer.resize(460, 200)
    composer.set_queue((WaitingItem("A name for a sailing boat, please."),))
    chip = composer.chips._chips[0]
    reason = "Waits for the answer in “Why are there tides?”"
    composer.chips.set_waiting(reason, True)
    qtbot.waitUntil(lambda: reason_is_laid_out(chip))
    assert chip.waiting.text() == "Waits", "not two texts side by side that are both cut"
    assert chip.waiting.width() < chip._words.width()
    composer.set_queue((WaitingItem("Yes."),))
    short = composer.chips._chips[0]
    qtbot.waitUntil(lambda: reason_is_laid_out(short))
    assert short.waiting.width() > short._words.width() >= short._words.fontMetrics().horizontalAdvance("Yes.")


def reason_is_laid_out(chip: _Chip) -> bool:
    return chip.waiting.text().startswith("Waits") and chip.waiting.width() == chip.waiting.sizeHint().width()


def test_what_waits_and_has_no_text_has_nothing_to_edit(qtbot: QtBot, composer: Composer) -> None:
    composer.set_queue((WaitingItem("first"), WaitingItem("Another version of an answer", is_written=False)))
    first, second = composer.chips._chips
    assert (first.edit_button.isVisible(), second.edit_button.isVisible()) == (True, False)
    composer.activateWindow()
    first.edit_button.setFocus()
    qtbot.waitUntil(first.edit_button.hasFocus)
    composer.set_queue((WaitingItem("first"), WaitingItem("second")))
    qtbot.waitUntil(lambda: composer.chips._chips[0].edit_button.hasFocus())
    composer.set_queue((WaitingItem("Another version of an answer", is_written=False),))
    qtbot.waitUntil(lambda: composer.chips._chips[0].remove_button.hasFocus())


def test_another_placeholder_is_drawn_at_once(qtbot: QtBot, composer: Composer) -> None:
    class Drawn(QObject):
        whole = False

        def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
            if isinstance(event, QPaintEvent) and event.rect().width() > 100:  # more than the blinking cursor
                self.whole = True
            return False

    QApplication.processEvents()
    drawn = Drawn()
    composer.editor.viewport().installEventFilter(drawn)
    composer.set_model_name("SmolLM2 135M Instruct")
    qtbot.waitUntil(lambda: drawn.whole)


def test_the_meter_takes_the_same_room_whatever_it_says(composer: Composer) -> None:
    height = composer.sizeHint().height()
    heard: list[tuple[str, str, str]] = []
    for use in (
        None,
        ContextUse(used_tokens=1240, window_tokens=8192),
        ContextUse(used_tokens=9000, window_tokens=8192),
    ):
        composer.set_context_use(use)
        assert composer.sizeHint().height() == height
        editor, meter = composer.editor, composer.meter
        heard.append((meter.text(), meter.property("role"), editor.accessibleDescription()[:21]))
    assert heard == [
        ("", "small", ""),
        ("1,240 / 8,192", "small", ""),
        ("Oldest messages will be left out  ·  9,000 / 8,192", "small-warning", "This conversation tak"),
    ]
    composer.set_context_use(None)
    assert (composer.meter.text(), composer.meter.toolTip()) == ("", "")


@pytest.mark.parametrize("words", [150, 1500])
def test_a_pasted_paragraph_is_seen(qtbot: QtBot, composer: Composer, words: int) -> None:
    pasted = QMimeData()
    pasted.setText("word " * words)
    composer.editor.insertFromMimeData(pasted)
    QApplication.processEvents()
    assert composer.editor.height() > 5 * composer.editor.fontMetrics().lineSpacing()


def test_a_recalled_text_can_be_undone_and_never_comes_into_a_composition(qtbot: QtBot, composer: Composer) -> None:
    wishes: list[object] = []
    composer.recall_requested.connect(wishes.append)
    qtbot.keyClicks(composer.editor, "draft")
    composer.ask_for_older()
    composer.ask_for_newer()
    assert wishes == [(1, "draft"), (-1, "draft")]
    composer.recall("what was sent\nbefore")
    assert composer.text == "what was sent\nbefore"
    composer.editor.undo()
    assert composer.text == "draft"
    QApplication.sendEvent(composer.editor, QInputMethodEvent("に", []))
    composer.recall("other")
    assert "other" not in composer.text


def test_what_a_message_waits_for_is_cut_only_where_there_is_no_room(composer: Composer) -> None:
    words = "Waits for the answer in “A letter to the landlord about the heating”"
    composer.set_queue((WaitingItem("first"),))
    composer.set_waiting((words, True))
    label = composer.chips._chips[0].waiting
    shown = {}
    for width in (1600, 500):
        composer.resize(width, 200)
        QApplication.processEvents()
        shown[width] = label.text()
    assert shown[1600] == words
    assert shown[500].startswith("Waits for")
    assert shown[500].endswith("…")
    assert label.toolTip() == label.accessibleName() == words


def test_a_warning_is_read_once_while_an_answer_grows(composer: Composer) -> None:
    heard: list[str] = []
    for tokens in (1000, 8000, 8010, 8020, 8200):
        composer.set_context_use(
            ContextUse(used_tokens=tokens, window_tokens=8192, leaves_out=False, has_draft=False, is_growing=True)
        )
        heard.append(composer.editor.accessibleDescription())
    assert heard[0] == ""
    assert "8,000" in heard[1]
    assert heard[1] == heard[2] == heard[3]
    assert heard[4].startswith("This conversation is full")
    composer.set_context_use(ContextUse(used_tokens=8100, window_tokens=8192, leaves_out=False))
    assert "8,100" in composer.editor.accessibleDescription()


def test_the_meters_digits_are_equally_wide_in_every_look(qapp: QApplication, composer: Composer) -> None:
    """A number that grows each second would tremble otherwise."""
    for look in (LIGHT, DARK, replace(LIGHT, text_size_px=22)):
        apply_theme(qapp, look)
        composer.set_theme(look)
        for use in (None, ContextUse(used_tokens=9000, window_tokens=8192), ContextUse(used_tokens=1, window_tokens=8)):
            composer.set_context_use(use)
            metrics = composer.meter.fontMetrics()
            assert len({metrics.horizontalAdvance(digit * 4) for digit in "0123456789"}) == 1


def test_why_a_page_was_not_pasted_is_said_above_the_text(composer: Composer) -> None:
    page = QMimeData()
    page.setHtml(f"<p>{'word ' * 50_000}</p>")
    composer.editor.insertFromMimeData(page)
    assert "too long to be pasted" in composer.attachments.problem.text()
    assert composer.attachments.problem.isVisible()
