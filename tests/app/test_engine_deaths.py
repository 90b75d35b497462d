"""An engine that dies at any moment: each message is answered, or is kept beside a sentence with a button."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.controllers import notices
from app.models.notice import Notice
from app.worker.engine_death import DEATH_LIMIT
from app.worker.engine_state import EngineState, EngineStateChanged
from engine.api.events import CheckpointLoaded
from engine.api.plan import Plan, Precision
from tests.app.whole import Whole, opened
from tests.engine_scripts import CHECKPOINTS, Script
from tests.scripted_engine import scripted_engine_command

OTHER = CHECKPOINTS[1].reference
ECHO = "You said: {message}"


class Deaths:
    """A window whose engine is stopped and killed by the test, and which is told to act at an event."""

    def __init__(self, whole: Whole) -> None:
        self.whole = whole
        self.hearth = whole.hearth
        self.notices: dict[str, Notice] = {}
        for source in (self.hearth.chat, self.hearth.checkpoints):
            source.notice_raised.connect(lambda notice: self.notices.__setitem__(notice.key, notice))
            source.notice_cleared.connect(lambda key: self.notices.pop(key, None))

    @property
    def plan(self) -> Plan:
        """The loaded model's."""
        assert self.hearth.checkpoints.plan is not None
        return self.hearth.checkpoints.plan

    def unload(self) -> None:
        """Have no model."""
        self.hearth.checkpoints.unload()
        self.whole.wait(lambda: self.hearth.checkpoints.plan is None)

    def freeze(self) -> None:
        """Let the engine do nothing more, so that what is sent now meets its death."""
        self._signal(signal.SIGSTOP)

    def kill(self) -> None:
        """End the engine as the kernel would."""
        self._signal(signal.SIGKILL)

    def at(self, moment: Callable[[object], bool], act: Callable[[], object]) -> None:
        """Act once, at the first such event, after all else has been told of it."""

        def on_event(event: object) -> None:
            if moment(event):
                self.hearth.engine.event_received.disconnect(on_event)
                act()

        self.hearth.engine.event_received.connect(on_event)

    def press(self, key: str) -> None:
        """Press the button of a notice."""
        action = self.notices[key].action_key
        assert action
        self.hearth.window.notice_action_requested.emit(action)

    def expect_answer(self, words: str) -> None:
        """Wait for the answer to these words, and for rest."""
        self.whole.wait(lambda: f"You said: {words}" in self.whole.texts() and self.hearth.chat.is_idle)
        assert self.hearth.checkpoints.loading == ""

    def expect_kept(self, words: str) -> None:
        """Wait until nothing goes on, and see that the message waits beside a button that loads a model."""
        self.whole.wait(lambda: notices.MODEL_KEY in self.notices and not self.hearth.checkpoints.loading)
        assert self.hearth.checkpoints.plan is None
        assert words in self.whole.composer.chips.queue
        assert self.notices[notices.MODEL_KEY].action_key == notices.LOAD_MODEL

    def expect_no_engine(self) -> None:
        """Wait until no engine is started any more, and see that one notice tells it: the load's if that died, too."""
        self.whole.wait(lambda: any("three times" in notice.text for notice in self.notices.values()))
        assert len(self.notices) == 1
        assert self.hearth.checkpoints.loading == ""

    def _signal(self, number: signal.Signals) -> None:
        link = self.hearth.engine._link
        self.whole.wait(lambda: link._process is not None)  # a death is told before the next engine is there
        os.kill(link._process.process_id, number)


def is_restarting(event: object) -> bool:
    """Whether an engine that has died is started again."""
    return isinstance(event, EngineStateChanged) and event.state is EngineState.RESTARTING


def is_ready(event: object) -> bool:
    """Whether an engine takes commands."""
    return isinstance(event, EngineStateChanged) and event.state is EngineState.READY


def has_loaded(event: object) -> bool:
    """Whether a model has been loaded."""
    return isinstance(event, CheckpointLoaded)


def started(qtbot: QtBot, windows: list[Whole], script: Script, folder: Path | None = None) -> Whole:
    """Open a window whose model is not waited for; the fault comes once."""
    window = Whole(qtbot, script, folder and folder / "once")
    windows.append(window)
    return window


SENT_WHILE = {"it starts again": is_restarting, "it is ready": is_ready}


@pytest.mark.parametrize("moment", SENT_WHILE)
@pytest.mark.parametrize("is_loaded", [True, False])
def test_a_message_for_an_engine_that_starts_again(
    qtbot: QtBot, windows: list[Whole], moment: str, is_loaded: bool
) -> None:
    deaths = Deaths(opened(qtbot, windows))
    if not is_loaded:
        deaths.unload()
    deaths.at(SENT_WHILE[moment], lambda: deaths.whole.say("There?"))
    deaths.kill()
    deaths.expect_answer("There?")


