"""Reading values whose type nobody has promised: each function takes anything and returns what it stands for."""

import json
import math
from datetime import UTC, datetime
from typing import Any

import msgspec

from engine.api.codec import clean_text

# Times are in seconds, or a thousand, a million or a billion times as many. As seconds it is a time in the year 5138.
_LARGEST_SECONDS = 1e11
_SCALES = (1, 10**3, 10**6, 10**9)
_LARGEST_NUMBER = 2**53
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
            return _cleaned(json.loads(text), 0)
        except RecursionError as error:
            raise ValueError("nested too deeply") from error


def thing(value: object) -> Thing:
    """Return an object's fields; none for anything else."""
    return value if isinstance(value, dict) else {}


def things(value: object) -> list[Thing]:
    """Return the objects in a list; none for anything else."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def texts(value: object) -> list[str]:
    """Return the texts in a list; none for anything else."""
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def text(value: object) -> str:
    """Return a text, empty for anything else."""
    return value if isinstance(value, str) else ""


def whole_number(value: object) -> int:
    """Return a number without its fraction, 0 for anything else; none is larger than other programs count to."""
    if not isinstance(value, int | float) or (isinstance(value, float) and not math.isfinite(value)):
        return 0
    return int(min(max(value, -_LARGEST_NUMBER), _LARGEST_NUMBER))


def time_of(value: object) -> float:
    """Return seconds since the epoch of a number, in seconds or parts of them, or of a date; 0 if it is none."""
    try:
        if isinstance(value, str):
            seconds = _time_in(value.strip())
        elif isinstance(value, int | float) and not isinstance(value, bool):
            seconds = float(value)
        else:
            return 0.0
    except (ValueError, OverflowError):
        return 0.0
    if not seconds >= 0:
        return 0.0
    scale = next((scale for scale in _SCALES if seconds < _LARGEST_SECONDS * scale), None)
    return seconds / scale if scale is not None else 0.0


def _time_in(text: str) -> float:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return float(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def parts_text(value: object) -> str:
    """Return what is said in a message's content: a text, or a list of texts and parts with a text in them."""
    if not isinstance(value, list):
        return text(value)
    said = (part if isinstance(part, str) else text(thing(part).get("text")) for part in value)
    return "\n\n".join(part for part in said if part.strip())


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
