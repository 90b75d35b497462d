"""Prompt lookup: where the last ids stood before, what followed there is supposed to follow again.

Saxena, Prompt lookup decoding (github.com/apoorvumang/prompt-lookup-decoding). Plain integers on the host: an id costs
a microsecond to note and a lookup some ten, however long the conversation is.
"""

from collections.abc import Sequence
from dataclasses import dataclass

_SHIFT = 32  # bits of an id; two of them are a key
_MOST_PLACES = 32
_LONGEST_MATCH = 32


@dataclass(frozen=True)
class Match:
    """`length` ids that end before position `behind` are those at the end."""

    behind: int
    length: int


class LookupIndex:
    """The ids of a conversation, with the places where each pair of ids ends."""

    def __init__(self) -> None:
        self._ids: list[int] = []
        self._latest: dict[int, int] = {}
        self._earlier: list[int] = []  # for each position the one before it where the same pair ends, -1 for none
        self._followed: int | None = None  # how far the last match lies behind the end

    @property
    def length(self) -> int:
        """Number of ids."""
        return len(self._ids)

    @property
    def ids(self) -> list[int]:
        """All ids, to be read only."""
        return self._ids

    def follow(self, ids: Sequence[int]) -> None:
        """Hold these ids; what they share with those held before is kept."""
        pairs = enumerate(zip(self._ids, ids, strict=False))
        common = next((index for index, (held, new) in pairs if held != new), min(len(self._ids), len(ids)))
        for position in range(len(self._ids) - 1, max(common, 1) - 1, -1):
            self._forget(position)
        del self._ids[common:], self._earlier[common:]
        self._followed = None
        for token_id in ids[common:]:
            self.append(token_id)

    def append(self, token_id: int) -> None:
        """Note that this id follows."""
        position = len(self._ids)
        self._ids.append(token_id)
        if not position:
            self._earlier.append(-1)
            return
        key = self._ids[position - 1] << _SHIFT | token_id
        self._earlier.append(self._latest.get(key, -1))
        self._latest[key] = position

    def match(self) -> Match | None:
        """Return the longest earlier run of the ids at the end, the latest of equal ones; None without a pair.

        Looked for among the last places of the pair, and where the match before this one would go on.
        """
        last = len(self._ids) - 1
        best, length = -1, 0
        place = self._earlier[last] if last > 0 else -1
        for _ in range(_MOST_PLACES):
            if place < 0 or length == _LONGEST_MATCH:
                break
            if (found := self._matching(place, last)) > length:
                best, length = place, found
            place = self._earlier[place]
        if self._followed is not None and length < _LONGEST_MATCH:
            place = last - self._followed
            if place > 0 and (found := self._matching(place, last)) > max(length, 1):
                best, length = place, found
        self._followed = last - best if best >= 0 else None
        return Match(best + 1, length) if best >= 0 else None

    def proposal(self, match: Match, count: int) -> list[int]:
        """Return the ids that followed the match; where they reach the end they go round."""
        found = self._ids[match.behind : match.behind + count]
        period = len(self._ids) - match.behind
        while len(found) < count:
            found.append(found[-period])
        return found

    def _matching(self, place: int, last: int) -> int:
        """Return how many ids up to a place are those up to the last, at most _LONGEST_MATCH."""
        ids = self._ids
        most = min(_LONGEST_MATCH, place + 1)
        length = 0
        while length < most and ids[place - length] == ids[last - length]:
            length += 1
        return length

    def _forget(self, position: int) -> None:
        """Take the last noted pair back."""
        key = self._ids[position - 1] << _SHIFT | self._ids[position]
        if self._earlier[position] >= 0:
            self._latest[key] = self._earlier[position]
        else:
            del self._latest[key]
