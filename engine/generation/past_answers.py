"""Answers as the next prompt has them: with the ids they were generated as, and with their thinking or without it."""

from collections.abc import Collection, Sequence

import msgspec
from transformers import PreTrainedTokenizerBase

from engine.api.message import PromptMessage, Role
from engine.generation.answer_text import AnswerText, decode, read
from engine.generation.detokenizer import without_halves
from engine.generation.prompt_pieces import TextPart
from engine.generation.template_use import TurnShape
from engine.generation.thinking_marks import CLOSING, OPENING, Mark, ThinkingMarks


class PastAnswers:
    """Reads and places the answers of one tokenizer's model.

    opened: the template begins the next answer with thinking; ever_opened: so it may have done with earlier ones.
    kept: whether answers whose thinking the template began (True), or the model, are given to the template as they were
    generated, and it keeps their thinking or takes it out itself; else it is given the answer alone.
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        tokenizer_id: str,
        marks: ThinkingMarks,
        shape: TurnShape,
        *,
        opened: bool,
        ever_opened: bool,
        kept: Collection[bool],
    ) -> None:
        self._tokenizer = tokenizer
        self._tokenizer_id = tokenizer_id
        self._marks = marks
        self._shape = shape
        self.opened = opened
        self._ever_opened = ever_opened
        self._kept = kept

    def text(self, spoken_before: Sequence[int] = ()) -> AnswerText:
        """Return what tells an answer as it grows; spoken_before: ids of an answer that is continued."""
        return AnswerText(self._tokenizer, self._marks, spoken_before, opened=self.opened)

    def of_ids(self, ids: Sequence[int]) -> PromptMessage:
        """Return the answer that was generated as these ids."""
        text = read(self._tokenizer, self._marks, ids, opened=self.opened)
        return PromptMessage(Role.ASSISTANT, text, tuple(ids), self._tokenizer_id)

    def ids(self, message: PromptMessage) -> list[int]:
        """Return what a message was generated as; none where that isn't known, or not of this vocabulary."""
        if message.role is not Role.ASSISTANT or message.tokenizer_id != self._tokenizer_id or not message.token_ids:
            return []
        ids = list(message.token_ids)
        if not 0 <= min(ids) <= max(ids) < len(self._tokenizer):
            return []  # decoding passes over them, but the model's table has no such rows: they came from a file
        was_opened = (self.opened, not self.opened) if self._ever_opened else (self.opened,)
        readings = (read(self._tokenizer, self._marks, ids, opened=opened) for opened in was_opened)
        # Where an answer was stopped within a character its ids read as half of one, which is no text.
        return ids if without_halves(message.content) in map(without_halves, readings) else []

    def given(self, message: PromptMessage, ids: Sequence[int]) -> PromptMessage:
        """Return the message as the template is given it: thoughts only if they are of this model's own.

        ids: what it was generated as.
        """
        if message.role is not Role.ASSISTANT:
            return message
        if message.opens_thinking and CLOSING not in message.content:  # it was stopped before its answer
            message = msgspec.structs.replace(message, content=f"{message.content}\n{CLOSING}\n\n")
            ids = ()
        if not self._marks and CLOSING not in message.content and OPENING not in message.content:
            return message
        if ids and self._was_opened(message) in self._kept:
            content = self._as_generated(ids) if self._marks else message.content
        else:
            content = _answer_in(message.content, message.opens_thinking or self._ever_opened)
        return msgspec.structs.replace(message, content=content)

    def printed_ids(self, message: PromptMessage, ids: list[int], printed: str) -> list[int]:
        """Return the generated ids of what the template prints of a message; none where they aren't known.

        ids: what all of it was generated as.
        """
        printed = printed.strip()
        if not self._marks:
            return ids if printed == message.content.strip() else []
        if ids and printed == self._as_generated(ids).strip():
            return ids
        answer = self._answer_ids(ids)
        return answer if printed == decode(self._tokenizer, answer).strip() else []

    @property
    def beginning(self) -> str:
        """What stands between the prompt and an answer that doesn't think."""
        return self.closing(f"\n{CLOSING}\n\n") + self._shape.mark if self.opened else self._shape.beginning

    def parts(self, message: PromptMessage) -> tuple[TextPart, ...]:
        """Return a text to be continued as the model would have written it, the template's part told from the rest."""
        form, content = self._marks.form, message.content
        if not (content.startswith(OPENING) or message.opens_thinking or (self.opened and CLOSING in content)):
            return (TextPart(self.beginning, False), TextPart(content, True))
        begun = () if self.opened else (TextPart(form.opening if self._marks else f"{OPENING}\n", False),)
        text = content.removeprefix(OPENING).lstrip("\n")
        if not self._marks:
            return (*begun, TextPart(text, True))
        thought, closing, answer = text.partition(CLOSING)
        ended = (TextPart(form.ends_thought + form.closing + self._shape.mark, False),) if closing else ()
        return (*begun, TextPart(thought.strip("\n"), True), *ended, TextPart(answer.lstrip("\n"), True))

    def closing(self, closing: str) -> str:
        """Return what ends the thinking as the model would write it."""
        form = self._marks.form
        return closing if not self._marks or form.closing in closing else form.ends_thought + form.closing

    def _was_opened(self, message: PromptMessage) -> bool:
        """Return whether the template began the thinking of an answer; of one that didn't think, what it does now."""
        if message.content.lstrip().startswith(OPENING):
            return False
        return message.opens_thinking or (self._ever_opened if CLOSING in message.content else self.opened)

    def _as_generated(self, ids: Sequence[int]) -> str:
        return decode(self._tokenizer, ids, keeps_special=True)

    def _answer_ids(self, ids: Sequence[int]) -> list[int]:
        """Return the ids behind all thinking, if they are in one piece, without the empty lines before them."""
        found: list[tuple[int, ...]] = []
        for run in self._marks.runs(ids)[0]:
            found.append(run.ids)
            if run.mark in (Mark.OPENS, Mark.CLOSES):
                found = []
        answer = max((list(ids) for ids in found), key=len, default=[])
        while answer and decode(self._tokenizer, answer[:1]).isspace():
            del answer[0]
        return answer


def _answer_in(content: str, opened: bool) -> str:
    """Return a text without the thinking that it begins with."""
    opened = opened and CLOSING in content
    while opened or content.lstrip().startswith(OPENING):
        content = content.partition(CLOSING)[2]
        opened = False
    return content.lstrip("\n")
