"""The sandbox that chat templates run in: no single step of theirs may take gigabytes, as only steps can be stopped.

Loops end by the deadline and the limit of memory (chat_template.py); what one call in C makes has to be counted before.
"""

import functools
import re
import string
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import Any

from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

LIMIT_CHARACTERS = 64 * 2**20
_LIMIT_NUMBER = 10_000
_LIMIT_BITS = 4_096
_LIMIT_ENTRIES = 1_000_000
_LIMIT_INDENT = 64
_LONG_NUMBER = re.compile(r"\d{4}")
# Filters and methods that fill up to a number.
_FILLING = frozenset(
    {"batch", "center", "expandtabs", "indent", "ljust", "rjust", "round", "slice", "to_bytes", "tojson", "zfill"}
)  # fmt: skip


class LimitedEnvironment(ImmutableSandboxedEnvironment):
    """Counts what operators, filters and methods of texts would make, and refuses what is too large."""

    intercepted_binops = frozenset(["+", "*", "**", "%"])

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - jinja2's signature
        super().__init__(**options)
        for name, function in list(self.filters.items()):
            self.add_filter(name, function)

    def add_filter(self, name: str, function: Callable[..., Any]) -> None:
        """Let templates use the filter, within the limits."""
        self.filters[name] = _limited(name, function)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:  # noqa: ANN401 - jinja2's signature
        """Refuse the operators that make gigabytes in one step."""
        numbers = isinstance(left, int | float) and isinstance(right, int | float)
        if operator == "**" and not (numbers and abs(left) < _LIMIT_NUMBER and abs(right) < 64):
            raise SecurityError("a power in the chat template is too large")
        if operator == "*" and not numbers:
            count, repeated = (right, left) if isinstance(right, int) else (left, right)
            if not isinstance(count, int) or count > _LIMIT_NUMBER or _length(repeated) * count > LIMIT_CHARACTERS:
                raise SecurityError("a repetition in the chat template is too long")
        whole = isinstance(left, int) and isinstance(right, int)
        if operator == "*" and whole and left.bit_length() + right.bit_length() > _LIMIT_BITS:
            raise SecurityError("a number in the chat template is too large")
        if operator == "+":
            _refuse_sum(left, right)
        if operator == "%" and isinstance(left, str) and any(part.isdigit() or part == "*" for part in left):
            raise SecurityError("a padded format in the chat template is refused")
        return super().call_binop(context, operator, left, right)

    def call(__self, __context: Any, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401, N805 - jinja2's
        """Count what a method of a text or a number would make."""
        method = getattr(__obj, "__wrapped__", __obj)  # str.format comes wrapped by the sandbox
        owner = getattr(method, "__self__", None)
        if isinstance(owner, str | bytes | int):
            _refuse_huge(str(getattr(method, "__name__", "")), (owner, *args), kwargs)
        return super().call(__context, __obj, *args, **kwargs)


def _limited(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    takes_context = hasattr(function, "jinja_pass_arg")

    @functools.wraps(function)
    def limited(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - any filter's signature
        own = 1 if takes_context else 0
        values = list(args[own:])
        if name == "join" and values and not isinstance(values[0], str):
            values[0] = list(islice(values[0], _LIMIT_ENTRIES))
        _refuse_huge(name, values, kwargs)
        return function(*args[:own], *values, **kwargs)

    return limited


def _refuse_huge(name: str, values: Sequence[Any], options: Mapping[str, Any]) -> None:
    """Raise SecurityError if the filter or method would make something huge of its first value."""
    if not values:
        return
    value, given = values[0], (*values[1:], *options.values())
    if name == "translate":
        raise SecurityError("a table of replacements in the chat template is refused")
    if name in ("format", "format_map"):
        _refuse_padding(str(value))
    if name == "replace" and len(given) > 1 and isinstance(value, str | bytes):
        grown = str(value).count(str(given[0])) * len(str(given[1]))
        _refuse_above(len(value) + grown)
    if name == "join" and given:
        separator, parts = (value, given[0]) if isinstance(value, str) else (given[0], value)
        _refuse_above(sum(_length(part) for part in parts) + _length(separator) * len(parts))
    if name in _FILLING:
        number = max((abs(each) for each in given if isinstance(each, int | float)), default=0)
        most = _LIMIT_INDENT if name == "tojson" else _LIMIT_NUMBER
        if number > most or _length(value) * number > LIMIT_CHARACTERS:
            raise SecurityError("a number in the chat template is too large")


def _refuse_padding(text: str) -> None:
    try:
        fields = [spec for _, _, spec, _ in string.Formatter().parse(text) if spec]
    except ValueError:  # no format of that kind, or a broken one that fails by itself
        fields = []
    padded = any("{" in spec or _LONG_NUMBER.search(spec) for spec in fields)
    if padded or ("%" in text and (_LONG_NUMBER.search(text) or "*" in text)):
        raise SecurityError("a padded format in the chat template is refused")


def _refuse_sum(left: object, right: object) -> None:
    texts = isinstance(left, str | bytes)
    if texts or isinstance(left, list | tuple):
        limit = LIMIT_CHARACTERS if texts else _LIMIT_ENTRIES
        if _length(left) + _length(right) > limit:
            raise SecurityError("a sum in the chat template is too long")


def _refuse_above(characters: int) -> None:
    if characters > LIMIT_CHARACTERS:
        raise SecurityError("a text in the chat template is too long")


def _length(value: object) -> int:
    return len(value) if isinstance(value, str | bytes | list | tuple | dict) else 1
