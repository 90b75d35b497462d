"""`hearth models`: what is on this computer, and fetching more."""

import msgspec

from app.conversations.records import new_id
from app.paths import Paths
from app.settings.file import load
from app.terminal.one_command import run_once
from app.terminal.options import EXIT_OK
from app.terminal.output import Output
from engine.api.checkpoint import LocalCheckpoint
from engine.api.commands import DownloadCheckpoint, ListCheckpoints
from engine.api.events import CheckpointsListed, DownloadFinished


def list_checkpoints(paths: Paths, output: Output, *, as_json: bool) -> int:
    """Print the checkpoints that can be used, one a line; raises TerminalFailure."""
    settings, _ = load(paths.settings_file)
    terminal = run_once(ListCheckpoints(command_id=new_id(), folders=settings.checkpoint_folders), paths, output)
    assert isinstance(terminal, CheckpointsListed)
    if as_json:
        output.json({"models": msgspec.to_builtins(terminal.checkpoints)}, indent=2)
    for checkpoint in () if as_json else terminal.checkpoints:
        output.line(_row(checkpoint))
    return EXIT_OK


def download(checkpoint: str, revision: str, paths: Paths, output: Output, *, as_json: bool) -> int:
    """Fetch a checkpoint into the cache; raises TerminalFailure, or KeyboardInterrupt if it was stopped."""
    command = DownloadCheckpoint(command_id=new_id(), checkpoint=checkpoint, revision=revision)
    terminal = run_once(command, paths, output)
    assert isinstance(terminal, DownloadFinished)
    if as_json:
        output.json({"model": terminal.checkpoint, "revision": terminal.revision})
    else:
        output.line(f"{terminal.checkpoint} is on this computer. Try: hearth chat --model {terminal.checkpoint}")
    return EXIT_OK


def _row(checkpoint: LocalCheckpoint) -> str:
    return f"{checkpoint.reference:<48} {checkpoint.size_bytes / 10**9:>7.2f} GB  {checkpoint.architecture}".rstrip()