@pytest.mark.parametrize("is_loaded", [True, False])
def test_a_message_to_an_engine_that_is_dead_already(qtbot: QtBot, windows: list[Whole], is_loaded: bool) -> None:
    deaths = Deaths(opened(qtbot, windows))
    if not is_loaded:
        deaths.unload()
    deaths.freeze()
    deaths.whole.say("There?")
    if is_loaded:
        deaths.whole.wait(lambda: deaths.hearth.chat.runner.message is not None)
    deaths.kill()
    if is_loaded:
        deaths.whole.wait(lambda: notices.ANSWER_KEY in deaths.notices)
        deaths.press(notices.ANSWER_KEY)
    else:
        deaths.expect_kept("There?")
        deaths.press(notices.MODEL_KEY)
    deaths.expect_answer("There?")


@pytest.mark.parametrize("step", [1, 2])
def test_the_first_load_dies_while_a_message_waits(
    qtbot: QtBot, windows: list[Whole], tmp_path: Path, step: int
) -> None:
    script = Script(answer=ECHO, fault="kill", fault_on="load_checkpoint", fault_after=step)
    deaths = Deaths(started(qtbot, windows, script, tmp_path))
    deaths.whole.say("There?")
    deaths.expect_kept("There?")
    deaths.press(notices.MODEL_KEY)
    deaths.expect_answer("There?")


def test_an_engine_that_dies_at_its_start(qtbot: QtBot, windows: list[Whole], tmp_path: Path) -> None:
    deaths = Deaths(started(qtbot, windows, Script(answer=ECHO, fault="exit", fault_on="start"), tmp_path))
    deaths.whole.say("There?")
    deaths.expect_kept("There?")
    deaths.press(notices.MODEL_KEY)
    deaths.expect_answer("There?")


@pytest.mark.parametrize("moment", [is_ready, has_loaded])
def test_an_engine_that_dies_three_times(qtbot: QtBot, windows: list[Whole], moment: Callable[[object], bool]) -> None:
    deaths = Deaths(opened(qtbot, windows))
    deaths.at(moment, lambda: deaths.at(moment, deaths.kill))
    deaths.at(moment, deaths.kill)
    deaths.kill()
    deaths.expect_no_engine()
    if moment is has_loaded:
        assert deaths.notices[notices.ENGINE_KEY].action_key == notices.RESTART_ENGINE
    deaths.whole.say("There?")
    deaths.expect_kept("There?")
    deaths.press(notices.MODEL_KEY)
    deaths.expect_answer("There?")
    assert deaths.notices == {}


def dead_in_the_first_load(qtbot: QtBot, windows: list[Whole]) -> Deaths:
    """Open a window whose model kills the engine each time, until it is started no more."""
    script = Script(answer=ECHO, fault="kill", fault_on="load_checkpoint", fault_after=1)
    deaths = Deaths(started(qtbot, windows, script))
    for _ in range(DEATH_LIMIT - 1):
        deaths.whole.wait(lambda: notices.MODEL_KEY in deaths.notices and not deaths.hearth.checkpoints.loading)
        deaths.press(notices.MODEL_KEY)
    deaths.expect_no_engine()
    told = deaths.notices[notices.MODEL_KEY]
    assert told.text.startswith("The engine stopped three times within a minute and was not started again. Load")
    assert [each.label for each in told.choices] == ["Load in INT8", "Load in INT4"]
    return deaths


def test_one_press_brings_engine_and_model_after_three_deaths_in_the_first_load(
    qtbot: QtBot, windows: list[Whole]
) -> None:
    deaths = dead_in_the_first_load(qtbot, windows)
    deaths.whole.say("There?")
    deaths.expect_kept("There?")
    deaths.hearth.engine._link._argv = scripted_engine_command("echo")
    deaths.press(notices.MODEL_KEY)
    deaths.expect_answer("There?")
    assert deaths.notices == {}


def test_a_model_that_kills_the_engine_again_is_offered_lighter(qtbot: QtBot, windows: list[Whole]) -> None:
    deaths = dead_in_the_first_load(qtbot, windows)
    deaths.press(notices.MODEL_KEY)
    assert notices.MODEL_KEY not in deaths.notices
    deaths.whole.wait(lambda: notices.MODEL_KEY in deaths.notices and not deaths.hearth.checkpoints.loading)
    told = deaths.notices[notices.MODEL_KEY]
    assert "while loading the model, probably because memory ran out" in told.text
    assert (told.action_key, [each.label for each in told.choices]) == (
        notices.LOAD_MODEL,
        ["Load in INT8", "Load in INT4"],
    )
    deaths.hearth.engine._link._argv = scripted_engine_command("echo")
    healthy: list[bool] = []
    deaths.at(is_restarting, lambda: deaths.at(is_ready, lambda: healthy.append(True)))
    deaths.kill()  # the engine without a model: the next one is a healthy one
    deaths.whole.wait(lambda: bool(healthy))
    deaths.hearth.window.notice_action_requested.emit(told.choices[1].key)
    deaths.whole.wait(lambda: deaths.hearth.checkpoints.plan is not None)
    assert deaths.plan.precision is Precision.INT4


