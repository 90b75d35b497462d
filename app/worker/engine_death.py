"""What to say when the engine is gone: one sentence for each command that was open, and one for the window. Pure."""

import signal
import sys
from dataclasses import dataclass
from enum import Enum, auto

from app.language import mark, tr
from engine.api.commands import Command, DownloadCheckpoint, Generate, LoadCheckpoint
from engine.api.errors import ErrorKind, ErrorReport, Remedy

DEATH_LIMIT = 3
DEATH_WINDOW_SECONDS = 60.0

# Exit statuses of Windows, from ntstatus.h; faults begin with the first, and are known by hexadecimal digits.
_WINDOWS_FAULTS = 0xC0000000
_WINDOWS_UNREADABLE_PAGE = 0xC0000006  # STATUS_IN_PAGE_ERROR
_WINDOWS_NO_MEMORY = (0xC0000017, 0xC000012D)  # STATUS_NO_MEMORY and STATUS_COMMITMENT_LIMIT

_STOPPED = mark("The engine stopped unexpectedly.")
_ENDED = mark("The engine was ended by the system, probably because memory ran out.")


class DeathCause(Enum):
    """How the app came to lose its engine."""

    EXITED = auto()
    BROKEN_FRAME = auto()
    UNRESPONSIVE = auto()
    DEVICE_LOST = auto()
    NOT_STARTED = auto()


@dataclass(frozen=True)
class Advice:
    """What people are told to do about a lost engine, in the window's words; kept: what is left of an answer."""

    kept: str = mark("What was written is kept.")
    answer: str = mark("Press Continue or send your message again.")
    load: str = mark("Load the model again.")
    start: str = mark("Restart the engine or Hearth. Your conversations are safe.")


IN_THE_WINDOW = Advice()


@dataclass(frozen=True)
class EngineDeath:
    """One lost engine: why, its exit status (minus the signal's number), and what it last wrote to its log."""

    cause: DeathCause
    exit_status: int | None = None
    problem: str = ""
    log_tail: str = ""

    @property
    def is_out_of_memory(self) -> bool:
        """SIGKILL that we did not send, on Linux nearly always the kernel's out-of-memory killer; Windows says it."""
        return self.cause is DeathCause.EXITED and self.exit_status in (-9, *_WINDOWS_NO_MEMORY)

    @property
    def is_file_lost(self) -> bool:
        """SIGBUS on Linux, and what Windows calls it: a mapped file of the model was cut, or its disk has gone."""
        statuses = [_WINDOWS_UNREADABLE_PAGE]
        if sys.platform == "linux":
            statuses.append(-signal.SIGBUS)
        return self.cause is DeathCause.EXITED and self.exit_status in statuses

    def details(self) -> str:
        """Return the technical part: exit status and the last lines of the log."""
        parts = [self.problem, _status_text(self.exit_status)]
        if self.log_tail:
            parts.append(f"Last lines of the engine's log:\n{self.log_tail}")
        return "\n".join(part for part in parts if part)


def command_report(
    command: Command, death: EngineDeath, advice: Advice = IN_THE_WINDOW, lighter: tuple[Remedy, ...] = ()
) -> ErrorReport:
    """Return what to tell about a command that was open when the engine was lost.

    lighter: what the engine said would need less memory and work here.
    """
    kept = ""
    match command:
        case Generate():
            stopped = tr("The engine stopped unexpectedly while answering.")
            ended = tr("The engine was ended by the system while answering, probably because memory ran out.")
            hint, kept = tr(advice.answer), tr(advice.kept)
        case LoadCheckpoint():
            stopped = tr("The engine stopped unexpectedly while loading the model.")
            ended = tr("The engine was ended by the system while loading the model, probably because memory ran out.")
            hint = tr(advice.load)
        case DownloadCheckpoint():
            stopped = tr("The engine stopped unexpectedly while downloading.")
            ended = tr("The engine was ended by the system while downloading, probably because memory ran out.")
            hint = tr("Start the download again; it goes on where it stopped.")
        case _:
            stopped, ended, hint = tr(_STOPPED), tr(_ENDED), tr("Try again.")
    if death.is_out_of_memory:
        again = tr("If it happens again, choose a smaller model, a smaller context window or a lower precision.")
        hint = f"{hint} {again}"
    return ErrorReport(
        kind=ErrorKind.ENGINE_DIED,
        message=" ".join(filter(None, (_what_happened(death, stopped, ended), kept))),
        hint=hint,
        details=death.details(),
        remedies=lighter if death.is_out_of_memory else (),
    )


def failed_report(death: EngineDeath, advice: Advice = IN_THE_WINDOW) -> ErrorReport:
    """Return what to tell about a command that was sent while no engine is to be had any more."""
    return ErrorReport(
        kind=ErrorKind.ENGINE_DIED,
        message=failed_sentence(death),
        hint=tr(advice.start),
        details=death.details(),
    )


def not_running_report() -> ErrorReport:
    """Return what to tell about a command that came after the engine had been stopped."""
    return ErrorReport(
        kind=ErrorKind.ENGINE_DIED, message=tr("The engine is not running."), hint=tr("Start Hearth again.")
    )


def unsendable_report(error: Exception) -> ErrorReport:
    """Return what to tell about a command that fits in no frame."""
    return ErrorReport(
        kind=ErrorKind.INVALID_COMMAND,
        message=tr("This could not be handed to the engine: it is too long, or holds characters that are no text."),
        hint=tr("Shorten it or remove unusual characters."),
        details=type(error).__name__,
    )


def restart_sentence(death: EngineDeath) -> str:
    """Return the one line for the window while the engine starts anew."""
    return f"{_what_happened(death, tr(_STOPPED), tr(_ENDED))} {tr('It is being started again.')}"


def failed_sentence(death: EngineDeath) -> str:
    """Return the one line for the window when the engine is not started again."""
    if death.cause is DeathCause.NOT_STARTED:
        return tr("The engine could not be started.")
    return tr("The engine stopped three times within a minute and was not started again.")


def _what_happened(death: EngineDeath, stopped: str, ended: str) -> str:
    if death.cause is DeathCause.UNRESPONSIVE:
        return tr("The engine did not react to Stop and had to be ended.")
    if death.cause is DeathCause.DEVICE_LOST:
        return tr("The connection to the graphics card was lost.")
    if death.is_file_lost:
        return tr("The engine had to end, as a file of the model was cut or could not be read any more.")
    return ended if death.is_out_of_memory else stopped


def _status_text(exit_status: int | None) -> str:
    if exit_status is None:
        return ""
    if exit_status >= _WINDOWS_FAULTS:
        return f"Exit status 0x{exit_status:08X}"
    if exit_status >= 0:
        return f"Exit status {exit_status}"
    try:
        return f"Ended by {signal.Signals(-exit_status).name}"
    except ValueError:
        return f"Ended by signal {-exit_status}"
