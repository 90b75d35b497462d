"""What is read stays in its place while messages above turn out higher or lower than they were."""

import msgspec
import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.models.transcript_model import TranscriptModel
from app.widgets.text.formula_process import FormulaProcess
from app.widgets.text.formulas import formulas
from app.widgets.text.piece_widgets import is_settled
from app.widgets.transcript import message_body
from app.widgets.transcript.assistant_message import AssistantMessage
from app.widgets.transcript.transcript import Transcript
from tests.app.widgets.demo_conversation import answer, entries, user

pytestmark = pytest.mark.usefixtures("theme")
FORMULAS = "\n\n".join(f"Then **so many**: it goes on and on and on\n\n$$x = {number}$$" for number in range(800))
PARAGRAPHS = "\n\n".join(f"Paragraph {number}. " + "and so on and on " * 40 for number in range(10))


def is_read(row: AssistantMessage) -> bool:
    return not row.body.is_behind


@pytest.mark.parametrize("seen_of_it", [5, 60, 300])
def test_a_message_of_which_the_end_is_seen_is_read_to_its_end(
    page: Transcript, page_model: TranscriptModel, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, seen_of_it: int
) -> None:
    for name in ("_READING_SECONDS", "_FIRST_SECONDS"):
        monkeypatch.setattr(message_body, name, 0.0)  # it is read in many turns
    page_model.set_entries(entries([user(1, "Go"), answer(2, FORMULAS), user(3, "On"), answer(4, PARAGRAPHS)]))
    below = page.view.live_widget(3)
    assert isinstance(below, AssistantMessage)
    qtbot.waitUntil(lambda: is_read(below), timeout=30_000)
    assert page.view.live_widget(1) is None
    bar = page.view.verticalScrollBar()
    while page.view.live_widget(2) is None:
        bar.setValue(bar.value() - 20)
    question = page.view.live_widget(2)
    assert question is not None
    bar.setValue(bar.value() + question.y() - seen_of_it)
    row = page.view.live_widget(1)
    assert isinstance(row, AssistantMessage)
    assert not is_read(row)
    place = question.y()
    places = []
    while not is_read(row):
        QApplication.processEvents()
        places.append(question.y() - place)
    qtbot.waitUntil(lambda: not page.view.is_filling)
    for _ in range(60):
        QApplication.processEvents()
    assert page.view.live_widget(2) is question
    assert max(map(abs, places)) < page.view.viewport().height() // 2


@pytest.mark.parametrize("step", [60, 240, 420])
def test_what_is_read_stays_while_formulas_that_enter_above_it_are_drawn(
    page: Transcript, page_model: TranscriptModel, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    matrix = r"\begin{pmatrix} " + r" \\ ".join("abcdef") + r" \end{pmatrix}"
    drawn_late = "\n\n".join(rf"Number {number}: \({matrix}_{{{step} + {number}}}\)\n\n$$x$$" for number in range(40))
    with monkeypatch.context() as patched:
        patched.setattr(FormulaProcess, "_start", lambda process: None)  # none is drawn before all is laid out
        said = [user(1, "Go"), answer(2, PARAGRAPHS), user(3, "On"), answer(4, drawn_late), user(5, "On")]
        page_model.set_entries(entries([*said, answer(6, PARAGRAPHS)]))
        bar = page.view.verticalScrollBar()
        while (question := page.view.live_widget(4)) is None or not 100 < question.y() < 300:
            bar.setValue(bar.value() - 40)
            QApplication.processEvents()
        bar.setValue(bar.value() - 20)
        question_y = question.y()
        bar.setValue(bar.value() - min(step, page.view.viewport().height() - question_y - 40))
        QApplication.processEvents()
        row = page.view.live_widget(3)
        assert isinstance(row, AssistantMessage)
        assert not all(map(is_settled, row.body.block_widgets))
        place, height = question.y(), row.height()
        assert question_y < place < page.view.viewport().height()
    formulas()._process._start()
    places = []
    while formulas().is_busy or formulas()._tell.isActive():
        QApplication.processEvents()
        places.append(question.y() - place)
    for _ in range(60):
        QApplication.processEvents()
        places.append(question.y() - place)
    assert row.height() > height
    assert set(places) == {0}


def test_at_the_very_beginning_the_first_line_stays_while_formulas_are_drawn(
    page: Transcript, page_model: TranscriptModel, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    matrix = r"\begin{pmatrix} " + r" \\ ".join("abcde") + r" \end{pmatrix}"
    drawn_late = "\n\n".join(rf"First {number}: \({matrix}_{{{number}}}\)" for number in range(4))
    with monkeypatch.context() as patched:
        patched.setattr(FormulaProcess, "_start", lambda process: None)
        page_model.set_entries(entries([answer(1, drawn_late), answer(2, PARAGRAPHS), answer(3, PARAGRAPHS)]))
        bar = page.view.verticalScrollBar()
        while bar.value():
            bar.setValue(bar.value() - 120)
            QApplication.processEvents()
        row = page.view.live_widget(0)
        assert row is not None
        place, height = row.y(), row.height()
    formulas()._process._start()
    qtbot.waitUntil(lambda: not formulas().is_busy and not formulas()._tell.isActive(), timeout=30_000)
    for _ in range(60):
        QApplication.processEvents()
    assert row.height() > height
    assert (bar.value(), row.y()) == (0, place)


@pytest.mark.parametrize("row", [0, 2, 3], ids=["the first question", "a later question", "an answer"])
def test_the_arrows_between_versions_stay_where_they_were_pressed(
    page: Transcript, page_model: TranscriptModel, row: int
) -> None:
    said = [user(1, "Go"), answer(2, PARAGRAPHS), user(3, "On"), answer(4, PARAGRAPHS), user(5, "On")]
    others = [msgspec.structs.replace(each, id=f"other-{each.id}") for each in said[row:]]
    others[0] = msgspec.structs.replace(others[0], content=others[0].content * 2)
    versions = [entries(said), entries([*said[:row], *others, answer(6, PARAGRAPHS)])]
    for number, shown in enumerate(versions):
        shown[row] = msgspec.structs.replace(shown[row], version=number + 1, versions=2)
    page.version_requested.connect(lambda choice: page_model.set_entries(versions[choice[1] == 1]))
    page_model.set_entries(versions[0])
    bar = page.view.verticalScrollBar()
    while bar.value() and ((widget := page.view.live_widget(row)) is None or widget.geometry().bottom() < 300):
        bar.setValue(bar.value() - 20)
        QApplication.processEvents()
    places = []
    for step in (1, -1, 1):
        widget = page.view.live_widget(row)
        assert widget is not None
        places.append(widget.geometry().bottom())
        widget.version_requested.emit((widget.message_id, step))
        for _ in range(10):
            QApplication.processEvents()
    assert len(set(places)) == 1
