"""What was measured and tried on this machine, kept in one small file so that it need not be done at every start."""

import os
import tempfile
import time
from pathlib import Path
from typing import Self, TypeVar

import msgspec

_NAME = "hardware.json"
_MOST_BYTES = 256 * 1024
_MOST_ENTRIES = 32
_GOOD_FOR_SECONDS = 30 * 86400.0
_FAILURE_GOOD_FOR_SECONDS = 86400.0  # it may be mended without a new version of anything
_DISTURBED_GOOD_FOR_SECONDS = 3600.0  # other programs were busy: enough for the next start, no word about the machine
_PLAUSIBLE = (1e8, 1e14)  # bytes per second; anything else is a damaged file


class Measured(msgspec.Struct, frozen=True):
    """A bandwidth in bytes per second, and when it was measured (seconds since 1970)."""

    bytes_per_second: float
    at: float
    is_undisturbed: bool = True


class Tried(msgspec.Struct, frozen=True):
    """Kernels that worked, why others didn't, and when they were tried (seconds since 1970)."""

    attention: tuple[str, ...]
    quantization: tuple[str, ...]
    problem: str
    at: float


class Chosen(msgspec.Struct, frozen=True):
    """What was the fastest by name, up to how many rows (0: any), and when it was tried (seconds since 1970)."""

    rungs: tuple[tuple[int, str], ...]
    at: float
    is_undisturbed: bool


_Entry = TypeVar("_Entry", Measured, Tried, Chosen)


class MachineFile(msgspec.Struct, frozen=True):
    """Findings by a key that names device, driver and versions: what changes is looked for under a new key."""

    bandwidths: dict[str, Measured] = {}
    kernels: dict[str, Tried] = {}
    choices: dict[str, Chosen] = {}

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Return what the folder's file holds; nothing if it is missing, damaged or not a plain file."""
        file = folder / _NAME
        try:
            if not file.is_file() or file.stat().st_size > _MOST_BYTES:
                return cls()
            return msgspec.json.decode(file.read_bytes(), type=cls)
        except (OSError, msgspec.DecodeError, RecursionError):
            return cls()

    def bandwidth(self, key: str) -> Measured | None:
        """Return what was measured; None if nothing was, too long ago, or if it can't be true."""
        found = self.bandwidths.get(key)
        if found is None or not _is_fresh(found.at, _good_for_seconds(found)):
            return None
        least, most = _PLAUSIBLE
        return found if least < found.bytes_per_second < most else None

    def choice(self, key: str) -> tuple[tuple[int, str], ...]:
        """Return what was the fastest; empty if it was not tried, or too long ago."""
        found = self.choices.get(key)
        return found.rungs if found is not None and _is_fresh(found.at, _good_for_seconds(found)) else ()

    def tried(self, key: str) -> Tried | None:
        """Return the kernels that worked; None if they were not tried, or too long ago."""
        found = self.kernels.get(key)
        if found is None:
            return None
        return found if _is_fresh(found.at, _FAILURE_GOOD_FOR_SECONDS if found.problem else _GOOD_FOR_SECONDS) else None


def keep_bandwidth(folder: Path, key: str, bytes_per_second: float, *, is_undisturbed: bool) -> None:
    """Add a bandwidth to the folder's file, at once and as a whole. A folder that can't be written to is no error."""
    before = MachineFile.read(folder)
    entry = {key: Measured(bytes_per_second, time.time(), is_undisturbed)}
    _write(folder, msgspec.structs.replace(before, bandwidths=_newest(before.bandwidths | entry)))


def keep_kernels(
    folder: Path, key: str, attention: tuple[str, ...], quantization: tuple[str, ...], problem: str
) -> None:
    """Add kernels that were tried, in the same way."""
    before = MachineFile.read(folder)
    entry = {key: Tried(attention, quantization, problem, time.time())}
    _write(folder, msgspec.structs.replace(before, kernels=_newest(before.kernels | entry)))


def keep_choice(folder: Path, key: str, rungs: tuple[tuple[int, str], ...], *, is_undisturbed: bool) -> None:
    """Add what was the fastest, in the same way."""
    before = MachineFile.read(folder)
    entry = {key: Chosen(rungs, time.time(), is_undisturbed)}
    _write(folder, msgspec.structs.replace(before, choices=_newest(before.choices | entry)))


def _newest(entries: dict[str, _Entry]) -> dict[str, _Entry]:
    newest = sorted(entries.items(), key=lambda item: item[1].at)[-_MOST_ENTRIES:]
    return dict(newest)


def _write(folder: Path, content: MachineFile) -> None:
    temporary = ""
    try:
        descriptor, temporary = tempfile.mkstemp(prefix=".hardware-", suffix=".json", dir=folder)
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.json.encode(content))
        Path(temporary).replace(folder / _NAME)
    except OSError:
        if temporary:
            Path(temporary).unlink(missing_ok=True)


def _good_for_seconds(found: Measured | Chosen) -> float:
    return _GOOD_FOR_SECONDS if found.is_undisturbed else _DISTURBED_GOOD_FOR_SECONDS


def _is_fresh(at: float, good_for_seconds: float) -> bool:
    # A clock that was set back makes the time lie ahead: measured anew.
    return 0 <= time.time() - at <= good_for_seconds
