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
from app.settings.values import ReadAloud
from app.widgets.transcript.announcements import Announcements
from tests.app.widgets.demo_conversation import answer, entries, user


@pytest.fixture
def said(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[TranscriptModel, list[str]]]:
    """The model that is watched, and what was handed to Qt for the screen reader (which no test machine runs)."""
    words: list[str] = []

    def update(event: QAccessibleAnnouncementEvent) -> None:
        is_polite = event.politeness() == QAccessible.AnnouncementPoliteness.Polite
        words.append(event.message() if is_polite else f"At once: {event.message()}")

    monkeypatch.setattr(QAccessible, "updateAccessibility", update)
    speaker = QWidget()
    qtbot.addWidget(speaker)
    model = TranscriptModel(speaker)
    model.setProperty("announcements", Announcements(model, speaker))
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


def choose(model: TranscriptModel, manner: ReadAloud) -> None:
    announcements = model.property("announcements")
    assert isinstance(announcements, Announcements)
    announcements.manner = manner


def test_each_paragraph_is_said_once_when_it_is_finished(said: tuple[TranscriptModel, list[str]]) -> None:
    model, words = said
    choose(model, ReadAloud.PARAGRAPHS)
    model.set_entries(entries([user(1, "Hi")]))
    model.append(TranscriptEntry(GROWING))
    content = "<think>Let me **see**.</think>\n\n# Tides\n\nThe *moon* pulls.\n\n- one\n- two\n\nThe end."
    for end in range(0, len(content), 3):
        model.update_message(msgspec.structs.replace(GROWING, content=content[:end]))
    model.update_message(answer(2, content))
    assert words == [
        "SmolLM2 135M Instruct is answering.",
        "Heading 1: Tides",
        "The moon pulls.",
        "• one\n• two",
        "The end. The answer is finished.",
    ]


def test_an_answer_that_is_half_written_when_it_is_opened_is_said_from_there(
    said: tuple[TranscriptModel, list[str]],
) -> None:
    model, words = said
    choose(model, ReadAloud.PARAGRAPHS)
    half = msgspec.structs.replace(GROWING, content="First.\n\nSecond.\n\nThi")
    model.set_entries([*entries([user(1, "Hi")]), TranscriptEntry(half)])
    model.update_message(msgspec.structs.replace(GROWING, content="First.\n\nSecond.\n\nThird.\n\nFourth"))
    assert words == ["Third."]


def test_a_long_piece_is_not_said_to_its_end(said: tuple[TranscriptModel, list[str]]) -> None:
    model, words = said
    choose(model, ReadAloud.PARAGRAPHS)
    model.set_entries([*entries([user(1, "Hi")]), TranscriptEntry(GROWING)])
    model.update_message(msgspec.structs.replace(GROWING, content="word " * 1000 + "\n\nnext\n\nlast"))
    assert [len(each) for each in words[1:]] == [2001]


def test_who_wants_nothing_said_hears_of_failures_only(said: tuple[TranscriptModel, list[str]]) -> None:
    model, words = said
    choose(model, ReadAloud.NOTHING)
    for number, state in enumerate((MessageState.COMPLETE, MessageState.FAILED)):
        model.set_entries([*entries([user(1, "Hi")]), TranscriptEntry(GROWING)])
        model.update_message(msgspec.structs.replace(GROWING, content=f"Words {number}"))
        model.update_message(msgspec.structs.replace(answer(2, "Words"), state=state))
    assert len(words) == 1
    assert words[0].startswith("At once: ")
