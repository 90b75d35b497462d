"""The place in a text where words were found, on one short line, those words marked; of an answer without its Markdown.

Only the surroundings of the words are looked at, so that it costs the same for a text of any length.
"""

import itertools
import re
from collections.abc import Iterator, Sequence

from app.conversations.folding import folded
from app.conversations.unspaced import UNSPACED, is_unspaced

HIT_START = "\ue000"
HIT_END = "\ue001"
INDEXED = rf"[^\W_{UNSPACED}]"  # of a word with spaces around it, as the index cuts words: plan_b.txt has three
_MARKED = re.compile(f"{HIT_START}([^{HIT_END}]*){HIT_END}")
CHARACTERS = 110
_BEFORE_CHARACTERS = 30
_MARKS = 50
# So much Markdown may stand before and behind what is shown: a long address, the border of a table.
_SURROUNDINGS = 400

_Span = tuple[int, int]
_FENCE = re.compile(r"^ {0,3}(?:```|~~~).*$", re.MULTILINE)
# Code and formulas: what stands in their first and last group is left out, what stands between is kept as it is.
_LITERAL = (
    re.compile(r"(?<!`)(`+)(?!`)(?:[^`\n]|(?!\1(?!`))`)+?(\1)(?!`)"),
    re.compile(r"(?<!\\)(\$\$)[^$]+(\$\$)"),
    re.compile(r"(\\\()[^\n]+?(\\\))"),
    re.compile(r"(\\\[).+?(\\\])", re.DOTALL),
    re.compile(r"(?<![\\$\w])(\$)(?=[^\s$])[^$\n]*?(?<=[^\s\\])(\$)(?![\d$])"),
)
_LEFT_OUT = (
    re.compile(r"^[ \t]*(</?think(?:ing)?>)", re.MULTILINE),
    re.compile(r"^ {0,3}(#{1,6}[ \t]+)", re.MULTILINE),
    re.compile(r"^[ \t]*((?:>[ \t]?)+)", re.MULTILINE),
    re.compile(r"^(?:[ \t>]*)([-*+][ \t]+(?:\[[ xX]\][ \t]+)?)(?=\S)", re.MULTILINE),
    re.compile(r"^ {0,3}((?:[-*_][ \t]*){3,})$", re.MULTILINE),
    re.compile(r"^[ \t]*(\|?[ \t]*:?-{2,}:?[ \t]*(?:\|[ \t]*:?-{2,}:?[ \t]*)*\|?[ \t]*)$", re.MULTILINE),
    re.compile(r"(?<![\\\w])(!?\[)[^\[\]\n]*(\]\([^()\s]*(?:\([^()\s]*\))?[^()\n]*\))"),
    re.compile(r"(<)https?://[^\s<>]+(>)"),
    *(
        re.compile(rf"(?<![\\*])(\*{{{count}}})(?=[^\s*])[^\n]*?(?<=[^\s*])(\*{{{count}}})(?!\*)")
        for count in (3, 2, 1)
    ),
    re.compile(r"(?<![\\\w])(_{1,3})(?=[^\s_])[^\n]*?(?<=[^\s_])(\1)(?!\w)"),
    re.compile(r"(?<!\\)(~~)(?=\S)[^\n]+?(?<=\S)(~~)"),
    re.compile(r"(\\)(?=[!-/:-@\[-`{-~])"),
)
_TABLE_ROW = re.compile(r"^[ \t]*\|.*\|[ \t]*$", re.MULTILINE)


def snippet(text: str, parts: Sequence[str], *, is_markdown: bool = False) -> str:
    """Return the text's place with the first words that were looked for, on one line, those words marked."""
    text = text.replace(HIT_START, " ").replace(HIT_END, " ")  # signs of some font's own
    found = marks(folded(text), parts)
    first = found[0][0] if found else 0
    is_cut_before = is_cut_behind = False
    if is_markdown:
        begin = max(0, first - _SURROUNDINGS)
        end = min(len(text), first + CHARACTERS + _SURROUNDINGS)
        text, found = _shown(text, begin, end, found)
        first = found[0][0] if found else 0
        is_cut_before, is_cut_behind = begin > 0, end < len(text)
    start = max(0, first - _BEFORE_CHARACTERS)
    space = text.find(" ", start, first) if start else -1
    start = space + 1 if space >= 0 else start
    end = min(len(text), start + CHARACTERS)
    pieces, done = ["…" if start or is_cut_before else ""], start
    for begin, behind in found:
        if begin >= done and behind <= end:
            pieces += [text[done:begin], HIT_START, text[begin:behind], HIT_END]
            done = behind
    pieces += [text[done:end], "…" if end < len(text) or is_cut_behind else ""]
    return " ".join("".join(pieces).split())


