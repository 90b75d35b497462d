"""How much of the context window a conversation takes with the message that is being typed, in words too. Pure."""

from dataclasses import dataclass
from enum import Enum

_LITTLE_SHARE = 0.1
_MENU = "Conversation > When it is full"


class Room(Enum):
    """How much is left."""

    ENOUGH = "enough"
    LITTLE = "little"
    NONE = "none"


@dataclass(frozen=True, kw_only=True)
class ContextUse:
    """Tokens, template included. leaves_out: the oldest messages give way when the window is full.

    has_history: there are messages that could give way. has_draft: something is being typed. is_exact: the engine has
    counted; otherwise it is guessed from the length of the text.
    """

    used_tokens: int
    window_tokens: int
    leaves_out: bool = True
    has_history: bool = True
    has_draft: bool = True
    is_exact: bool = True

    @property
    def room(self) -> Room:
        """How much is left; the answer needs one token at least."""
        if self.used_tokens >= self.window_tokens:
            return Room.NONE
        left = self.window_tokens - self.used_tokens
        return Room.LITTLE if left < self.window_tokens * _LITTLE_SHARE else Room.ENOUGH

    @property
    def numbers(self) -> str:
        """E.g. "1,240 / 8,192"."""
        return f"{self.used_tokens:,} / {self.window_tokens:,}"

    @property
    def words(self) -> str:
        """The few words beside the numbers, "" while there is enough room."""
        match self.room:
            case Room.ENOUGH:
                return ""
            case Room.LITTLE:
                return "Nearly full"
            case Room.NONE if self.leaves_out and self.has_history:
                return "Oldest messages will be left out"
            case Room.NONE:
                return "Does not fit" if self.has_draft else "Full"

    @property
    def sentence(self) -> str:
        """All of it for a tooltip and for assistive technology: what is taken, and what will happen."""
        about = "" if self.is_exact else "about "
        match self.room:
            case Room.ENOUGH:
                used = f"{about}{self.used_tokens:,} of the {self.window_tokens:,} tokens"
                return f"This conversation takes {used} that the model can hold."
            case Room.LITTLE:
                left = self.window_tokens - self.used_tokens
                return f"Nearly full: {about}{left:,} tokens are left. {self._after_that()}"
            case Room.NONE:
                subject = "This message does not fit" if self.has_draft else "This conversation is full"
                needed = f"{about}{self.used_tokens:,} tokens, and the model can hold {self.window_tokens:,}"
                return f"{subject}: it needs {needed}. {self._when_full()}"

    def _after_that(self) -> str:
        if self.leaves_out:
            return "After that the oldest messages are left out; they stay on screen."
        return f"After that the model stops. {_MENU} changes that."

    def _when_full(self) -> str:
        if not self.has_history:
            return "Shorten it, or load the model with a larger context."
        if self.leaves_out:
            return "The oldest messages will be left out for it; they stay on screen."
        return f"The model will not answer. {_MENU} lets it leave out the oldest messages."
