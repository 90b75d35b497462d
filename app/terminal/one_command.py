"""One command for an engine of its own, its progress on the terminal, its failure as one sentence."""

from app.paths import Paths
from app.terminal.engine_session import EngineSession, OnEvent, session_for
from app.terminal.interrupts import Interrupts
from app.terminal.options import TerminalFailure
from app.terminal.output import Output
from engine.api.commands import Command
from engine.api.errors import ErrorReport
from engine.api.events import CommandFailed, DownloadFinished, Terminal


def run_once(command: Command, paths: Paths, output: Output) -> Terminal:
    """Start an engine, run the command and return its terminal event.

    Raises TerminalFailure if it failed, KeyboardInterrupt if it was stopped.
    """
    with session_for(paths) as session:
        return run_in(session, command, output, output.progress)


def run_in(session: EngineSession, command: Command, output: Output, on_event: OnEvent) -> Terminal:
    """Run the command in a session, as run_once does, with progress as on_event shows it."""
    with Interrupts() as interrupts:
        terminal = session.run(command, on_event, interrupts)
    output.clear_progress()
    if isinstance(terminal, CommandFailed):
        raise TerminalFailure(failure_words(terminal.error))
    if interrupts.requested and not isinstance(terminal, DownloadFinished):
        raise KeyboardInterrupt
    return terminal


def failure_words(error: ErrorReport) -> str:
    """Return what happened, what to do, and the address where it can be done if the words don't name it."""
    words = error.sentence()
    return f"{words} {error.link}" if error.link and error.link not in words else words
