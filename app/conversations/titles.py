"""A conversation's first title, made from the first message without asking the model."""

import re
import unicodedata

from app.language import mark

UNTITLED = mark("New conversation")  # kept in English, so that it is known again; shown in the user's language
_MAXIMUM_CHARACTERS = 60
_FEW_WORDS = 6
_LOOKED_AT_CHARACTERS = 4000
_LINE_MARKS = re.compile(r"^(?:#{1,6}\s+|>\s*|[-*+]\s+|\d{1,3}[.)]\s+|```.*$|~~~.*$)+")


def title_from(text: str) -> str:
    """Return the first line that says something, without Markdown marks, cut at a word to at most 60 characters."""
    for line in text[:_LOOKED_AT_CHARACTERS].splitlines():
        title = _plain(line)
        if any(character.isalnum() for character in title):
            return _shortened(title)
    return _shortened(_plain(text[:_LOOKED_AT_CHARACTERS])) or UNTITLED


def is_short(text: str) -> bool:
    """Return whether a message's own words are a good title already: about six of them, all in the title."""
    return len(text) <= _MAXIMUM_CHARACTERS and len(text.split()) <= _FEW_WORDS


def _plain(line: str) -> str:
    visible = "".join(" " if character.isspace() else character for character in line if _is_shown(character))
    unmarked = _LINE_MARKS.sub("", visible.strip())
    # A lone star is multiplication, and underscores belong to names more often than to emphasis.
    words = (word.strip("*") or word for word in unmarked.replace("`", "").replace("**", "").split())
    return " ".join(words)


def _is_shown(character: str) -> bool:
    # Cc: control, Cf: invisible format (direction overrides would mirror the whole sidebar), Cs: surrogates.
    # The zero-width joiner holds an emoji together.
    category = unicodedata.category(character)
    return character.isspace() or character == "\u200d" or category not in ("Cc", "Cf", "Cs")


def _shortened(title: str) -> str:
    if len(title) <= _MAXIMUM_CHARACTERS:
        return title
    cut = title[: _MAXIMUM_CHARACTERS - 1]
    at_word = cut.rsplit(" ", 1)[0]
    return (at_word if len(at_word) >= _MAXIMUM_CHARACTERS // 2 else cut).rstrip(" ,;:.-") + "…"
