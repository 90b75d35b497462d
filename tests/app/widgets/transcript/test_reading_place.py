"""What is read stays in its place while messages above turn out higher or lower than they were."""

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.models.transcript_model import TranscriptModel
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
