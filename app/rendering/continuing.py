"""Where a long list, quotation or table may be cut, and what has to stand above its rest for it to go on as it was."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from markdown_it.token import Token

_MARKER = re.compile(r"[ \t>]*(?:[-+*]|\d{1,9}[.)])")
_BLANKS = re.compile(r"[ \t]*")
_DEEPEST_CONTENT = 4  # more blanks behind a marker begin indented code
_LONGEST_PREFIX = 2_000
_NARROWEST, _WIDEST = 6, 40  # characters that a column's longest cell counts for
_ROOM = 2  # characters more, as cells further down may be longer
_CONTAINERS = frozenset({"bullet_list_open", "ordered_list_open", "blockquote_open", "table_open"})

Columns = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Continuation:
    """What the rest of a cut block is read with.

    prefix: lines that open the same lists, quotations and table again; nothing of them is written.
    numbers: of the items that the prefix opens, from outside in (0 for bullets).
    head: the first two lines of the table that goes on, "" for none; columns: how wide its columns are, in characters.
    """

    prefix: str = ""
    numbers: tuple[int, ...] = ()
    head: str = ""
    columns: Columns = ()

    @property
    def lines(self) -> int:
        """How many lines the prefix has."""
        return self.prefix.count("\n")


@dataclass(frozen=True, slots=True)
class Cut:
    """A place to cut: the line (of the source with its prefix), and what the rest is to be read with.

    table: the line where the table begins that the cut goes through, -1 if it goes through none.
    """

    line: int
    rest: Continuation
    table: int = -1


@dataclass(slots=True)
class _Open:
    """A container that is open: the line it or its present item begins on, the item's number, the cells of a table."""

    kind: str
    line: int
    number: int = 0
    cells: list[int] = field(default_factory=list)


NOTHING = Continuation()


def first_number(token: Token) -> int:
    """Return the number of the first item of a list that a token opens; 0 for other tokens."""
    if token.type != "ordered_list_open":
        return 0
    start = token.attrGet("start")
    return 1 if start is None else int(start)


def is_container(token: Token) -> bool:
    """Return whether a token opens what may be cut between its parts."""
    return token.type in _CONTAINERS


def find_cut(tokens: Sequence[Token], source: str, before: Continuation) -> Cut | None:
    """Return the last place where one block of a source (its prefix included) may be cut; None: there is none."""
    opened: list[_Open] = []
    numbers = iter(before.numbers)
    last_line, column = before.lines, 0
    found: tuple[int, list[_Open]] | None = None
    for token in tokens:
        line = token.map[0] if token.map and token.nesting >= 0 else -1
        if line > last_line:
            last_line = line
            found = (line, [_Open(one.kind, one.line, one.number, list(one.cells)) for one in opened])
        if token.type in _CONTAINERS:
            first = first_number(token)
            if token.type.endswith("list_open") and line < before.lines:
                first = next(numbers, first)
            opened.append(_Open(token.type, line, first - 1))
        elif token.type == "list_item_open":
            opened[-1].line = line
            opened[-1].number += 1
        elif token.type.removesuffix("_close") + "_open" in _CONTAINERS:
            opened.pop()
        elif token.type == "tr_open":
            column = 0
        elif token.type == "inline" and opened and opened[-1].kind == "table_open":
            _measure(opened[-1].cells, column, token.content)
            column += 1
    return None if found is None else _cut(*found, source.split("\n"), before)


def _measure(cells: list[int], column: int, content: str) -> None:
    if column == len(cells):
        cells.append(_NARROWEST)
    cells[column] = min(_WIDEST, max(cells[column], len(content) + _ROOM))


def _cut(line: int, opened: Sequence[_Open], lines: Sequence[str], before: Continuation) -> Cut | None:
    """Return the cut before a line, where these containers are open."""
    lists = [one for one in opened if one.kind.endswith("list_open")]
    kept: dict[int, str] = {}
    for start, count in Counter(one.line for one in lists).items():
        markers = _markers(lines[start], count)
        if markers is None:
            return None
        kept[start] = f"{markers}#"  # an empty heading: nothing that follows could go on with it
    table = opened[-1] if opened and opened[-1].kind == "table_open" else None
    head = ""
    columns: Columns = ()
    if table is not None:
        kept |= {table.line: lines[table.line], table.line + 1: lines[table.line + 1]}
        goes_on = table.line < before.lines
        head = before.head if goes_on else f"{lines[table.line]}\n{lines[table.line + 1]}\n"
        columns = before.columns if goes_on else tuple(table.cells)
    prefix = "".join(f"{kept[at]}\n" for at in sorted(kept))
    if len(prefix) > _LONGEST_PREFIX:
        return None
    numbers = tuple(max(0, one.number) if one.kind.startswith("ordered") else 0 for one in lists)
    return Cut(line, Continuation(prefix, numbers, head, columns), -1 if table is None else table.line)


def _markers(line: str, count: int) -> str | None:
    """Return the beginning of a line up to the content of its first ``count`` list items."""
    end = 0
    for _ in range(count):
        marker = _MARKER.match(line, end)
        if marker is None:
            return None
        blanks = _BLANKS.match(line, marker.end())
        end = marker.end() if blanks is None else blanks.end()
        if end == len(line) or not 0 < end - marker.end() <= _DEEPEST_CONTENT:
            return f"{line[: marker.end()]} "
    return line[:end]
