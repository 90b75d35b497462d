"""transformers' progress bars turned into our progress, with a place to stop; its chatter kept down meanwhile.

The bar hook and the log level of transformers are process-wide: they are set around one load only, and other
threads get the bar they would have got anyway.
"""

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from contextlib import contextmanager

from transformers.utils import logging as transformers_logging

from engine.api.cancellation import CancellationToken
from engine.api.events import LoadPhase

ReportProgress = Callable[[LoadPhase, int, int], None]
OnStep = Callable[[str, object, int, int], None]
"""(description of the bar, item about to be worked on, steps done, steps in all)"""


class WatchedBar:
    """Stands in for tqdm: iterates, tells each step, and accepts the calls that a bar would."""

    def __init__(self, iterable: Iterable[object] | None, description: str, total: int, on_step: OnStep) -> None:
        self._iterable = iterable if iterable is not None else ()
        self._description = description
        self._total = total
        self._on_step = on_step
        self._done = 0

    def __iter__(self) -> Iterator[object]:
        for item in self._iterable:
            self._on_step(self._description, item, self._done, self._total)
            yield item
            self._done += 1

    def update(self, steps: int = 1) -> None:
        """Take steps that are not iterated over."""
        self._done += steps
        self._on_step(self._description, None, self._done, self._total)

    def __enter__(self) -> "WatchedBar":
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def __getattr__(self, _name: str) -> Callable[..., None]:
        return _do_nothing  # close, set_description and whatever else a bar can be asked for


def _do_nothing(*_: object, **__: object) -> None:
    return None


@contextmanager
def watched(on_step: OnStep) -> Iterator[None]:
    """Call on_step for each step of any transformers bar of this thread; an exception from it ends the load."""
    owner = threading.get_ident()

    def hook(factory: Callable[..., object], arguments: tuple[object, ...], options: dict[str, object]) -> object:
        if threading.get_ident() != owner:
            return factory(*arguments, **options)
        iterable = arguments[0] if arguments else options.get("iterable")
        total = options.get("total")
        if not isinstance(total, int):
            total = len(iterable) if isinstance(iterable, Sized) else 0
        items = iterable if isinstance(iterable, Iterable) else None
        return WatchedBar(items, str(options.get("desc", "")), total, on_step)

    previous_level = transformers_logging.get_verbosity()
    previous_hook = transformers_logging.set_tqdm_hook(hook)
    transformers_logging.set_verbosity(logging.ERROR)
    try:
        yield
    finally:
        transformers_logging.set_verbosity(previous_level)
        transformers_logging.set_tqdm_hook(previous_hook)


class WeightProgress:
    """Counts the bytes of the tensors that transformers puts into the model, and stops a cancelled load.

    sizes: bytes by parameter name as in the checkpoint's headers. Parameters that the model names otherwise (fused
    experts, renamed layers) share what the known names leave over.
    """

    def __init__(self, sizes: Mapping[str, int], report: ReportProgress, cancellation: CancellationToken) -> None:
        self._sizes = sizes
        self._total = sum(sizes.values())
        self._report = report
        self._cancellation = cancellation
        self._done = 0

    def on_step(self, description: str, item: object, done: int, total: int) -> None:
        """Take one step of the bar; raises Cancelled."""
        self._cancellation.raise_if_cancelled()
        if description != "Loading weights" or not total:
            return
        name = item[0] if isinstance(item, tuple) else ""
        share = max(self._total - self._done, 0) // max(total - done, 1)
        self._report(LoadPhase.LOADING, self._done, self._total)
        self._done = min(self._done + self._sizes.get(name, share), self._total)

    def finish(self) -> None:
        """Report the last byte."""
        self._cancellation.raise_if_cancelled()
        self._report(LoadPhase.LOADING, self._total, self._total)
