"""The words on screen in the user's language: English stands in the code, and is looked up when it is shown.

Qt-free: the window brings the dictionary (``use``); without one, as on a terminal, the words are the code's own.
``pyside6-lupdate`` finds every ``tr("...")`` and ``mark("...")``; so the text is always written out there, with places
for values as ``{name}``, which the caller fills with ``format``. What is put into a place keeps its own direction and
turns no other word's: a file that is called "דוח 5", or one whose name was made to turn what stands behind it.
"""

import re
from collections.abc import Callable, Iterable

from app import bidi

_APOSTROPHE = re.compile(r"(?<=[\w}])'")
Lookup = Callable[[str, str | None, int], str]  # (English, what tells it apart, number or -1) -> words


def _english(text: str, _comment: str | None, number: int) -> str:
    return text if number < 0 else text.replace("%n", str(number))


def printed(text: str, comment: str | None, number: int) -> str:
    """Return the English text with the apostrophe of print, which the code has as typewriters do. A ``Lookup``."""
    return _APOSTROPHE.sub("’", _english(text, comment, number))


_lookup: Lookup = _english
_decimal_point, _group_separator = ".", ","
_revision = 0
_is_right_to_left = False
_LEFT_TO_RIGHT_MARK, _RIGHT_TO_LEFT_MARK = "\u200e", "\u200f"


class Sentence(str):
    """Words with places for values; still a str for all who only show it."""

    __slots__ = ()

    def format(self, *values: object, **named: object) -> str:
        """Return the sentence with these values in their places, as ``str.format`` does."""
        placed = [_placed(value) for value in values]
        named_ones = {name: _placed(value) for name, value in named.items()}
        return led(str.format(self, *placed, **named_ones))


def tr(text: str, comment: str | None = None, number: int = -1) -> str:
    """Return the text in the user's language.

    comment tells apart equal English texts that are not equal elsewhere. number chooses the form of a text with %n,
    which it replaces; English has one form here: write "Messages: %n", or choose between two texts.
    """
    words = _lookup(text, comment, number) if text else ""
    return Sentence(words) if "{" in words else words


def joined(pieces: Iterable[str], separator: str = " · ") -> str:
    """Return the pieces that are not empty in one line, in the order of the language, each in its own direction."""
    return led(separator.join(str(_placed(piece)) for piece in pieces if piece))


def spoken(pieces: Iterable[str]) -> str:
    """Return the pieces that are not empty as they are heard: nothing but words, one after the other."""
    return bidi.without_controls(", ".join(piece for piece in pieces if piece))


def placed(text: str) -> str:
    """Return a value as it is put between words of the language: apart from them if they could turn each other."""
    return bidi.apart(text) if text and (_is_right_to_left or bidi.may_turn(text)) else text


def _placed(value: object) -> object:
    return placed(value) if isinstance(value, str) else value


def led(line: str) -> str:
    """Return the line so that its direction is the language's: Qt takes that of the first letter, also of a value."""
    if line.isascii() or bool(bidi.is_right_to_left(line)) == _is_right_to_left:
        return line
    return (_RIGHT_TO_LEFT_MARK if _is_right_to_left else _LEFT_TO_RIGHT_MARK) + line


def mark(text: str) -> str:
    """Return the text as it is, marked for translation: ``tr`` gets it when it is shown."""
    return text


def grouped(value: float, digits: int = 0) -> str:
    """Return a number as the user's language writes it, with so many digits behind the point: 12,345 or 1,234.5."""
    return rewritten(f"{value:,.{digits}f}")


def rewritten(number: str) -> str:
    """Return a number that was written as 12,345.6 as the user's language writes it."""
    swapped = {",": _group_separator, ".": _decimal_point}
    return "".join(swapped.get(sign, sign) for sign in number)


def plain(number: str) -> str:
    """Return a number that was written with a point, as the user's language writes it: 1.5 or 1,5."""
    return number.replace(".", _decimal_point)


def number_in(text: str) -> str:
    """Return a number that somebody typed as code writes it; raises ValueError where the text is none.

    It is read in the user's language: 1.500 is a thousand and a half in German and one and a half in English. A sign
    that can't group thousands as it stands (0,7 in English) is the other languages' decimal point.
    """
    digits, group, point = "".join(text.split()), _group_separator.strip(), _decimal_point
    grouped_digits = rf"[+-]?[1-9]\d{{0,2}}({re.escape(group)}\d{{3}})+({re.escape(point)}\d*)?"
    if group and re.fullmatch(grouped_digits, digits):
        digits = digits.replace(group, "")
    elif digits.count(".") + digits.count(",") == 1:
        point = "." if "." in digits else ","
    sign = re.escape(point)
    if not re.fullmatch(rf"[+-]?(\d+({sign}\d*)?|{sign}\d+)(e[+-]?\d{{1,2}})?", digits, re.IGNORECASE):
        raise ValueError(f"no number: {text!r}")
    return digits.replace(point, ".")


def use(
    lookup: Lookup | None, decimal_point: str = ".", group_separator: str = ",", *, is_right_to_left: bool = False
) -> None:
    """Look words up there from now on, and write numbers with these signs; None goes back to English."""
    global _lookup, _decimal_point, _group_separator, _revision, _is_right_to_left
    _is_right_to_left = is_right_to_left
    _lookup = lookup or _english
    _revision += 1
    _decimal_point, _group_separator = decimal_point, group_separator


def is_translated() -> bool:
    """Return whether words are looked up in a dictionary."""
    return _lookup is not _english


def revision() -> int:
    """Return a number that changes with the dictionary, for those who remember what they looked up."""
    return _revision
