"""How fast a tier gives KV back on this machine, and how fast the loaded model reads: which tier is worth its room.

Owns a small file beside the stored KV, so that what was measured is known after a restart.
"""

import contextlib
import logging
import math
import os
import time
from pathlib import Path

import msgspec

from engine.api.rates import written
from engine.api.warmth import Tier
from engine.kv.disk.plain_files import create_plain, open_plain

_NAME = "rates.json"
_MOST_BYTES = 256 * 1024
_MOST_MODELS = 32
# Shorter measurements say more about the start of a copy than about its rate.
_LEAST_BYTES = 2**20
_LEAST_TOKENS = 64
# A busy machine measures wrong: a tier is given up for a day, after more than one measurement.
_LEAST_MEASUREMENTS = 2
_REFUSED_FOR_SECONDS = 86400.0
# No machine is faster; a damaged file may say so.
_MOST_PER_SECOND = 1e15
_log = logging.getLogger(__name__)


class ModelRate(msgspec.Struct, frozen=True):
    """A model's name, the bytes of KV for each token, and how many tokens it reads per second (0: not measured)."""

    name: str
    bytes_per_token: float
    tokens_per_second: float = 0.0


class RestoreRate(msgspec.Struct, frozen=True):
    """Bytes per second that a tier gave back, in how many measurements, the last one when (seconds since the epoch)."""

    bytes_per_second: float
    count: int
    at: float


class _File(msgspec.Struct):
    tiers: dict[Tier, RestoreRate] = {}
    models: dict[str, ModelRate] = {}


class Rates:
    """Rates of this machine and of the model with this fingerprint, kept in the folder if there is one."""

    def __init__(self, folder: Path | None, fingerprint: str, name: str, bytes_per_token: float) -> None:
        self._path = folder / _NAME if folder is not None else None
        self._file = _read(self._path) if self._path is not None else _File()
        self._fingerprint = fingerprint
        known = self._file.models.get(fingerprint)
        self._model = ModelRate(name, bytes_per_token, known.tokens_per_second if known else 0.0)

    def learn_restore(self, tier: Tier, size_bytes: int, seconds: float) -> None:
        """Take a measurement of putting KV from a tier back into the slab."""
        if size_bytes < _LEAST_BYTES or seconds <= 0:
            return
        known, measured = self._file.tiers.get(tier), size_bytes / seconds
        rate = (known.bytes_per_second + measured) / 2 if known else measured
        self._file.tiers[tier] = RestoreRate(rate, known.count + 1 if known else 1, time.time())

    def learn_reading(self, tokens: int, seconds: float) -> None:
        """Take a measurement of reading a prompt."""
        if tokens < _LEAST_TOKENS or seconds <= 0:
            return
        known, measured = self._model.tokens_per_second, tokens / seconds
        rate = (known + measured) / 2 if known else measured
        self._model = msgspec.structs.replace(self._model, tokens_per_second=rate)

    def reading_seconds(self, tokens: int) -> float:
        """Return how long the model takes to read so many; 0 while that isn't known."""
        rate = self._model.tokens_per_second
        return tokens / rate if rate else 0.0

    def pays(self, tier: Tier, size_bytes: int = 0, tokens: int = 0) -> bool:
        """Return whether restoring (that many bytes for that many tokens) is faster than reading.

        Yes if that isn't known well: a tier that isn't used isn't measured again.
        """
        per_token = size_bytes / tokens if tokens else self._model.bytes_per_token
        return _pays(self._file.tiers.get(tier), per_token, self._model.tokens_per_second)

    def reason(self, tier: Tier) -> str:
        """Return the decision about a tier with its two numbers."""
        return _reason(self._file, self._model, tier)

    def save(self) -> None:
        """Write what was learnt; a file that can't be written is left alone."""
        self._file.models.pop(self._fingerprint, None)
        self._file.models[self._fingerprint] = self._model
        for fingerprint in list(self._file.models)[:-_MOST_MODELS]:
            del self._file.models[fingerprint]
        if self._path is None:
            return
        part = self._path.with_suffix(f".{os.getpid()}.part")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with create_plain(part) as file:
                file.write(msgspec.json.encode(self._file))
            part.replace(self._path)
        except OSError as error:
            _log.warning("rates could not be saved: %s", error)
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)


def last_reason(folder: Path, tier: Tier) -> str:
    """Return the decision about a tier for the model that was used last, for when none is loaded."""
    file = _read(folder / _NAME)
    if not file.models:
        return "not measured yet"
    model = list(file.models.values())[-1]
    return f"{_reason(file, model, tier)} ({model.name})"


def _reason(file: _File, model: ModelRate, tier: Tier) -> str:
    rate = file.tiers.get(tier)
    if rate is None or not model.tokens_per_second or not model.bytes_per_token:
        return "not measured yet"
    restored = f"{written(rate.bytes_per_second / model.bytes_per_token, 0)} tokens per second"
    read = written(model.tokens_per_second, 0)
    if _pays(rate, model.bytes_per_token, model.tokens_per_second):
        return f"restores {restored}, reading again does {read}"
    return f"reading again is faster: {read} tokens per second, restoring {restored}"


def _pays(rate: RestoreRate | None, bytes_per_token: float, tokens_per_second: float) -> bool:
    if rate is None or rate.count < _LEAST_MEASUREMENTS or abs(time.time() - rate.at) > _REFUSED_FOR_SECONDS:
        return True
    return bytes_per_token * tokens_per_second < rate.bytes_per_second


def _read(path: Path) -> _File:
    try:
        with open_plain(path) as file:
            content = file.read(_MOST_BYTES + 1)
        found = msgspec.json.decode(content, type=_File)
    except (OSError, msgspec.MsgspecError, RecursionError):
        return _File()
    return found if len(content) <= _MOST_BYTES and _is_plausible(found) else _File()


def _is_plausible(file: _File) -> bool:
    rates = [rate.bytes_per_second for rate in file.tiers.values()]
    rates += [rate for model in file.models.values() for rate in (model.bytes_per_token, model.tokens_per_second)]
    return all(math.isfinite(rate) and 0 <= rate <= _MOST_PER_SECOND for rate in rates)
