"""Generated ids to the text of an answer: whatever marks its thinking is written as <think> tags."""

from collections.abc import Sequence

from transformers import PreTrainedTokenizerBase

from engine.generation.detokenizer import Detokenizer, without_half
from engine.generation.thinking_marks import CLOSING, OPENING, Mark, ThinkingMarks


class _Writer:
    """What a mark is written as depends on the text before it."""

    def __init__(self, thinks: bool) -> None:
        self._thinks = thinks
        self._begins_line = True
        self.is_behind_mark = False

    def plain(self, text: str) -> str:
        """Return the text without the empty lines behind a mark, which brings its own."""
        if self.is_behind_mark:
            text = text.lstrip("\n")
        if text:
            self.is_behind_mark = False
            self._begins_line = text.endswith("\n")
        return text

    def mark(self, mark: Mark) -> str:
        """Return what stands for the mark; nothing where it changes nothing."""
        if mark is Mark.PASSES or (mark is Mark.OPENS) == self._thinks:
            return ""
        self._thinks = mark is Mark.OPENS
        before = "" if self._begins_line else "\n"
        self._begins_line = self.is_behind_mark = True
        return f"{before}{OPENING}\n" if self._thinks else f"{before}{CLOSING}\n\n"


class AnswerText:
    """Decodes an answer's growing list of ids, as Detokenizer does, between its marks.

    spoken_before: ids of an answer that is continued, whose text isn't given again. opened: the template has begun
    its thinking.
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        marks: ThinkingMarks,
        spoken_before: Sequence[int] = (),
        *,
        opened: bool = False,
    ) -> None:
        self._tokenizer = tokenizer
        self._marks = marks
        self._writer = _Writer(opened)
        self._held: tuple[int, ...] = ()
        self._earlier: list[str] = []
        spoken: Sequence[int] = spoken_before
        if marks:
            runs, self._held = marks.runs(spoken_before)
            for run in runs:
                self._writer.plain(decode(tokenizer, run.ids))
                if run.mark is not None:
                    self._writer.mark(run.mark)
            spoken = runs[-1].ids
        self._begin_part(spoken)

    def push(self, token_id: int) -> str:
        """Add one id; return the text that became final by it, often empty."""
        if not self._marks:
            return self._part.push(token_id)
        held, self._held = self._held, ()
        ids = (*held, token_id)
        if (mark := self._marks.mark(ids)) is not None:
            return self._end_part(mark)
        if self._marks.begins(ids):
            self._held = ids
            return ""
        if held:
            return "".join(self._writer.plain(self._part.push(each)) for each in held) + self.push(token_id)
        return self._writer.plain(self._part.push(token_id))

    def finish(self) -> tuple[str, str]:
        """Return the text still held back, and the whole text. Half a mark or half a character is no text."""
        rest, whole = self._finish_part()
        if not self._marks:
            return rest, whole
        return self._writer.plain(rest), "".join(self._earlier) + self._trimmed(whole)

    def _begin_part(self, spoken: Sequence[int] = ()) -> None:
        self._part = Detokenizer(self._tokenizer, spoken)
        self._is_behind_mark = self._writer.is_behind_mark

    def _finish_part(self) -> tuple[str, str]:
        rest, whole = self._part.finish()
        return without_half(rest), without_half(whole)

    def _end_part(self, mark: Mark) -> str:
        rest, whole = self._finish_part()
        rest = self._writer.plain(rest)
        written = self._writer.mark(mark)
        self._earlier += [self._trimmed(whole), written]
        self._begin_part()
        return rest + written

    def _trimmed(self, whole: str) -> str:
        return whole.lstrip("\n") if self._is_behind_mark else whole


def read(tokenizer: PreTrainedTokenizerBase, marks: ThinkingMarks, ids: Sequence[int], *, opened: bool) -> str:
    """Return the text that AnswerText gives for these ids, with half a character where they stop in one."""
    if not marks:
        return decode(tokenizer, ids)
    writer = _Writer(opened)
    parts: list[str] = []
    for run in marks.runs(ids)[0]:
        parts.append(writer.plain(decode(tokenizer, run.ids)))
        if run.mark is not None:
            parts.append(writer.mark(run.mark))
    return "".join(parts)


def decode(tokenizer: PreTrainedTokenizerBase, ids: Sequence[int], *, keeps_special: bool = False) -> str:
    """Return the text of ids that are no marks."""
    text = tokenizer.decode(list(ids), skip_special_tokens=not keeps_special, clean_up_tokenization_spaces=False)
    assert isinstance(text, str)
    return text
