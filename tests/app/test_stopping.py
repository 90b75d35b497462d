"""Stop while a message waits for a model that nobody chose just now: of an engine that starts again, or of another."""

import os
import signal
from collections.abc import Callable

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from app.controllers import notices
from app.conversations.records import MessageState
from app.worker import engine_link
from tests.app.test_engine_deaths import ECHO, OTHER, Deaths, is_restarting
from tests.app.whole import Whole, opened
from tests.engine_scripts import SCRIPTS, Script
from tests.scripted_engine import scripted_engine_command

ENDLESS = scripted_engine_command(Script(answer=ECHO, steps=100_000, delay_seconds=0.05))  # its loads never end
WAYS: dict[str, Callable[[Whole], object]] = {
    "the button": lambda whole: whole.composer.button.click(),
    "Esc": lambda whole: whole.qtbot.keyClick(whole.composer.editor, Qt.Key.Key_Escape),
    "the menu": lambda whole: whole.hearth.window.actions_by_name.stop.trigger(),
}


def next_engine(whole: Whole, argv: list[str]) -> None:
    """Have engines that are started from now on started with these arguments."""
    whole.hearth._given_argv = argv
    whole.hearth.engine._link._argv = argv


def say_while_it_starts_again(deaths: Deaths) -> None:
    """Kill the engine and ask; the next one loads for ever."""
    next_engine(deaths.whole, ENDLESS)
    deaths.at(is_restarting, lambda: deaths.whole.say("There?"))
    deaths.kill()
    deaths.whole.wait(lambda: deaths.whole.composer.chips.queue == ("There?",))
    deaths.whole.wait(lambda: deaths.whole.composer.button.accessibleName() == "Stop")


def expect_stopped(deaths: Deaths) -> None:
    """See that Stop shows at once, and that nothing is loaded or answered afterwards."""
    composer, hearth = deaths.whole.composer, deaths.hearth
    assert composer.button.accessibleName() == "Send"
    assert composer.chips._chips[0].waiting.text() == "Stopped"
    deaths.whole.wait(lambda: not hearth.checkpoints.loading)
    assert hearth.checkpoints.plan is None
    assert composer.chips.queue == ("There?",)
    assert hearth.chat.runner.message is None


def send_now(deaths: Deaths) -> None:
    """Let engines be quick again, and press the button of the message that waits."""
    next_engine(deaths.whole, scripted_engine_command("echo"))
    deaths.whole.composer.chips._chips[0].send_button.click()


@pytest.mark.parametrize("way", WAYS)
def test_a_load_after_a_death_is_stopped(qtbot: QtBot, windows: list[Whole], way: str) -> None:
    deaths = Deaths(opened(qtbot, windows))
    say_while_it_starts_again(deaths)
    WAYS[way](deaths.whole)
    expect_stopped(deaths)
    assert deaths.notices.keys() <= {notices.ENGINE_KEY}


def test_what_was_stopped_is_answered_when_it_is_sent(qtbot: QtBot, windows: list[Whole]) -> None:
    deaths = Deaths(opened(qtbot, windows))
    say_while_it_starts_again(deaths)
    WAYS["the button"](deaths.whole)
    expect_stopped(deaths)
    send_now(deaths)
    deaths.whole.wait(lambda: deaths.whole.composer.button.accessibleName() == "Stop")
    deaths.kill()  # as its load never ends
    deaths.expect_kept("There?")
    deaths.press(notices.MODEL_KEY)
    deaths.expect_answer("There?")


def test_an_engine_that_dies_after_a_stop_brings_no_model(qtbot: QtBot, windows: list[Whole]) -> None:
    deaths = Deaths(opened(qtbot, windows))
    say_while_it_starts_again(deaths)
    WAYS["the button"](deaths.whole)
    expect_stopped(deaths)
    states: list[bool] = []
    deaths.at(is_restarting, lambda: states.append(True))
    deaths.kill()
    deaths.whole.wait(lambda: bool(states) and not deaths.hearth.checkpoints.loading)
    expect_stopped(deaths)


def test_a_load_that_ends_in_spite_of_stop_has_nothing_answered(qtbot: QtBot, windows: list[Whole]) -> None:
    script = Script(answer=ECHO, ignore_cancel=True)
    deaths = Deaths(opened(qtbot, windows, script))
    deaths.freeze()
    deaths.hearth.checkpoints.load(OTHER)
    deaths.whole.say("There?")
    WAYS["the button"](deaths.whole)
    process = deaths.hearth.engine._link._process
    assert process is not None
    os.kill(process.process_id, signal.SIGCONT)
    deaths.whole.wait(lambda: not deaths.hearth.checkpoints.loading)
    assert deaths.whole.composer.chips._chips[0].waiting.text() == "Stopped"
    assert deaths.whole.composer.chips.queue == ("There?",)
    assert deaths.hearth.chat.is_idle
    deaths.hearth.checkpoints.load("starter")
    deaths.expect_answer("There?")


@pytest.fixture
def patient_link(monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that is to end is waited for until the test ends it, however long that is held up."""
    monkeypatch.setattr(engine_link, "SHUTDOWN_SECONDS", 120.0)


def renew(deaths: Deaths, argv: list[str]) -> None:
    """Change to another engine while the one of now does not end, until the test kills it."""
    next_engine(deaths.whole, argv)
    deaths.freeze()
    deaths.hearth._renew_engine()


@pytest.mark.usefixtures("patient_link")
@pytest.mark.parametrize("way", WAYS)
def test_the_load_of_another_engine_is_stopped(qtbot: QtBot, windows: list[Whole], way: str) -> None:
    deaths = Deaths(opened(qtbot, windows))
    renew(deaths, ENDLESS)
    deaths.whole.wait(lambda: deaths.hearth.checkpoints.plan is None)
    assert deaths.hearth.engine._link._is_renewing, "the window knows of it before the old engine has ended"
    deaths.whole.say("There?")
    WAYS[way](deaths.whole)
    deaths.kill()
    expect_stopped(deaths)


@pytest.mark.usefixtures("patient_link")
def test_a_question_that_met_the_change_of_engines_is_stopped(qtbot: QtBot, windows: list[Whole]) -> None:
    deaths = Deaths(opened(qtbot, windows, SCRIPTS["echo"]))
    renew(deaths, scripted_engine_command("echo"))
    deaths.whole.say("There?")
    deaths.whole.wait(lambda: deaths.hearth.chat.runner.message is not None)
    WAYS["the button"](deaths.whole)
    deaths.kill()
    deaths.whole.wait(lambda: deaths.hearth.chat.runner.message is None)
    assert deaths.whole.states() == [MessageState.COMPLETE, MessageState.STOPPED]
    deaths.whole.wait(lambda: deaths.hearth.checkpoints.plan is not None)
    deaths.whole.say("And now?")
    deaths.whole.wait(lambda: "And now?" in deaths.whole.texts()[-1] and deaths.hearth.chat.is_idle)
    assert deaths.whole.states() == [MessageState.COMPLETE, MessageState.STOPPED, *[MessageState.COMPLETE] * 2]
