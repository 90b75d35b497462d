"""What the palette lists, and how what is typed is compared with it. Pure."""

import heapq
import itertools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from app.conversations.folding import folded
from app.language import mark, tr

_BEGINNING_OF_WORD, _INSIDE = 1, 4
_MAXIMUM_WORDS = 8
_TITLE_CHARACTERS = 200
_Known = TypeVar("_Known")


class Kind(StrEnum):
    """What an entry is; the order is that of the sections."""

    CONVERSATION = "conversation"
    MESSAGE = "message"
    MORE = "more"  # all messages instead of a few
    COMMAND = "command"
    MODEL = "model"
    SETTING = "setting"
    HINT = "hint"


SECTIONS = {
    Kind.CONVERSATION: mark("Conversations"),
    Kind.MESSAGE: mark("Messages"),
    Kind.COMMAND: mark("Commands"),
    Kind.MODEL: mark("Models"),
    Kind.SETTING: mark("Settings"),
    Kind.HINT: mark("Search only"),
}
PREFIXES = {">": Kind.COMMAND, "@": Kind.MODEL, "#": Kind.SETTING, "/": Kind.MESSAGE}
_HINTS = {
    Kind.COMMAND: mark("Commands"),
    Kind.MODEL: mark("Models on this computer"),
    Kind.SETTING: mark("Settings"),
    Kind.MESSAGE: mark("Messages"),
}


@dataclass(frozen=True)
class Entry:
    """One line: key tells it from others of its kind; detail stands below the title, end at the end of the line.

    In detail what was found lies between excerpt.HIT_START and HIT_END. parent_id: the message's conversation.
    """

    kind: Kind
    key: str
    title: str
    detail: str = ""
    end: str = ""
    parent_id: str = ""


def more_messages(text: str) -> Entry:
    """Return the line that leads from a few messages to all of them."""
    return Entry(Kind.MORE, f"/ {text}", tr("All messages with these words"), end="/")


@dataclass(frozen=True)
class Asked:
    """What was typed: the words, and the one kind that a first character has asked for."""

    words: tuple[str, ...]
    text: str
    kind: Kind | None = None

    def wants(self, kind: Kind) -> bool:
        """Return whether entries of this kind are to be shown."""
        return self.kind is None or self.kind is kind


def asked(typed: str) -> Asked:
    """Return what is looked for."""
    text = typed.strip()
    kind = PREFIXES.get(text[:1])
    if kind is not None:
        text = text[1:].strip()
    return Asked(tuple(folded(text).split()[:_MAXIMUM_WORDS]), text, kind)


def hints() -> list[Entry]:
    """Return what can be typed first, for the page on which nothing was typed."""
    return [Entry(Kind.HINT, sign, tr(_HINTS[kind]), end=sign) for sign, kind in PREFIXES.items()]


def best(known: Iterable[tuple[str, _Known]], words: Sequence[str], limit: int) -> list[_Known]:
    """Return those in whose folded text every word is found, in any order, best first.

    Words that begin words count more than those inside; what is equally good keeps its order.
    """
    if not words:
        return [each for _, each in itertools.islice(known, limit)]
    patterns = [re.compile(rf"(?<!\w){re.escape(word)}") for word in words]
    found: list[tuple[int, int, _Known]] = []
    for place, (text, each) in enumerate(known):
        if all(word in text for word in words):
            score = sum(_BEGINNING_OF_WORD if pattern.search(text) else _INSIDE for pattern in patterns)
            found.append((score - text.startswith(words[0]), place, each))
    return [each for _, _, each in heapq.nsmallest(limit, found, key=lambda one: one[:2])]


def searched(*parts: str) -> str:
    """Return the text in which words are looked for."""
    return " ".join(folded(part[:_TITLE_CHARACTERS]) for part in parts)


def sectioned(entries: Iterable[Entry]) -> list[str | Entry]:
    """Return the entries with the words of its section above the first of each kind."""
    rows: list[str | Entry] = []
    last: Kind | None = None
    for entry in entries:
        if entry.kind is not last and entry.kind in SECTIONS:
            rows.append(tr(SECTIONS[entry.kind]))
            last = entry.kind
        rows.append(entry)
    return rows
