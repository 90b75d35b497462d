"""`hearth models delete`: says what would be freed, asks, and deletes."""

import sys
from dataclasses import dataclass

from app.conversations.records import new_id
from app.models.amounts import file_size
from app.paths import Paths
from app.settings.file import load
from app.terminal.engine_session import EngineSession, session_for
from app.terminal.one_command import run_in
from app.terminal.options import EXIT_FAILED, EXIT_OK, WrongUsage
from app.terminal.output import Output
from engine.api.commands import DeleteCheckpoint, ListCheckpoints
from engine.api.events import CheckpointDeleted, CheckpointsListed

_YES = ("y", "yes")


@dataclass(frozen=True)
class Deletion:
    """What is to be deleted; revision "" is all of it. is_agreed: it was said beforehand that nothing is asked."""

    checkpoint: str
    revision: str
    is_agreed: bool
    as_json: bool


def run(wanted: Deletion, paths: Paths, output: Output) -> int:
    """Delete, asking first where a person can answer, and return the exit status: 1 if the person said no.

    Raises TerminalFailure, WrongUsage where nobody can be asked, KeyboardInterrupt.
    """
    can_ask = sys.stdin.isatty() and sys.stderr.isatty()
    if not wanted.is_agreed and not can_ask:
        raise WrongUsage("Nobody can be asked here whether to delete it. Add --yes to delete without a question.")
    settings, _ = load(paths.settings_file)
    folders = settings.checkpoint_folders
    with session_for(paths) as session:
        if not wanted.is_agreed and not _is_confirmed(wanted, folders, session, output):
            output.say("Nothing was deleted.")
            return EXIT_FAILED
        deleted = _delete(wanted, folders, session, output)
    if wanted.as_json:
        report = {"model": deleted.checkpoint, "revision": wanted.revision, "freed_bytes": deleted.freed_bytes}
        output.json(report)
    else:
        output.line(f"{deleted.checkpoint} is deleted: {file_size(deleted.freed_bytes)} are free again.")
    return EXIT_OK


def _is_confirmed(wanted: Deletion, folders: tuple[str, ...], session: EngineSession, output: Output) -> bool:
    counted = _delete(wanted, folders, session, output, only_count=True)
    listed = run_in(session, ListCheckpoints(command_id=new_id(), folders=folders), output, output.progress)
    assert isinstance(listed, CheckpointsListed)
    folder = next((each.folder for each in listed.checkpoints if each.reference == wanted.checkpoint), "")
    what = f"the revision {wanted.revision} of {wanted.checkpoint}" if wanted.revision else wanted.checkpoint
    where = f" It lies in {folder}." if folder else ""
    return output.ask(f"Delete {what}? This frees {file_size(counted.freed_bytes)}.{where} [y/N] ").lower() in _YES


def _delete(
    wanted: Deletion, folders: tuple[str, ...], session: EngineSession, output: Output, *, only_count: bool = False
) -> CheckpointDeleted:
    command = DeleteCheckpoint(
        command_id=new_id(),
        checkpoint=wanted.checkpoint,
        revision=wanted.revision,
        only_count=only_count,
        folders=folders,
    )
    terminal = run_in(session, command, output, output.progress)
    assert isinstance(terminal, CheckpointDeleted)
    return terminal
