"""Which way the parts of an answer are read: paragraphs as their words, tables as their heads, quotes as they begin.

Code and formulas don't count: they are read from left to right wherever they stand, so that a Hebrew sentence that
begins with the name of a function is still a Hebrew sentence. What has no direction of its own, such as a number,
follows what it stands in.
"""

from collections.abc import Iterable, Sequence

from markdown_it.token import Token

from app.bidi import is_right_to_left


def prose_of(tokens: Sequence[Token]) -> str:
    """Return the words of a paragraph's inline tokens, without code and formulas."""
    return "".join(token.content for token in tokens if token.type in ("text", "text_special", "image"))


def quote_direction(following: Iterable[Token]) -> bool:
    """Return whether a quotation, whose tokens come next, is read from right to left: as its first words are."""
    depth = 1
    for token in following:
        depth += {"blockquote_open": 1, "blockquote_close": -1}.get(token.type, 0)
        if not depth:
            break
        direction = is_right_to_left(prose_of(token.children)) if token.children else None
        if direction is not None:
            return direction
    return False


def table_direction(rows: Sequence[Sequence[str]]) -> bool:
    """Return whether a table is read from right to left: as most names of columns are, else as its first words are.

    The head decides, as it is there before the rows that still come.
    """
    for row in rows:
        directions = [direction for cell in row if (direction := is_right_to_left(cell)) is not None]
        if directions:
            others = len(directions) - sum(directions)
            return directions[0] if others == sum(directions) else sum(directions) > others
    return False


def direction_mark(is_rtl: bool) -> str:
    """Return the attribute for a paragraph: always, as Qt hands that of one on to the next that has none."""
    return f' dir="{"rtl" if is_rtl else "ltr"}"'
