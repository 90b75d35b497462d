"""One command for an engine of its own, its progress on the terminal, its failure as one sentence."""

from app.paths import Paths
from app.terminal.engine_session import session_for
from app.terminal.interrupts import Interrupts
from app.terminal.options import TerminalFailure
from app.terminal.output import Output
from engine.api.commands import Command
from engine.api.events import CommandFailed, Terminal


def run_once(command: Command, paths: Paths, output: Output) -> Terminal:
    """Start an engine, run the command and return its terminal event.

    Raises TerminalFailure if it failed, KeyboardInterrupt if it was stopped.
    """
    with session_for(paths) as session, Interrupts() as interrupts:
        terminal = session.run(command, output.progress, interrupts)
    output.clear_progress()
    if isinstance(terminal, CommandFailed):
        raise TerminalFailure(terminal.error.sentence())
    if interrupts.requested:
        raise KeyboardInterrupt
    return terminal
