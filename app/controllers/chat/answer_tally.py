"""How many tokens of the context window an answer takes while it is written, as the engine tells on the way. Pure."""

from engine.api.events import GenerationFinished, PrefillProgress, TextGenerated


class AnswerTally:
    """The engine writes one answer at a time, so one count is enough.

    A command begins by telling the length of its prompt, in which what a continued answer has already is part of it.
    What is told before that (a closing tag, which goes into the prompt) counts for as long as that is not known.
    """

    def __init__(self) -> None:
        self._command_id = ""
        self._message_id = ""
        self._tokens = 0

    def tokens_of(self, message_id: str) -> int | None:
        """Return what an answer takes with all that was read for it; None: the engine has not told it."""
        return self._tokens if message_id == self._message_id else None

    def begin(self, event: PrefillProgress) -> bool:
        """Take the length of the prompt; return whether it was told for the first time."""
        if event.command_id == self._command_id:
            return False
        self._command_id, self._message_id = event.command_id, event.message_id
        self._tokens = event.prompt_tokens
        return True

    def grow(self, event: TextGenerated) -> None:
        """Take what was written."""
        if event.message_id == self._message_id:
            self._tokens += len(event.token_ids)

    def end(self, event: GenerationFinished) -> None:
        """Take the engine's last word, with which the answer begins that may be written on."""
        if event.message_id == self._message_id:
            self._tokens = event.statistics.prompt_tokens + event.statistics.generated_tokens
