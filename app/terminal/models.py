"""`hearth models list`: what is on this computer, whole or in part."""

import time
from collections.abc import Iterator, Sequence

import msgspec

from app.conversations.records import new_id
from app.models.amounts import file_size
from app.paths import Paths
from app.settings.file import load
from app.terminal.one_command import run_once
from app.terminal.options import EXIT_OK
from app.terminal.output import Output
from engine.api.checkpoint import LocalCheckpoint
from engine.api.commands import ListCheckpoints
from engine.api.events import CheckpointsListed

_HEADINGS = ("MODEL", "ON DISK", "ARCHITECTURE", "LAST USED", "STATE")
_RIGHT = 1  # the column of sizes
_LONGEST_COLUMN = 60


def list_checkpoints(paths: Paths, output: Output, *, as_json: bool) -> int:
    """Print what is on this computer, one a line, for people under headings; raises TerminalFailure."""
    settings, _ = load(paths.settings_file)
    terminal = run_once(ListCheckpoints(command_id=new_id(), folders=settings.checkpoint_folders), paths, output)
    assert isinstance(terminal, CheckpointsListed)
    if as_json:
        rows = [msgspec.to_builtins(each) | {"is_complete": each.is_complete} for each in terminal.checkpoints]
        output.json({"models": rows}, indent=2)
        return EXIT_OK
    for line in table(terminal.checkpoints, with_headings=output.is_terminal):
        output.line(line)
    return EXIT_OK


def table(checkpoints: Sequence[LocalCheckpoint], *, with_headings: bool) -> Iterator[str]:
    """Yield the lines of the table, each beginning with the reference."""
    rows = [*([_HEADINGS] if with_headings else []), *(_cells(checkpoint) for checkpoint in checkpoints)]
    lengths = [max((len(row[column]) for row in rows), default=0) for column in range(len(_HEADINGS))]
    widths = [min(_LONGEST_COLUMN, length) for length in lengths]
    for row in rows:
        cells = (
            cell.rjust(width) if column == _RIGHT else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        yield "  ".join(cells).rstrip()


def _cells(checkpoint: LocalCheckpoint) -> tuple[str, ...]:
    size = file_size(checkpoint.disk_bytes or _present_bytes(checkpoint))
    used = time.strftime("%Y-%m-%d", time.localtime(checkpoint.used_at)) if checkpoint.used_at else "not known"
    return checkpoint.reference, size, checkpoint.architecture or "-", used, _state(checkpoint)


def _present_bytes(checkpoint: LocalCheckpoint) -> int:
    return checkpoint.size_bytes or max(0, checkpoint.total_bytes - checkpoint.missing_bytes)


def _state(checkpoint: LocalCheckpoint) -> str:
    if checkpoint.is_complete:
        return "complete"
    total, missing = checkpoint.total_bytes, checkpoint.missing_bytes
    share = f", {max(0, total - missing) * 100 // total} %" if total > 0 else ""
    revision = checkpoint.wanted_revision
    option = f" --revision {revision}" if revision not in ("", "main") else ""
    hub_id = checkpoint.reference.partition("@")[0]
    return f"incomplete{share} - hearth models download {hub_id}{option} goes on"
