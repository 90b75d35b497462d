"""Token ids to text that is safe to show: never half a character, and in the end exactly the full decode."""

from collections.abc import Sequence

from transformers import PreTrainedTokenizerBase

_HALF = "\ufffd"
_LONGEST_HOLD = 16


class Detokenizer:
    """Decodes a growing list of ids. A short window of earlier ids gives each new id its context, so that the
    cost per id doesn't grow with the text."""

    def __init__(
        self, tokenizer: PreTrainedTokenizerBase, spoken_before: Sequence[int] = (), *, keeps_special: bool = False
    ) -> None:
        """Start after the ids of spoken_before (of an answer that is continued), whose text isn't given again, but
        for half a character at its end, which was none.

        keeps_special: control tokens are written out as well.
        """
        self._tokenizer = tokenizer
        self._skips_special = not keeps_special
        self._ids = list(spoken_before)
        self._before = without_half(self._decode(self._ids))
        self._context = max(0, len(self._ids) - _LONGEST_HOLD)
        self._shown = len(self._ids)
        self._text: list[str] = []

    def push(self, token_id: int) -> str:
        """Add one id; return the text that became final by it, often empty."""
        self._ids.append(token_id)
        before = self._shown_window()
        after = self._decode(self._ids[self._context :])
        held = len(self._ids) - self._shown
        if held < _LONGEST_HOLD and (after.endswith(_HALF) or not after.startswith(before)):
            return ""
        piece = _after_common(before, after)
        self._context, self._shown = self._shown, len(self._ids)
        self._text.append(piece)
        return piece

    def finish(self) -> tuple[str, str]:
        """Return the text still held back, and the whole text (the full decode, which wins over the pieces)."""
        whole = self._decode(self._ids)
        before = self._before
        shown = "".join(self._text)
        rest = _after_common(self._shown_window(), self._decode(self._ids[self._context :]))
        # What was spoken before may read otherwise now (a character cut in two): then the pieces are all there is.
        whole = whole[len(before) :] if whole.startswith(before) else shown + rest
        return (whole[len(shown) :] if whole.startswith(shown) else rest), whole

    def _shown_window(self) -> str:
        """Return the text of the window's ids that was shown."""
        text = self._decode(self._ids[self._context : self._shown])
        return text if self._text else without_half(text)

    def _decode(self, ids: list[int]) -> str:
        text = self._tokenizer.decode(ids, skip_special_tokens=self._skips_special, clean_up_tokenization_spaces=False)
        assert isinstance(text, str)
        return text


def without_half(text: str) -> str:
    """Return the text without the half character that it ends with, if so."""
    return text.rstrip(_HALF)


def without_halves(text: str) -> str:
    """Return the text without the half characters in it."""
    return text.replace(_HALF, "")


def _after_common(before: str, after: str) -> str:
    """Return what follows the common beginning: bytes that are no text can change how shown ones read."""
    length = next((i for i, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), None)
    return after[min(len(before), len(after)) if length is None else length :]
