"""Reading values whose type nobody has promised: each function takes anything and returns what it stands for."""

import json
import math
from datetime import UTC, datetime
from typing import Any

import msgspec

from app.conversations.exchange.document import LATEST_TIME
from engine.api.codec import clean_text

_MILLISECONDS_FROM = 1e11  # as seconds, a time in the year 5138
_DEEPEST = 100  # no format nests deeper than about 15

Thing = dict[str, Any]


def decoded(raw: bytes | msgspec.Raw) -> Any:  # noqa: ANN401  whatever stands there
    """Return the value that JSON stands for; raises ValueError for what is none, or is nested too deeply."""
    try:
        return msgspec.json.decode(raw, type=object)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    except ValueError:  # half a character pair, a NaN, an infinite number: others write them, and Python reads them
        try:
            text = bytes(memoryview(raw)).decode("utf-8", "replace")
            return _cleaned(json.loads(text, parse_constant=lambda _name: None), 0)
        except RecursionError as error:
            raise ValueError("nested too deeply") from error


def thing(value: object) -> Thing:
    """Return an object's fields; none for anything else."""
    return value if isinstance(value, dict) else {}


def things(value: object) -> list[Thing]:
    """Return the objects in a list; none for anything else."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def text(value: object) -> str:
    """Return a text, empty for anything else."""
    return value if isinstance(value, str) else ""


def whole_number(value: object) -> int:
    """Return a number without its fraction, 0 for anything else."""
    return int(value) if isinstance(value, int | float) and math.isfinite(value) else 0


def time_of(value: object) -> float:
    """Return seconds since the epoch of a number in seconds or milliseconds, or of an ISO date; 0 if it is none."""
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
            seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError):
            return 0.0
    elif isinstance(value, int | float) and not isinstance(value, bool):
        try:
            seconds = float(value)
        except OverflowError:
            return 0.0
    else:
        return 0.0
    if not math.isfinite(seconds):
        return 0.0
    if seconds > _MILLISECONDS_FROM:
        seconds /= 1000
    return seconds if 0 <= seconds <= LATEST_TIME else 0.0


def _cleaned(value: Any, depth: int) -> Any:  # noqa: ANN401
    if depth > _DEEPEST:
        raise ValueError("nested too deeply")
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, list):
        return [_cleaned(each, depth + 1) for each in value]
    if isinstance(value, dict):
        return {clean_text(key): _cleaned(each, depth + 1) for key, each in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value
