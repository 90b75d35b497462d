"""How fast a tier gives KV back on this machine, and how fast the loaded model reads: which tier is worth its room.

Owns a small file beside the stored KV, so that what was measured is known after a restart.
"""

import logging
import os
from pathlib import Path

import msgspec

from engine.api.warmth import Tier

_NAME = "rates.json"
_MOST_BYTES = 256 * 1024
_MOST_MODELS = 32
# Shorter measurements say more about the start of a copy than about its rate.
_LEAST_BYTES = 2**20
_LEAST_TOKENS = 64
_log = logging.getLogger(__name__)


class ModelRate(msgspec.Struct, frozen=True):
    """A model's name, the bytes of KV for each token, and how many tokens it reads per second (0: not measured)."""

    name: str
    bytes_per_token: float
    tokens_per_second: float = 0.0


class _File(msgspec.Struct):
    restore_bytes_per_second: dict[Tier, float] = {}
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
        known = self._file.restore_bytes_per_second.get(tier, 0.0)
        measured = size_bytes / seconds
        self._file.restore_bytes_per_second[tier] = (known + measured) / 2 if known else measured

    def learn_reading(self, tokens: int, seconds: float) -> None:
        """Take a measurement of reading a prompt."""
        if tokens < _LEAST_TOKENS or seconds <= 0:
            return
        known, measured = self._model.tokens_per_second, tokens / seconds
        rate = (known + measured) / 2 if known else measured
        self._model = msgspec.structs.replace(self._model, tokens_per_second=rate)

    def pays(self, tier: Tier, size_bytes: int = 0, tokens: int = 0) -> bool:
        """Return whether restoring (that many bytes for that many tokens) is faster than reading; yes if not known."""
        rate = self._file.restore_bytes_per_second.get(tier, 0.0)
        per_token = size_bytes / tokens if tokens else self._model.bytes_per_token
        if not rate or not self._model.tokens_per_second:
            return True
        return per_token / rate < 1 / self._model.tokens_per_second

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
            part.write_bytes(msgspec.json.encode(self._file))
            part.replace(self._path)
        except OSError as error:
            _log.warning("rates could not be saved: %s", error)


def last_reason(folder: Path, tier: Tier) -> str:
    """Return the decision about a tier for the model that was used last, for when none is loaded."""
    file = _read(folder / _NAME)
    if not file.models:
        return "not measured yet"
    model = list(file.models.values())[-1]
    return f"{_reason(file, model, tier)} ({model.name})"


def _reason(file: _File, model: ModelRate, tier: Tier) -> str:
    rate = file.restore_bytes_per_second.get(tier, 0.0)
    if not rate or not model.tokens_per_second or not model.bytes_per_token:
        return "not measured yet"
    restored = f"{rate / model.bytes_per_token:,.0f} tokens per second"
    read = f"{model.tokens_per_second:,.0f}"
    if rate / model.bytes_per_token > model.tokens_per_second:
        return f"restores {restored}, reading again does {read}"
    return f"reading again is faster: {read} tokens per second, restoring {restored}"


def _read(path: Path) -> _File:
    try:
        if path.stat().st_size > _MOST_BYTES:
            return _File()
        return msgspec.json.decode(path.read_bytes(), type=_File)
    except (OSError, msgspec.MsgspecError, RecursionError):
        return _File()
