"""Joins what one command reports, so that the window is not woken for every token and every tensor.

The first event of a kind goes out at once; what follows within JOIN_SECONDS of the last emission is held and goes out
as one: pieces of text become one piece, of progress only the newest remains.
"""

from engine.api.events import LoadProgress, Progress, TextGenerated

JOIN_SECONDS = 0.033


class EventJoiner:
    """Holds back the events of one command; times are seconds of one monotonic clock. Not thread-safe."""

    def __init__(self) -> None:
        self._held: list[Progress] = []
        self._last: Progress | None = None
        self._due = float("-inf")

    @property
    def due(self) -> float | None:
        """When the held event must go out; None if nothing is held."""
        return self._due if self._held else None

    def add(self, event: Progress, now: float) -> list[Progress]:
        """Take an event and return what has to be emitted now, in the order it came."""
        emitted: list[Progress] = []
        if self._last is not None and not _is_same_kind(self._last, event):
            emitted += self.flush(now)
            self._due = float("-inf")
        self._last = event
        if not isinstance(event, TextGenerated):
            self._held.clear()
        self._held.append(event)
        if now >= self._due:
            emitted += self.flush(now)
        return emitted

    def flush(self, now: float) -> list[Progress]:
        """Return what is held as one event, or nothing."""
        if not self._held:
            return []
        held, self._held = self._held, []
        self._due = now + JOIN_SECONDS
        pieces = [event for event in held if isinstance(event, TextGenerated)]
        return [_joined(pieces)] if len(pieces) > 1 else held


def _is_same_kind(first: Progress, second: Progress) -> bool:
    if isinstance(first, LoadProgress) and isinstance(second, LoadProgress):
        return first.phase is second.phase
    return type(first) is type(second)


def _joined(pieces: list[TextGenerated]) -> TextGenerated:
    first = pieces[0]
    return TextGenerated(
        command_id=first.command_id,
        conversation_id=first.conversation_id,
        message_id=first.message_id,
        text="".join(piece.text for piece in pieces),
        token_ids=tuple(token_id for piece in pieces for token_id in piece.token_ids),
    )
