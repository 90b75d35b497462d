"""Renders a publisher's chat template, which is a foreign program, inside a sandbox with limits of time and size."""

import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from types import FrameType, MappingProxyType
from typing import Any, NoReturn

import jinja2
import psutil
from jinja2 import nodes
from jinja2.exceptions import SecurityError
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser

from engine.api.errors import EngineError, ErrorKind
from engine.generation.template_limits import LIMIT_CHARACTERS, LimitedEnvironment

LIMIT_SECONDS = 2.0
# What the process may grow by meanwhile, looked at this often.
LIMIT_BYTES = 512 * 2**20
_LOOK_SECONDS = 0.01


# What a template may be given beside the messages.
Variables = Mapping[str, object]
_NOTHING: Variables = MappingProxyType({})


class _TooMuch(Exception):
    """The template took too long, or too much memory."""


class TemplateStopped(EngineError):
    """The template was ended where it took too much: to ask it in another way would only take as long again."""


class _GenerationTag(Extension):
    """Accepts the {% generation %} block that some publishers mark assistant text with; renders its body."""

    tags = {"generation"}  # noqa: RUF012 - jinja2's declaration

    def parse(self, parser: Parser) -> nodes.Node | list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


class ChatTemplate:
    """One compiled template. Raises EngineError(TEMPLATE_FAILED) wherever the publisher's program fails.

    variables: all names that it reads, its own as well, each with the words that it is compared with.
    """

    def __init__(self, source: str, special_tokens: Mapping[str, str]) -> None:
        self.source = source
        self._special_tokens = dict(special_tokens)
        environment = LimitedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=[_GenerationTag, loopcontrols]
        )
        environment.add_filter("tojson", _to_json)
        environment.globals["raise_exception"] = _raise_exception
        try:
            with _deadline(each_line=False):  # the compiler's own loops call something
                tree = environment.parse(source)
                self.variables = _variables(tree)
                self._template = environment.from_string(tree)
        except (jinja2.TemplateError, _TooMuch, MemoryError, RecursionError, ValueError) as error:
            raise _failure(error) from error

    def render(
        self,
        messages: Sequence[Mapping[str, object]],
        today: datetime,
        generation_prompt: bool,
        chosen: Variables = _NOTHING,
    ) -> str:
        """Return the prompt text; today is what the template may print as the date, chosen what else it is given."""
        variables = {
            **self._special_tokens,
            **chosen,
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
        except (jinja2.TemplateError, _TooMuch) as error:
            raise _failure(error) from error
        except (
            ArithmeticError,
            AttributeError,
            LookupError,
            MemoryError,
            RecursionError,
            TypeError,
            ValueError,
        ) as error:
            raise _failure(error) from error
        return "".join(parts)


def _variables(tree: nodes.Template) -> Mapping[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {name.name: frozenset() for name in tree.find_all(nodes.Name)}
    for comparison in tree.find_all(nodes.Compare):
        words = {constant.value for constant in comparison.find_all(nodes.Const) if isinstance(constant.value, str)}
        for name in comparison.find_all(nodes.Name):
            found[name.name] |= words
    return found


@contextmanager
def _deadline(*, each_line: bool = True) -> Iterator[None]:
    """Stop Python code of this thread after LIMIT_SECONDS, or where the process has grown by LIMIT_BYTES.

    A trace sees each line of the compiled template (else each call only, which takes less than half as long); what
    doubles in a loop is seen before it is huge. Only the thread's own time counts: a machine that is busy with other
    things makes no template a bad one. It is stopped in its own code or jinja2's: what else may run just then, such as
    somebody's part of a garbage collection, swallows errors, and the trace would have ended with this one.
    """
    process = psutil.Process()
    most = process.memory_info().rss + LIMIT_BYTES
    look = time.monotonic()
    end = time.thread_time() + LIMIT_SECONDS

    def trace(frame: FrameType, event: str, argument: object) -> Any:  # noqa: ANN401 - sys.settrace's signature
        nonlocal look
        now = time.monotonic()
        if now > look and _is_of_template(frame):
            look = now + _LOOK_SECONDS
            if time.thread_time() > end:
                raise _TooMuch(f"it ran longer than {LIMIT_SECONDS:.0f} seconds")
            if process.memory_info().rss > most:
                raise _TooMuch("it takes too much memory")
        return trace if each_line else None

    previous = sys.gettrace()
    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(previous)


def _is_of_template(frame: FrameType) -> bool:
    module = str(frame.f_globals.get("__name__"))
    return frame.f_code.co_filename == "<template>" or module.partition(".")[0] == jinja2.__name__


def _failure(error: Exception) -> EngineError:
    kind = TemplateStopped if isinstance(error, _TooMuch) else EngineError
    return kind(
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
