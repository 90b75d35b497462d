"""An answer on stdout as it grows, without the thinking before it, which is seen in the line of progress only."""

import time
from collections.abc import Sequence

from app.controllers import phases
from app.rendering.thinking import Passage, split_thinking
from app.terminal.output import Output

_ONLY_THOUGHT = "The model only thought, and has not begun its answer. The stored conversation has its thoughts."
_ONLY_THOUGHT_UNSTORED = "The model only thought, and has not begun its answer."


class ShownAnswer:
    """Writes what is new of the answer; what only a closing tag showed to be thinking was written before, and stays."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._shown = ""
        self._thinking_since: float | None = None

    def grow(self, text: str, *, opened: bool) -> None:
        """Show the answer's text so far; opened: the template has begun its thinking."""
        passages = split_thinking(text, streaming=True, opened=opened)
        thinks = bool(passages) and passages[-1].is_thinking and not passages[-1].closed
        if not thinks:
            self._thinking_since = None
        elif self._thinking_since is None:
            self._thinking_since = time.monotonic()
        self._show(_answer_of(passages))
        self.tick()

    def tick(self) -> None:
        """Show how long it thinks, while it does."""
        if self._thinking_since is not None:
            self._output.phase(phases.thinking_phase(time.monotonic() - self._thinking_since))

    def finish(self, text: str, *, opened: bool, is_stored: bool) -> None:
        """Show what is missing of the whole answer and end its line; say so if all of it is thinking."""
        passages = split_thinking(text, opened=opened)
        self._show(_answer_of(passages))
        if self._shown:
            self._output.end_line()
        elif passages:
            self._output.say(_ONLY_THOUGHT if is_stored else _ONLY_THOUGHT_UNSTORED)

    def _show(self, answer: str) -> None:
        if not answer.startswith(self._shown):
            self._output.end_line()
            self._shown = ""
        self._output.text(answer[len(self._shown) :])
        self._shown = answer


def _answer_of(passages: Sequence[Passage]) -> str:
    return "".join(passage.text for passage in passages if not passage.is_thinking).lstrip("\n")
