"""Full-text search over finished messages, on the index that the database keeps by itself.

Chinese, Japanese, Thai and their like write no spaces, so that whole sentences would be one word: the index gets their
characters one by one (``spaced``), and a query looks for them side by side. So any part of a sentence is found.
"""

import itertools
import re
from dataclasses import dataclass

from app.conversations.database import Database
from app.conversations.folding import folded
from app.conversations.unspaced import UNSPACED, is_unspaced, spaced
from app.language import tr
from engine.api.codec import clean_text

HIT_START = "\ue000"
HIT_END = "\ue001"
_LETTER = rf"[^\W{UNSPACED}]"  # of a word that has spaces around it
_PARTS = re.compile(rf"[{UNSPACED}]+|{_LETTER}+")
_MAXIMUM_WORDS = 32
_SNIPPET_CHARACTERS = 110
_BEFORE_CHARACTERS = 30
_READ_CHARACTERS = 20_000  # of a message, for its snippet
# Common words are in every second message. Of so many newest ones the best are given: the rest can't be told apart.
_RANKED = 400
_MARKS = 50
_SHORTEST_BEGINNING = 2  # one letter is the beginning of everything


@dataclass(frozen=True)
class SearchHit:
    """One message that was found; in snippet the words lie between HIT_START and HIT_END."""

    message_id: str
    conversation_id: str
    title: str
    snippet: str
    created_at: float


def find_messages(database: Database, text: str, limit: int) -> list[SearchHit]:
    """Return up to limit hits, best first; none for a text without words. Nothing in the text is query syntax."""
    parts = _parts(text)
    query = _query(parts)
    if not query:
        return []
    rows = database.execute(
        "SELECT messages.id, conversations.id, conversations.title, substr(messages.content, 1, ?), "
        "messages.created_at, attached(messages.attachments) FROM ("
        "SELECT message_search.rowid AS number, message_search.rank AS rank "
        "FROM message_search CROSS JOIN messages ON messages.number = message_search.rowid "
        "CROSS JOIN conversations ON conversations.id = messages.conversation_id "
        "WHERE message_search MATCH ? AND conversations.deleted_at IS NULL "
        "ORDER BY message_search.rowid DESC LIMIT ?) AS found "
        "JOIN messages ON messages.number = found.number "
        "JOIN conversations ON conversations.id = messages.conversation_id "
        "ORDER BY found.rank, found.number DESC LIMIT ?",
        (_READ_CHARACTERS, query, _RANKED, limit),
    )
    return [
        SearchHit(str(row[0]), str(row[1]), str(row[2]), _place(str(row[3]), str(row[5]), parts), float(row[4] or 0))
        for row in rows
    ]


def _place(content: str, names: str, parts: list[str]) -> str:
    """Return the place in what was said, else the name of the attachment that was found."""
    if names and not _marks(folded(content), parts):
        # Not by marks: a word that is glued to others, as in plan_b.txt, is one of the index but not of those.
        counts = {name: sum(folded(part) in folded(name) for part in parts) for name in names.split("\n")}
        best = max(counts, key=lambda name: counts[name])
        if counts[best] or not content.strip():
            return tr("Attachment: {name}").format(name=snippet(best, parts))
    return snippet(content, parts)


def rebuild_index(database: Database) -> None:
    """Make the index anew from the messages; it is the one part of the file that can be. Raises StoreError."""
    if database.number("SELECT count(*) FROM sqlite_schema WHERE name = 'message_search'"):
        database.execute("INSERT INTO message_search (message_search) VALUES ('rebuild')")


def snippet(text: str, parts: list[str]) -> str:
    """Return the text's place with the first words that were looked for, on one line, those words marked."""
    found = _marks(folded(text), parts)
    first = found[0][0] if found else 0
    start = max(0, first - _BEFORE_CHARACTERS)
    space = text.find(" ", start, first) if start else -1
    start = space + 1 if space >= 0 else start
    end = min(len(text), start + _SNIPPET_CHARACTERS)
    pieces, done = ["…" if start else ""], start
    for begin, behind in found:
        if begin >= done and behind <= end:
            pieces += [text[done:begin], HIT_START, text[begin:behind], HIT_END]
            done = behind
    pieces += [text[done:end], "…" if end < len(text) else ""]
    return " ".join("".join(pieces).split())


def _marks(plain: str, parts: list[str]) -> list[tuple[int, int]]:
    """Return where words are, or for the last part begin, as it says, and where unspaced parts stand; in order."""
    marks: list[tuple[int, int]] = []
    for place, part in enumerate(parts):
        pattern = re.escape(folded(part))
        if not is_unspaced(part):
            rest = rf"{_LETTER}*" if place == len(parts) - 1 else rf"(?!{_LETTER})"
            pattern = rf"(?<!{_LETTER}){pattern}{rest}"
        found = itertools.islice(re.finditer(pattern, plain), _MARKS)
        marks += [each.span() for each in found]
    return sorted(marks)


def _parts(text: str) -> list[str]:
    return _PARTS.findall(clean_text(text))[:_MAXIMUM_WORDS]


def _query(parts: list[str]) -> str:
    """Return all parts as phrases; the last word may be a beginning if it is long enough."""
    if not parts:
        return ""
    last = parts[-1]
    last_is_unspaced = is_unspaced(last)
    if not last_is_unspaced and len(last) < _SHORTEST_BEGINNING:
        parts, last = parts[:-1] if len(parts) > 1 and last.isascii() else parts, ""
    phrases = [f'"{spaced(part)}"' for part in parts]
    return " ".join(phrases) + ("*" if last and not last_is_unspaced else "")
