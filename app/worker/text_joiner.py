"""Joins the pieces of text that one command generates, so that the window is not woken for every token.

The first piece goes out at once; what follows within JOIN_SECONDS of the last emission is held and goes out as one.
"""

from engine.api.events import TextGenerated

JOIN_SECONDS = 0.033


class TextJoiner:
    """Holds back the text of one command; times are seconds of one monotonic clock. Not thread-safe."""

    def __init__(self) -> None:
        self._held: list[TextGenerated] = []
        self._due = float("-inf")

    @property
    def due(self) -> float | None:
        """When the held text must go out; None if nothing is held."""
        return self._due if self._held else None

    def add(self, event: TextGenerated, now: float) -> TextGenerated | None:
        """Take a piece and return what has to be emitted now, if anything."""
        self._held.append(event)
        return self.flush(now) if now >= self._due else None

    def flush(self, now: float) -> TextGenerated | None:
        """Return all held text as one event, in the order it came, or None."""
        if not self._held:
            return None
        held, self._held = self._held, []
        self._due = now + JOIN_SECONDS
        first = held[0]
        if len(held) == 1:
            return first
        return TextGenerated(
            command_id=first.command_id,
            conversation_id=first.conversation_id,
            message_id=first.message_id,
            text="".join(event.text for event in held),
            token_ids=tuple(token_id for event in held for token_id in event.token_ids),
        )