def marked_words(text: str) -> list[str]:
    """Return what a snippet marks."""
    return _MARKED.findall(text)


def marks(plain: str, parts: Sequence[str]) -> list[_Span]:
    """Return where words are, or for the last part begin, as it says, and where unspaced parts stand; in order."""
    found: list[_Span] = []
    for place, part in enumerate(parts):
        word = folded(part)
        if word not in plain:  # many times faster than the pattern, and so it is in most of a file
            continue
        pattern = re.escape(word)
        if not is_unspaced(part):
            rest = rf"{INDEXED}*" if place == len(parts) - 1 else rf"(?!{INDEXED})"
            pattern = rf"(?<!{INDEXED}){pattern}{rest}"
        found += [each.span() for each in itertools.islice(re.finditer(pattern, plain), _MARKS)]
    return sorted(found)


def _shown(text: str, begin: int, end: int, found: Sequence[_Span]) -> tuple[str, list[_Span]]:
    """Return what is seen of a part of an answer, and where the words that were found stand in it."""
    inside = [span for span in found if begin <= span[0] and span[1] <= end]
    pieces: list[str] = []
    places: dict[int, int] = {}  # by those in the text
    edges = sorted({edge for span in inside for edge in span})
    done, length = begin, 0
    for left, right, put in (*_left_out(text, begin, end, inside), (end, end, "")):
        for edge in edges:
            if done <= edge <= left:
                places[edge] = length + edge - done
        pieces += [text[done:left], put]
        length += left - done + len(put)
        done = right
    return "".join(pieces), [(places[left], places[right]) for left, right in inside]


def _left_out(text: str, begin: int, end: int, kept: Sequence[_Span]) -> list[tuple[int, int, str]]:
    """Return what is not seen, in order, and what stands there instead; nothing of what is to be kept is among it."""
    candidates = sorted(_markup(text, begin, end), key=lambda each: (each[0], -each[1]))
    chosen: list[tuple[int, int, str]] = []
    done = begin
    for left, right, put in candidates:
        if left < done or right > end or any(left < behind and front < right for front, behind in kept):
            continue
        chosen.append((left, right, put))
        done = right
    return chosen


def _markup(text: str, begin: int, end: int) -> Iterator[tuple[int, int, str]]:
    literal: list[_Span] = []
    if "```" in text or "~~~" in text:
        fences = [each.span() for each in _FENCE.finditer(text, 0, end)]
        yield from ((left, right, "") for left, right in fences if right > begin)
        closings = itertools.chain((left for left, _ in fences[1::2]), [end])
        literal += [(right, closing) for (_, right), closing in zip(fences[::2], closings, strict=False)]
    for pattern in _LITERAL:
        for match in pattern.finditer(text, begin, end):
            if not _touches(match.span(), literal):
                literal.append(match.span())
                yield from ((*match.span(group), "") for group in (1, 2))
    for row in _TABLE_ROW.finditer(text, begin, end):
        if not _touches(row.span(), literal):
            yield from ((at, at + 1, " ") for at in range(*row.span()) if text[at] == "|" and text[at - 1] != "\\")
    for pattern in _LEFT_OUT:
        for match in pattern.finditer(text, begin, end):
            groups = [match.span(group) for group in range(1, len(match.groups()) + 1)]
            if not any(_touches(span, literal) for span in groups):
                yield from ((*span, "") for span in groups)


def _touches(span: _Span, others: Sequence[_Span]) -> bool:
    return any(span[0] < behind and front < span[1] for front, behind in others)
