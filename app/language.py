"""The words on screen in the user's language: English stands in the code, and is looked up when it is shown.

Qt-free: the window brings the dictionary (``use``); without one, as on a terminal, the words are the code's own.
``pyside6-lupdate`` finds every ``tr("...")`` and ``mark("...")``; so the text is always written out there, with places
for values as ``{name}``, which the caller fills with ``str.format``.
"""

from collections.abc import Callable

Lookup = Callable[[str, str | None, int], str]  # (English, what tells it apart, number or -1) -> words


def _english(text: str, _comment: str | None, number: int) -> str:
    return text if number < 0 else text.replace("%n", str(number))


_lookup: Lookup = _english
_decimal_point, _group_separator = ".", ","
_revision = 0


def tr(text: str, comment: str | None = None, number: int = -1) -> str:
    """Return the text in the user's language.

    comment tells apart equal English texts that are not equal elsewhere. number chooses the form of a text with %n,
    which it replaces; English has one form here: write "Messages: %n", or choose between two texts.
    """
    return _lookup(text, comment, number) if text else ""


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


def use(lookup: Lookup | None, decimal_point: str = ".", group_separator: str = ",") -> None:
    """Look words up there from now on, and write numbers with these signs; None goes back to English."""
    global _lookup, _decimal_point, _group_separator, _revision
    _lookup = lookup or _english
    _revision += 1
    _decimal_point, _group_separator = decimal_point, group_separator


def is_translated() -> bool:
    """Return whether words are looked up in a dictionary."""
    return _lookup is not _english


def revision() -> int:
    """Return a number that changes with the dictionary, for those who remember what they looked up."""
    return _revision
