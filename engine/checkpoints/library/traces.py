"""What earlier uses left behind: loads of our own, times at which files were read, quantised copies."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from engine.checkpoints import copy_folders
from engine.checkpoints.library import usage

# What listing and planning read themselves: when that was read last says nothing about a use.
_READ_BY_LISTS = ("config.json", "tokenizer_config.json", "generation_config.json")
_READ_ENDINGS = (".safetensors", ".safetensors.index.json")


@dataclass(frozen=True)
class Traces:
    """loads: usage.key_of(reference) -> seconds since the epoch. copies: Hub id or folder -> bytes of its copies."""

    data_folder: Path
    loads: Mapping[str, float]
    copies: Mapping[str, int]


def traces_in(data_folder: Path) -> Traces:
    """Read them, once for a whole list."""
    return Traces(data_folder, usage.last_loads(data_folder), copy_folders.bytes_by_place(data_folder))


def used_at(key: str, files: Iterable[Path], traces: Traces) -> float:
    """Return when a checkpoint was last used, in seconds since the epoch, 0 if that is not known.

    That is the last load here, or the last time another program read one of its files. Links are followed. Files that
    lists read count only where there are no others.
    """
    times: dict[bool, float] = {}
    for file in files:
        is_read = file.name in _READ_BY_LISTS or file.name.endswith(_READ_ENDINGS)
        try:
            times[is_read] = max(times.get(is_read, 0.0), file.stat().st_atime)
        except OSError:
            continue
    return max(traces.loads.get(usage.key_of(key), 0.0), times.get(False, times.get(True, 0.0)))
