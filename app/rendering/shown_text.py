"""What of a block can be read on screen, line by line, and where a search finds its words in it."""

import re
from html import escape, unescape

from app.bidi import reveal, without_isolates
from app.rendering.blocks import Block, BlockKind
from app.rendering.formulas import SCHEME, source_of

_LINE_TAGS = re.compile(r"</?(?:p|li|ul|ol|h[1-6]|hr|table|tr|td|th)\b[^>]*>")
_FORMULA = re.compile(rf'<img src="({SCHEME}[^"]*)"/>')
_TAGS = re.compile(r"<[^>]*>")
_WORDS = re.compile(r"\w+")
_MARKS = re.compile(r"[*_`~\\]")

Pattern = re.Pattern[str]


def shown_lines(block: Block) -> list[str]:
    """Return the paragraphs, cells and lines of code that a block shows, formulas as LaTeX.

    A line break inside a paragraph is a blank.
    """
    if block.kind is BlockKind.CODE:
        return reveal(block.text).split("\n")
    if block.kind is BlockKind.THINKING:
        return [line for child in block.children for line in shown_lines(child)]
    if block.kind is BlockKind.FORMULA:
        return [block.text]
    html = _FORMULA.sub(lambda match: escape(source_of(match[1]) or ""), block.html.replace("<br/>", " "))
    lines = [without_isolates(unescape(_TAGS.sub("", part))) for part in _LINE_TAGS.split(html)]
    return [line for line in lines if line]


def search_pattern(words: str, match_case: bool) -> Pattern:
    """Return what finds the words; any run of blanks stands for any other."""
    words = without_isolates(words)
    parts = [re.escape(part) for part in words.split()]
    pattern = r"\s+".join(parts)
    if words[:1].isspace() and parts:
        pattern = r"\s" + pattern
    if words[-1:].isspace() and parts:
        pattern += r"\s"
    return re.compile(pattern, re.NOFLAG if match_case else re.IGNORECASE)


def count_in(lines: list[str], pattern: Pattern) -> int:
    """Return how often the pattern is found."""
    return sum(sum(1 for _ in pattern.finditer(line)) for line in lines)


def may_contain(markdown: str, words: str) -> bool:
    """Return False only where rendering the Markdown can't bring the words to light: each of them is missing in it."""
    if "&" in markdown:  # entities stand for any character
        return True
    source = _MARKS.sub("", markdown).lower()
    return all(word in source for word in _WORDS.findall(_MARKS.sub("", words).lower()))
