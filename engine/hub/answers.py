"""Reading JSON that nobody vouches for: mirrors leave fields out, and other servers give them other types."""

from collections.abc import Mapping
from datetime import datetime

_MOST_ITEMS = 20_000
LARGEST_NUMBER = 2**56
_LONGEST_TEXT = 300


def mapping(item: object, *path: str) -> Mapping[str, object]:
    """Return the object at the end of a path of keys, empty if there is none."""
    for key in path:
        item = item.get(key) if isinstance(item, dict) else None
    return item if isinstance(item, dict) else {}


def text(item: Mapping[str, object], *names: str) -> str:
    """Return the first of the fields that is a text which can be shown in one line, else an empty one."""
    for name in names:
        value = item.get(name)
        if isinstance(value, str) and value.strip():
            return "".join(sign if sign.isprintable() else " " for sign in value[:_LONGEST_TEXT]).strip()
    return ""


def count(item: Mapping[str, object], *names: str) -> int:
    """Return the first of the fields that is a whole number from 1 on and of a size that makes sense, else 0."""
    for name in names:
        value = item.get(name)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= LARGEST_NUMBER:
            return value
    return 0


def items(value: object) -> list[object]:
    """Return a list's items, none if it is no list."""
    return value[:_MOST_ITEMS] if isinstance(value, list) else []


def texts(value: object) -> list[str]:
    """Return the texts of a list; a text alone counts as a list of one."""
    return [value] if isinstance(value, str) else [each for each in items(value) if isinstance(each, str)]


def seconds(item: Mapping[str, object], name: str) -> float:
    """Return a date in ISO 8601 as seconds since the epoch, 0 if there is none."""
    try:
        return max(0.0, datetime.fromisoformat(text(item, name)).timestamp())
    except (ValueError, OverflowError, OSError):
        return 0.0