def test_another_model_starts_the_engine_and_is_the_only_one_it_loads(qtbot: QtBot, windows: list[Whole]) -> None:
    deaths = Deaths(opened(qtbot, windows))
    deaths.at(is_ready, lambda: deaths.at(is_ready, deaths.kill))
    deaths.at(is_ready, deaths.kill)
    deaths.kill()
    deaths.expect_no_engine()
    deaths.hearth.checkpoints.load(OTHER)
    deaths.whole.wait(lambda: deaths.hearth.checkpoints.plan is not None)
    assert deaths.plan.checkpoint == OTHER
    assert deaths.notices == {}


def test_what_waits_in_another_conversation_is_answered_once_the_model_is_back(
    qtbot: QtBot, windows: list[Whole]
) -> None:
    deaths = Deaths(opened(qtbot, windows))
    deaths.freeze()
    deaths.whole.say("First")
    deaths.whole.wait(lambda: deaths.hearth.chat.runner.message is not None)
    deaths.hearth.window.begin_new()
    deaths.whole.say("Second")
    deaths.kill()
    deaths.expect_answer("Second")


def test_a_load_that_kills_the_engine_leaves_the_model_from_before(qtbot: QtBot, windows: list[Whole]) -> None:
    deaths = Deaths(opened(qtbot, windows))
    deaths.freeze()
    deaths.hearth.checkpoints.load(OTHER)
    deaths.whole.say("There?")
    deaths.at(is_ready, lambda: deaths.whole.say("And now?"))
    deaths.kill()
    deaths.expect_answer("And now?")
    assert deaths.plan.checkpoint == "starter"
    assert "There?" in " ".join(deaths.whole.texts())
    assert "while loading the model" in deaths.notices[notices.MODEL_KEY].text
    deaths.press(notices.MODEL_KEY)
    deaths.whole.wait(lambda: deaths.hearth.checkpoints.plan is not None and deaths.plan.checkpoint == OTHER)


def test_a_queued_switch_of_model_outlives_the_answer_before_it(qtbot: QtBot, windows: list[Whole]) -> None:
    deaths = Deaths(opened(qtbot, windows))
    deaths.whole.say("First")
    deaths.expect_answer("First")
    first_id = deaths.hearth.conversations.current_id
    deaths.hearth.window.begin_new()
    deaths.freeze()
    deaths.whole.say("Second")
    deaths.whole.wait(lambda: deaths.hearth.chat.runner.message is not None)
    deaths.hearth.window.open_conversation(first_id)
    deaths.whole.wait(lambda: deaths.whole.texts() == ["First", "You said: First"])
    deaths.hearth.chat.answer_with((deaths.hearth.transcript_model.entry(1).message.id, OTHER))
    deaths.kill()
    deaths.whole.wait(lambda: deaths.hearth.chat.is_idle)
    assert deaths.plan.checkpoint == OTHER
    assert deaths.hearth.transcript_model.entry(1).versions == 2
    assert "is loaded now" in deaths.notices[notices.MODEL_KEY].text


def test_a_switch_of_model_that_kills_the_engine_is_told(qtbot: QtBot, windows: list[Whole]) -> None:
    deaths = Deaths(opened(qtbot, windows))
    deaths.whole.say("First")
    deaths.expect_answer("First")
    deaths.freeze()
    deaths.hearth.chat.answer_with((deaths.hearth.transcript_model.entry(1).message.id, OTHER))
    deaths.kill()
    deaths.whole.wait(lambda: notices.ANSWER_KEY in deaths.notices)
    assert deaths.hearth.chat.is_idle
    deaths.press(notices.ANSWER_KEY)
    deaths.whole.wait(lambda: deaths.hearth.transcript_model.entry(1).versions == 2)
    deaths.whole.wait(lambda: deaths.hearth.chat.is_idle)
    assert deaths.plan.checkpoint == OTHER


def test_another_engine_goes_on_with_the_first_load(qtbot: QtBot, windows: list[Whole]) -> None:
    deaths = Deaths(started(qtbot, windows, Script(answer=ECHO, steps=4, delay_seconds=0.1)))
    deaths.whole.say("There?")
    deaths.at(is_ready, lambda: deaths.hearth._renew_engine())
    deaths.expect_answer("There?")
