"""The real engine process with one library call that fails on purpose, as a card would make it fail.

    python tests/faults/faulty_engine.py WHERE TEXT ONCE --data FOLDER

WHERE is `load` (the check after loading) or `decode` (from the sixth single id on); TEXT is the error's text, raised as
torch.OutOfMemoryError if it speaks of memory, else as RuntimeError. It is raised twice in a row, and only while the
file ONCE does not exist, which is made then.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

# Before tests/faults, where nothing is to be found.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import torch

from engine import __main__ as engine_process
from engine.api.cancellation import CancellationToken
from engine.generation.model_runner import ModelRunner

_FIRST_FAILING_ID = 6


class _Fault:
    def __init__(self, text: str, once: Path) -> None:
        self._text = text
        self._once = once
        self._left = 0 if once.exists() else 2

    def strike(self) -> None:
        if self._left:
            self._left -= 1
            self._once.touch()
            torch.ones(1000)  # what a failed forward leaves in its frames
            raise torch.OutOfMemoryError(self._text) if "memory" in self._text else RuntimeError(self._text)


def main() -> None:
    """Break one call, then be the engine."""
    where, text, once = sys.argv[1:4]
    sys.argv[1:4] = []
    fault = _Fault(text, Path(once))
    feed, choose = ModelRunner.feed, ModelRunner.choose_mode
    singles = 0

    def failing_feed(
        self: ModelRunner, ids: Sequence[int], cancellation: CancellationToken | None = None
    ) -> torch.Tensor:
        nonlocal singles
        if len(ids) == 1 and self.kv.length > 30:  # not in the check at load
            singles += 1
            if singles >= _FIRST_FAILING_ID:
                fault.strike()
        return feed(self, ids, cancellation)

    def failing_choice(self: ModelRunner) -> object:
        fault.strike()
        return choose(self)

    if where == "decode":
        ModelRunner.feed = failing_feed  # type: ignore[method-assign]
    else:
        ModelRunner.choose_mode = failing_choice  # type: ignore[method-assign,assignment]
    engine_process.main()


if __name__ == "__main__":
    main()
