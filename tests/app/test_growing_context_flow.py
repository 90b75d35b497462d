"""The meter in the whole window while an answer is written."""

import pytest
from PySide6.QtCore import QEvent, QObject
from pytestqt.qtbot import QtBot

from app.conversations.records import Message
from app.widgets.composer.context_meter import ContextMeter
from tests.app.whole import Whole, opened
from tests.engine_scripts import Script

PROMPT = 3 + 4  # of "Some words, please", as the scripted engine counts
ENDLESS = Script(answer=" word" * 60, repeat=1000, delay_seconds=0.01, context_window=100_000)


class Shown(QObject):
    """What the meter has on screen, each time that it is another number."""

    def __init__(self, window: Whole) -> None:
        super().__init__(window.hearth.window)
        self.numbers: list[int] = []
        window.composer.meter.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        if isinstance(watched, ContextMeter) and event.type() is QEvent.Type.Paint and watched.text():
            number = number_in(watched)
            if self.numbers[-1:] != [number]:
                self.numbers.append(number)
        return False


def number_in(meter: ContextMeter) -> int:
    """Return how much the meter says is taken."""
    return int(meter.text().rpartition("·")[2].partition("/")[0].replace(",", ""))


@pytest.fixture
def window(qtbot: QtBot, windows: list[Whole]) -> Whole:
    """Return a window in which an answer is written that is never done."""
    window = opened(qtbot, windows, ENDLESS)
    window.hearth.context._growing_timer.setInterval(20)
    window.say("Some words, please")
    return window


def stop(window: Whole) -> Message:
    """Stop the answer and return it."""
    window.hearth.chat.stop()
    window.wait(lambda: window.hearth.chat.is_idle)
    return window.hearth.transcript_model.entry(1).message


def test_the_number_grows_with_the_answer_and_stays_at_its_end(window: Whole) -> None:
    shown = Shown(window)
    window.wait(lambda: len(shown.numbers) > 5)
    answer = stop(window)
    assert answer.statistics is not None
    whole = PROMPT + answer.statistics.generated_tokens
    window.wait(lambda: shown.numbers[-1] == whole)
    assert shown.numbers[1:] == sorted(shown.numbers[1:])  # the first one may still be a guess
    assert answer.statistics.prompt_tokens == PROMPT


def test_it_is_the_shown_conversations_number(window: Whole) -> None:
    window.wait(lambda: len(window.texts()) == 2 and "word" in window.texts()[1])
    answering, meter = window.hearth.conversations.current_id, window.composer.meter
    window.hearth.conversations.new()
    ticks: list[None] = []
    window.hearth.context._growing_timer.timeout.connect(lambda: ticks.append(None))
    window.wait(lambda: len(ticks) > 3)
    assert meter.text() == ""
    window.hearth.conversations.open(answering)
    before = number_in(meter)
    assert before > PROMPT
    window.wait(lambda: number_in(meter) > before)
    stop(window)


def test_a_version_grows_while_something_is_typed(window: Whole) -> None:
    window.wait(lambda: len(window.texts()) == 2 and "word" in window.texts()[1])
    first = stop(window)
    meter = window.composer.meter
    window.hearth.chat.regenerate(first.id)
    window.wait(lambda: window.hearth.chat.runner.message is not None)
    shown = Shown(window)
    window.wait(lambda: len(shown.numbers) > 3)
    window.composer.editor.setPlainText("and others " * 500)
    window.wait(lambda: number_in(meter) > 1000)
    before = number_in(meter)
    window.wait(lambda: number_in(meter) > before)
    answer = stop(window)
    assert answer.statistics is not None
    counted = PROMPT + answer.statistics.generated_tokens + 4 + 1000 + 4
    window.wait(lambda: number_in(meter) == counted)
