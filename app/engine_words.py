"""What the engine says, in the user's language. Qt-free.

The engine speaks English and knows nothing of languages. Its sentences stand as patterns in ``engine_sentences``,
made from the engine's own code, with places {0}, {1} for what it fills in; each pattern is translated like any other
text. What the engine sends is found among the patterns again, by sentence or several at once; what it
filled in may be a sentence or a part of one too. What isn't found stays English.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from app import language
from app.bidi import may_turn
from app.engine_sentences import PATTERNS

_PLACE = re.compile(r"\{(\d+)\}")
_NUMBER = re.compile(r"\d+(?:,\d{3})*(?:\.\d+)?")
_JOINTS = re.compile(r"(: | \+ |; |\.\Z|\A[\d.,]+ )")
_SENTENCE_END = re.compile(r"(?<=[.!?…]) +(?=\S)")
_ENDS = (".", "!", "?")
_BEFORE_SENTENCES = (". ", ": ")
_DEEPEST = 4
_LONGEST = 2_000  # characters; longer ones are lists or traces, no sentences
_MOST_SENTENCES = 16


@dataclass(frozen=True)
class _Pattern:
    text: str
    pieces: tuple[str, ...]  # what stands before, between and behind the places

    @property
    def known_characters(self) -> int:
        return sum(map(len, self.pieces))


@dataclass(frozen=True)
class _Found:
    pattern: _Pattern
    parts: tuple[str, ...]  # what the engine filled in


def said(text: str) -> str:
    """Return a text of the engine in the user's language; unknown parts stay as they are."""
    if not text or len(text) > _LONGEST or not (language.is_translated() or may_turn(text)):
        return text
    return _said(text, language.revision(), 0)


@lru_cache(maxsize=512)
def _said(text: str, revision: int, depth: int) -> str:
    sentences = _SENTENCE_END.split(text)
    if len(sentences) > _MOST_SENTENCES:
        return text
    return " ".join(
        _put_together(run, revision, depth) if found is None else _filled(found, revision, depth)
        for run, found in _best_runs(tuple(sentences))
    )


def _put_together(text: str, revision: int, depth: int) -> str:
    """Translate what is no pattern in pieces: `BF16: 4.98 GiB of weights + 1.00 for 8,192 tokens.`"""
    pieces = _JOINTS.split(text)
    joints = [piece for piece in pieces[1::2] if piece != "."]
    if not joints or depth >= _DEEPEST:
        return text
    return "".join(
        _joint(piece) if place % 2 else _said(piece, revision, depth + 1) for place, piece in enumerate(pieces)
    )


def _joint(text: str) -> str:
    number = text.removesuffix(" ")
    return text.replace(number, language.rewritten(number)) if _NUMBER.fullmatch(number) else text


def _best_runs(sentences: tuple[str, ...]) -> list[tuple[str, _Found | None]]:
    """Cut the sentences into runs, each one found as a pattern or alone, so that most characters are known ones."""
    best: list[tuple[int, list[tuple[str, _Found | None]]]] = [(0, [])]
    for end in range(1, len(sentences) + 1):
        candidates = [(best[end - 1][0], [*best[end - 1][1], (sentences[end - 1], None)])]
        for start in reversed(range(end)):  # of equals the shortest, or a place takes the sentence before it as well
            run = " ".join(sentences[start:end])
            found = _find(run)
            if found is not None:
                known, runs = best[start]
                candidates.append((known + found.pattern.known_characters, [*runs, (run, found)]))
        best.append(max(candidates, key=lambda candidate: candidate[0]))
    return best[-1][1]


def _filled(found: _Found, revision: int, depth: int) -> str:
    parts = [_said(part, revision, depth + 1) if depth < _DEEPEST else part for part in found.parts]
    parts = [language.rewritten(part) if _NUMBER.fullmatch(part) else part for part in parts]
    translated = language.tr(found.pattern.text)
    parts = [language.placed(part) for part in parts]
    # Not str.format: a part may hold braces.
    words = _PLACE.sub(lambda place: parts[int(place[1])] if int(place[1]) < len(parts) else "", translated)
    return language.led(words)


def _find(text: str) -> _Found | None:
    """Return the pattern that knows most of the text, None if there is none."""
    for pattern in _patterns():
        parts = _parts(pattern.pieces, text)
        if parts is not None:
            return _Found(pattern, parts)
    return None


def _parts(pieces: tuple[str, ...], text: str) -> tuple[str, ...] | None:
    """Return what stands at the places, each as short as can be; None if the text is not of this pattern.

    One pass without going back, where a regular expression would take time with a power of the number of places.
    """
    first, last = pieces[0], pieces[-1]
    if len(pieces) == 1:
        return () if text == first else None
    if len(text) < len(first) + len(last) or not text.startswith(first) or not text.endswith(last):
        return None
    end = len(text) - len(last)
    position = len(first)
    parts = []
    for piece in pieces[1:-1]:
        place = text.find(piece, position, end)
        if place < 0:
            return None
        parts.append(text[position:place])
        position = place + len(piece)
    rest = text[position:end]
    # A part of a sentence that only begins like this one is none: "The model {0}" is not "The model was made for chat."
    if not last and rest.endswith(_ENDS) and not pieces[-2].endswith(_BEFORE_SENTENCES):
        return None
    return (*parts, rest)


@lru_cache(maxsize=1)
def _patterns() -> tuple[_Pattern, ...]:
    """Return all patterns; those that know most come first."""
    patterns = [_Pattern(text, tuple(_PLACE.split(text)[::2])) for text in PATTERNS]
    return tuple(sorted(patterns, key=lambda pattern: (-pattern.known_characters, pattern.text)))
