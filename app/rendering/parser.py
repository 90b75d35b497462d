"""Markdown-it set up for answers of models: CommonMark with tables and strikethrough, no HTML, formulas kept."""

import re
from functools import lru_cache

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline

MAXIMUM_NESTING = 40
_FORMULA_CHARACTERS = 2_000
_CLOSERS_TRIED = 8


@lru_cache(maxsize=2)
def make_parser(references: bool = True) -> MarkdownIt:
    """Return the parser, which keeps nothing between two texts; ``references``: ``[name]: url`` defines a link.

    All links are let through: what may be clicked is decided where HTML is written.
    """
    parser = MarkdownIt("commonmark", {"html": False, "linkify": False, "maxNesting": MAXIMUM_NESTING})
    parser.enable(["table", "strikethrough"])
    parser.disable(["html_block", "html_inline", *([] if references else ["reference"])])
    parser.validateLink = lambda url: True  # type: ignore[method-assign]
    parser.block.ruler.before("fence", "math_block", _math_block)
    parser.inline.ruler.before("escape", "math_inline", _math_inline)
    return parser


def _math_block(state: StateBlock, start_line: int, end_line: int, silent: bool) -> bool:
    """``$$ … $$`` or ``\\[ … \\]`` that begins a line, over any number of lines without an empty one."""
    start = state.bMarks[start_line] + state.tShift[start_line]
    opener = state.src[start : start + 2]
    closer = {"$$": "$$", "\\[": "\\]"}.get(opener)
    if closer is None or state.is_code_block(start_line):
        return False
    for line in range(start_line, end_line):
        if state.isEmpty(line) or state.sCount[line] < state.blkIndent:
            return False
        searched_from = start + 2 if line == start_line else state.bMarks[line]
        found = state.src.find(closer, searched_from, state.eMarks[line])
        if found >= 0:
            if state.src[found + 2 : state.eMarks[line]].strip():
                return False  # words follow: an ordinary paragraph, where the inline rule keeps the formula
            if not silent:
                token = state.push("math_block", "", 0)
                token.content = state.getLines(start_line, line + 1, state.blkIndent, False).strip()
                token.map = [start_line, line + 1]
                state.line = line + 1
            return True
    return False


_MATH_OPENERS = {"$$": "$$", "\\(": "\\)", "\\[": "\\]"}


def _math_inline(state: StateInline, silent: bool) -> bool:
    """Keep ``$a_1 * b$``, ``$$…$$``, ``\\(…\\)`` and ``\\[…\\]`` as written, not read as emphasis or escapes."""
    character = state.src[state.pos]
    if character not in "$\\":
        return False
    closer = _MATH_OPENERS.get(state.src[state.pos : state.pos + 2])
    end = _dollar_end(state) if closer is None and character == "$" else _pair_end(state, closer)
    if end < 0:
        return False
    if not silent:
        token = state.push("text", "", 0)
        token.content = state.src[state.pos : end]
    state.pos = end
    return True


def _pair_end(state: StateInline, closer: str | None) -> int:
    if closer is None:
        return -1
    start = state.pos + 2
    found = state.src.find(closer, start, min(state.posMax, start + _FORMULA_CHARACTERS))
    return -1 if found <= start or "`" in state.src[start:found] else found + 2


_CLOSING_DOLLAR = re.compile(r"\$")


def _dollar_end(state: StateInline) -> int:
    """Return where the formula ends, or -1. Pandoc's rule: no blank inside the dollars, no digit after (a price)."""
    start = state.pos + 1
    if start >= state.posMax or state.src[start].isspace():
        return -1
    limit = min(state.posMax, start + _FORMULA_CHARACTERS)
    for tried, match in enumerate(_CLOSING_DOLLAR.finditer(state.src, start, limit)):
        position = match.start()
        if tried == _CLOSERS_TRIED or "`" in state.src[start:position] or "\n\n" in state.src[start:position]:
            return -1
        before, after = state.src[position - 1], state.src[position + 1 : position + 2]
        if position > start and before not in " \t\n\\" and not after.isdigit():
            return position + 1
    return -1
