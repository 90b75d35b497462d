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
    """Tokens, template included. leaves_out: the oldest messages give way when there is no room left.

    answer_tokens: what is then kept free for the answer. has_history: there are messages that could give way.
    has_draft: something is being typed. is_exact: the engine has counted; otherwise it is guessed from the text.
    """

    used_tokens: int
    window_tokens: int
    answer_tokens: int = 0
    leaves_out: bool = True
    has_history: bool = True
    has_draft: bool = True
    is_exact: bool = True

    @property
    def room(self) -> Room:
        """How much is left; an answer that nothing gives way for needs one token at least."""
        left = self.window_tokens - self.used_tokens - (self.answer_tokens if self._gives_way else 1)
        if left < 0:
            return Room.NONE
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
                return "Oldest messages will soon be left out" if self._gives_way else "Nearly full"
            case Room.NONE:
                unanswered = "Does not fit" if self.has_draft else "Full"
                return "Oldest messages will be left out" if self._gives_way else unanswered

    @property
    def sentence(self) -> str:
        """All of it for a tooltip and for assistive technology: what is taken, and what will happen."""
        about = "" if self.is_exact else "about "
        taken = f"{about}{self.used_tokens:,} of the {self.window_tokens:,} tokens that the model can hold"
        if self.room is Room.ENOUGH:
            return f"This conversation takes {taken}."
        if self._gives_way:
            soon = "soon " if self.room is Room.LITTLE else ""
            consequence = f"the oldest messages will {soon}be left out; they stay on screen"
            return f"This conversation takes {taken}. To leave room for an answer {consequence}."
        way_out = "Shorten it, or load the model with a larger context."
        if self.has_history:
            way_out = f"{_MENU} lets it leave out the oldest messages."
        if self.room is Room.LITTLE:
            return f"Nearly full: this conversation takes {taken}. {way_out if self.has_history else ''}".rstrip()
        subject = "This message does not fit" if self.has_draft else "This conversation is full"
        needed = f"the conversation takes {about}{self.used_tokens:,} tokens, the model can hold {self.window_tokens:,}"
        return f"{subject}: {needed}. The model will not answer. {way_out}"

    @property
    def _gives_way(self) -> bool:
        return self.leaves_out and self.has_history
