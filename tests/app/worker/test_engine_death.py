import signal
import sys

import pytest

from app.worker.engine_death import (
    DeathCause,
    EngineDeath,
    command_report,
    failed_report,
    failed_sentence,
    restart_sentence,
)
from engine.api.commands import Command, DownloadCheckpoint, UnloadCheckpoint
from engine.api.errors import ErrorKind, ErrorReport, Remedy
from engine.api.plan import PrecisionChoice
from tests.link_probe import generate, load


def test_an_answer_that_broke_off_says_what_is_kept_and_what_to_press() -> None:
    report = command_report(generate("g"), EngineDeath(DeathCause.EXITED, 1, log_tail="one\ntwo"))
    assert report.kind is ErrorKind.ENGINE_DIED
    assert report.message == "The engine stopped unexpectedly while answering. What was written is kept."
    assert report.hint == "Press Continue or send your message again."
    assert "Exit status 1" in report.details
    assert "one\ntwo" in report.details


def test_a_kill_by_the_system_points_at_memory() -> None:
    report = command_report(generate("g"), EngineDeath(DeathCause.EXITED, -9))
    assert "memory ran out" in report.message
    assert "smaller" in report.hint
    assert "SIGKILL" in report.details


def test_only_what_the_engine_said_to_work_is_offered_when_memory_ran_out() -> None:
    told = (Remedy("Load in INT4", PrecisionChoice.INT4),)
    ended, crashed = EngineDeath(DeathCause.EXITED, -9), EngineDeath(DeathCause.EXITED, 1)
    assert command_report(load(), ended).remedies == ()
    assert command_report(load(), ended, lighter=told).remedies == told
    assert command_report(load(), crashed, lighter=told).remedies == ()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere that signal has other causes")
def test_a_model_file_that_was_cut_is_told() -> None:
    report = command_report(generate("g"), EngineDeath(DeathCause.EXITED, -signal.SIGBUS))
    assert "a file of the model was cut or could not be read any more" in report.message


def test_the_statuses_of_windows_are_understood() -> None:
    def report(status: int) -> ErrorReport:
        return command_report(generate("g"), EngineDeath(DeathCause.EXITED, status))

    assert "memory ran out" in report(0xC0000017).message
    assert "memory ran out" in report(0xC000012D).message
    assert "a file of the model was cut or could not be read any more" in report(0xC0000006).message
    assert report(0xC0000005).message.startswith("The engine stopped unexpectedly")
    assert "0xC0000005" in report(0xC0000005).details


def test_our_own_kill_does_not_point_at_memory() -> None:
    told = command_report(generate("g"), EngineDeath(DeathCause.UNRESPONSIVE, -9)).sentence()
    assert "memory" not in told
    assert "smaller" not in told


def test_a_card_that_was_lost_is_told_as_that() -> None:
    death = EngineDeath(DeathCause.DEVICE_LOST, 1)
    for told in (command_report(generate("g"), death).message, restart_sentence(death)):
        assert told.startswith("The connection to the graphics card was lost.")


@pytest.mark.parametrize("cause", DeathCause)
@pytest.mark.parametrize(
    "command",
    [generate("g"), load(), DownloadCheckpoint(command_id="d", checkpoint="x"), UnloadCheckpoint(command_id="u")],
)
def test_every_death_is_told_in_sentences(cause: DeathCause, command: Command) -> None:
    death = EngineDeath(cause, -250)
    for text in (
        command_report(command, death).message,
        command_report(command, death).hint,
        failed_report(death).message,
        restart_sentence(death),
        failed_sentence(death),
    ):
        assert text[0].isupper()
        assert text.endswith(".")
        assert "  " not in text
