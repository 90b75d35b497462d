"""Renders a publisher's chat template, which is a foreign program, inside a sandbox with limits of time and size."""

import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from types import FrameType
from typing import Any, NoReturn

import jinja2
from jinja2 import nodes
from jinja2.exceptions import SecurityError
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from engine.api.errors import EngineError, ErrorKind

LIMIT_SECONDS = 2.0
LIMIT_CHARACTERS = 64 * 2**20
_LIMIT_REPEAT = 10_000


class _TooSlow(Exception):
    pass


class _Environment(ImmutableSandboxedEnvironment):
    """Refuses the operators that make gigabytes in one step; loops are stopped by the deadline."""

    intercepted_binops = frozenset(["*", "**", "%"])

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:  # noqa: ANN401 - jinja2's signature
        numbers = isinstance(left, (int, float)) and isinstance(right, (int, float))
        if operator == "**" and not (numbers and abs(left) < _LIMIT_REPEAT and abs(right) < 64):
            raise SecurityError("a power in the chat template is too large")
        if operator == "*" and not numbers:
            count = right if isinstance(right, int) else left
            if not isinstance(count, int) or count > _LIMIT_REPEAT:
                raise SecurityError("a repetition in the chat template is too long")
        if operator == "%" and isinstance(left, str) and any(part.isdigit() for part in left):
            raise SecurityError("a padded format in the chat template is refused")
        return super().call_binop(context, operator, left, right)


class _GenerationTag(Extension):
    """Accepts the {% generation %} block that some publishers mark assistant text with; renders its body."""

    tags = {"generation"}  # noqa: RUF012 - jinja2's declaration

    def parse(self, parser: Parser) -> nodes.Node | list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


class ChatTemplate:
    """One compiled template. Raises EngineError(TEMPLATE_FAILED) wherever the publisher's program fails."""

    def __init__(self, source: str, special_tokens: Mapping[str, str]) -> None:
        self._special_tokens = dict(special_tokens)
        environment = _Environment(trim_blocks=True, lstrip_blocks=True, extensions=[_GenerationTag, loopcontrols])
        environment.filters["tojson"] = _to_json
        environment.globals["raise_exception"] = _raise_exception
        try:
            with _deadline():
                self._template = environment.from_string(source)
        except (jinja2.TemplateError, _TooSlow, RecursionError, ValueError) as error:
            raise _failure(error) from error

    def render(self, messages: Sequence[Mapping[str, str]], today: datetime, generation_prompt: bool) -> str:
        """Return the prompt text; today is what the template may print as the date."""
        variables = {
            **self._special_tokens,
            "messages": [dict(message) for message in messages],
            "add_generation_prompt": generation_prompt,
            "tools": None,
            "documents": None,
            "strftime_now": today.strftime,
        }
        parts: list[str] = []
        size = 0
        try:
            with _deadline():
                for part in self._template.generate(variables):
                    parts.append(part)
                    size += len(part)
                    if size > LIMIT_CHARACTERS:
                        raise SecurityError("the chat template's output is too large")
        except (jinja2.TemplateError, _TooSlow) as error:
            raise _failure(error) from error
        except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
            raise _failure(error) from error
        return "".join(parts)


@contextmanager
def _deadline() -> Iterator[None]:
    """Stop Python code of this thread after LIMIT_SECONDS; a trace sees each line of the compiled template."""
    end = time.monotonic() + LIMIT_SECONDS

    def trace(frame: FrameType, event: str, argument: object) -> Any:  # noqa: ANN401 - sys.settrace's signature
        if time.monotonic() > end:
            raise _TooSlow(f"it ran longer than {LIMIT_SECONDS:.0f} seconds")
        return trace

    previous = sys.gettrace()
    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(previous)


def _failure(error: Exception) -> EngineError:
    return EngineError(
        ErrorKind.TEMPLATE_FAILED,
        f"The model's chat template can't be used for this conversation: {error}.",
        "Choose another model, or start a new conversation.",
        f"{type(error).__name__}: {error}",
    )


def _raise_exception(message: str) -> NoReturn:
    raise jinja2.TemplateError(message)


def _to_json(
    value: object,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    # jinja2's own filter escapes HTML characters, which no publisher trained with.
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)
