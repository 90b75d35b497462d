"""What a screen reader is told of an answer: that it begins, and how it has ended; not each word, not each second."""

from collections.abc import Iterator

import msgspec
import pytest
import shiboken6
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from app.conversations.records import MessageState
from app.models.transcript_model import TranscriptEntry, TranscriptModel
from app.widgets.transcript.announcements import Announcements
from tests.app.widgets.demo_conversation import answer, entries, user


@pytest.fixture
def said(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[TranscriptModel, list[str]]]:
    """The model that is watched, and what was handed to Qt for the screen reader (which no test machine runs)."""
    words: list[str] = []

    def update(event: QAccessibleAnnouncementEvent) -> None:
        assert event.politeness() == QAccessible.AnnouncementPoliteness.Polite
        words.append(event.message())

    monkeypatch.setattr(QAccessible, "updateAccessibility", update)
    speaker = QWidget()
    qtbot.addWidget(speaker)
    model = TranscriptModel(speaker)
    Announcements(model, speaker)
    yield model, words
    assert shiboken6.isValid(speaker)  # nothing else holds it


GROWING = msgspec.structs.replace(answer(2, ""), state=MessageState.STREAMING)


def test_beginning_and_end_are_said_once_each(said: tuple[TranscriptModel, list[str]]) -> None:
    model, words = said
    model.set_entries(entries([user(1, "Hi")]))
    model.append(TranscriptEntry(GROWING))
    for count in range(1, 20):
        model.update_message(msgspec.structs.replace(GROWING, content="word " * count))
        model.set_phase("a2", f"Thinking {count} s")
    model.update_message(answer(2, "word " * 20))
    assert words == ["SmolLM2 135M Instruct is answering.", "The answer is finished. " + ("word " * 20).strip()]


def test_the_first_answer_of_a_conversation_is_said_too(said: tuple[TranscriptModel, list[str]]) -> None:
    model, words = said
    model.set_entries([*entries([user(1, "Hi")]), TranscriptEntry(GROWING)])
    assert words == ["SmolLM2 135M Instruct is answering."]


def test_a_conversation_that_is_opened_says_nothing(said: tuple[TranscriptModel, list[str]]) -> None:
    model, words = said
    model.set_entries(entries([user(1, "Hi"), answer(2, "Hello")]))
    model.set_entries([*entries([user(3, "Long")]), TranscriptEntry(msgspec.structs.replace(GROWING, content="Half"))])
    assert words == []


def test_how_it_ended_is_said(said: tuple[TranscriptModel, list[str]]) -> None:
    model, words = said
    model.set_entries([*entries([user(1, "Hi")]), TranscriptEntry(GROWING)])
    model.update_message(answer(2, "Half", MessageState.STOPPED))
    assert words[-1] == "You stopped this answer. Half"


def test_an_answer_written_anew_is_said_again(said: tuple[TranscriptModel, list[str]]) -> None:
    model, words = said
    model.set_entries(entries([user(1, "Hi"), answer(2, "Hello")]))
    model.set_entries([*entries([user(1, "Hi")]), TranscriptEntry(msgspec.structs.replace(GROWING, id="a3"))])
    assert len(words) == 1
