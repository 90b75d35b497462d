"""How much of the context window a conversation takes with the message that is being typed, in words too. Pure."""

from dataclasses import dataclass
from enum import Enum

from app.language import grouped, tr

_LITTLE_SHARE = 0.1


class Room(Enum):
    """How much is left."""

    ENOUGH = "enough"
    LITTLE = "little"
    NONE = "none"


@dataclass(frozen=True, kw_only=True)
class ContextUse:
    """Tokens, template included. leaves_out: the oldest messages give way when there is no room left.

    answer_tokens: what is then kept free for the answer. has_history: there are messages that could give way.
    lasting_tokens: of what can't give way, the message that is typed and the instructions.
    has_draft: something is being typed. is_exact: the engine has counted; otherwise it is guessed from the text.
    is_growing: an answer is being written. counts_thinking: the newest answer's thinking is part of what is taken.
    """

    used_tokens: int
    window_tokens: int
    answer_tokens: int = 0
    leaves_out: bool = True
    has_history: bool = True
    lasting_tokens: int = 0
    has_draft: bool = True
    is_exact: bool = True
    is_growing: bool = False
    counts_thinking: bool = False

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
        return f"{grouped(self.used_tokens)} / {grouped(self.window_tokens)}"

    @property
    def words(self) -> str:
        """The few words beside the numbers, "" while there is enough room."""
        match self.room:
            case Room.ENOUGH:
                return ""
            case Room.LITTLE:
                return tr("Oldest messages will soon be left out") if self._gives_way else tr("Nearly full")
            case Room.NONE:
                unanswered = tr("Does not fit") if self.has_draft else tr("Full")
                return tr("Oldest messages will be left out") if self._gives_way else unanswered

    @property
    def sentence(self) -> str:
        """All of it for a tooltip and for assistive technology: what is taken, and what will happen."""
        if not self.counts_thinking:
            return self._told
        thinking = tr("The newest answer's thinking is part of it; most models don't read it again.")
        return f"{self._told} {thinking}"

    @property
    def _told(self) -> str:
        about = "" if self.is_exact else tr("about ")
        used, window = f"{about}{grouped(self.used_tokens)}", grouped(self.window_tokens)
        taken = tr("This conversation takes {used} of the {window} tokens that the model can hold.")
        sentences = [taken.format(used=used, window=window)]
        if self.room is Room.ENOUGH:
            return sentences[0]
        if self._gives_way:
            soon = tr("To leave room for an answer the oldest messages will soon be left out; they stay on screen.")
            now = tr("To leave room for an answer the oldest messages will be left out; they stay on screen.")
            return " ".join([*sentences, soon if self.room is Room.LITTLE else now])
        way_out = tr("Shorten it, or load the model with a larger context.")
        if self.has_history and not self.leaves_out:
            way_out = tr("Conversation > When the conversation is full lets it leave out the oldest messages.")
        if self.room is Room.LITTLE:
            nearly = tr("Nearly full: this conversation takes {used} of the {window} tokens that the model can hold.")
            return " ".join([nearly.format(used=used, window=window), *([way_out] if self.has_history else [])])
        message = tr(
            "This message does not fit: the conversation takes {used} tokens, the model can hold {window}. "
            "The model will not answer."
        )
        conversation = tr(
            "This conversation is full: the conversation takes {used} tokens, the model can hold {window}. "
            "The model will not answer."
        )
        subject = message if self.has_draft else conversation
        return f"{subject.format(used=used, window=window)} {way_out}"

    @property
    def _gives_way(self) -> bool:
        return self.leaves_out and self.has_history and self.lasting_tokens < self.window_tokens
