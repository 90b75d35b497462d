"""Keeps characters that turn the reading direction from acting beyond the words they were written in."""

import re
import unicodedata

_EMBEDDINGS = "\u202a\u202b\u202d\u202e"
_ISOLATES = "\u2066\u2067\u2068"
_POP_EMBEDDING = "\u202c"
_POP_ISOLATE = "\u2069"
_FIRST_STRONG_ISOLATE = "\u2068"
_LEFT_TO_RIGHT_ISOLATE = "\u2066"
_ALL = f"{_EMBEDDINGS}{_ISOLATES}{_POP_EMBEDDING}{_POP_ISOLATE}"
_MARKS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_OWN_ISOLATES = re.compile("[\u2066-\u2069]")
# The blocks that are written from right to left: Hebrew to Arabic Extended-A, presentation forms, and beyond the BMP.
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff\U00010800-\U00010fff\U0001e800-\U0001efff]")
_LETTER = _RIGHT_TO_LEFT.pattern
# Words side by side in code, as in a comment; brackets, quotes and numbers behind them belong to the code.
_WORDS = re.compile(f"{_LETTER}(?:[ .,:;!?\u05be\u05f3\u05f4-]*{_LETTER})*")
_STRONG = {"L": False, "R": True, "AL": True}
_HIDDEN = re.compile("[\u200b\u200e\u200f\u061c\u202a-\u202e\u2060\u2066-\u2069\ufeff]")


def isolate(text: str) -> str:
    """Return text whose direction controls end inside it; text without any comes back as it is."""
    if text.isascii() or not any(control in text for control in _ALL):  # a regular expression takes ten times as long
        return text
    opened: list[str] = []
    kept: list[str] = []
    for character in text:
        if character in _EMBEDDINGS:
            opened.append(_POP_EMBEDDING)
        elif character in _ISOLATES:
            opened.append(_POP_ISOLATE)
        elif character in (_POP_EMBEDDING, _POP_ISOLATE):
            if not opened or opened[-1] != character:
                continue  # a stray end would close what stands around the text
            opened.pop()
        kept.append(character)
    return _FIRST_STRONG_ISOLATE + "".join(kept + opened[::-1]) + _POP_ISOLATE


def apart(text: str) -> str:
    """Return text that keeps its own direction, and leaves alone that of the words it is put between."""
    inside = isolate(text)
    return inside if inside is not text or not text else f"{_FIRST_STRONG_ISOLATE}{text}{_POP_ISOLATE}"


def code_apart(text: str) -> str:
    """Return code that is read from left to right between words of any direction."""
    return f"{_LEFT_TO_RIGHT_ISOLATE}{words_apart(isolate(text))}{_POP_ISOLATE}"


def words_apart(code: str) -> str:
    """Return code whose words from right to left turn nothing around them: a quote, a bracket, a number behind them."""
    if not has_right_to_left(code):
        return code
    return _WORDS.sub(lambda words: f"{_FIRST_STRONG_ISOLATE}{words[0]}{_POP_ISOLATE}", code)


def has_right_to_left(text: str) -> bool:
    """Return whether any of a text is written from right to left."""
    return not text.isascii() and _RIGHT_TO_LEFT.search(text) is not None


def may_turn(text: str) -> bool:
    """Return whether a text would change the order of words from left to right that it is put between."""
    return not text.isascii() and (_MARKS.search(text) is not None or _RIGHT_TO_LEFT.search(text) is not None)


def is_right_to_left(text: str) -> bool | None:
    """Return the direction of the first character that has one; None if none has, as in a number."""
    for character in text:
        direction = _STRONG.get(unicodedata.bidirectional(character))
        if direction is not None:
            return direction
    return None


def without_isolates(text: str) -> str:
    """Return text without what sets its parts apart: for a search, and for what is copied."""
    return text if text.isascii() else _OWN_ISOLATES.sub("", text)


def without_controls(text: str) -> str:
    """Return text without any character that only turns directions: for titles that other programs show."""
    return text if text.isascii() else _MARKS.sub("", text)


def reveal(text: str) -> str:
    """Return code with invisible and direction-changing characters written out, such as ``<U+202E>``.

    Source that reads differently from what runs is a known attack (CVE-2021-42574).
    """
    return _HIDDEN.sub(lambda match: f"<U+{ord(match.group()):04X}>", text)
