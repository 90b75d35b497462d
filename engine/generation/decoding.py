"""How the ids behind a prompt come about: what has been chosen is fed, what follows it is chosen."""

from collections.abc import Callable, Sequence
from typing import Protocol

import torch

from engine.api.cancellation import CancellationToken
from engine.decode.steps import Steps
from engine.generation.model_runner import ModelRunner
from engine.generation.sampler import Sampler


class Decoder(Protocol):
    """Continues one generation. Lives as long as that; runs on the compute lane."""

    def next_ids(self, token_id: int) -> Sequence[int]:
        """Feed the id that was chosen last and return those that follow it, at least one.

        The KV holds all of them but the last afterwards, or more: the caller rewinds what it doesn't take. Raises
        what feeding raises; the KV then holds what it held before, or token_id as well if choosing failed.
        """
        ...


class PlainDecoder:
    """One pass through the model for each id. A Stop ends it between two layers: it may take long, as where weights
    wait in main memory, or where all is read again (LongRoPE)."""

    def __init__(self, runner: ModelRunner, sampler: Sampler, cancellation: CancellationToken) -> None:
        self._runner = runner
        self._sampler = sampler
        self._cancellation = cancellation

    def next_ids(self, token_id: int) -> Sequence[int]:
        """Feed one id and choose the next. Raises Cancelled as well."""
        return (self._sampler.sample(self._runner.feed([token_id], self._cancellation)),)


class _Flight:
    """A step on its way: the id that it chooses is on the device until value() waits for it.

    length: positions that were held before the fed one. drawer: the sampler as it is after the choice.
    """

    def __init__(self, logits: torch.Tensor, length: int, drawer: Sampler) -> None:
        self.length = length
        self.drawer = drawer
        self.chosen = drawer.choose(logits)
        # Numbers that are none come from the masked positions that a recorded step reads: that step is done again.
        told = torch.where(torch.isfinite(logits).all(), self.chosen, -1)
        on_card = told.device.type == "cuda"
        self._told = torch.empty(1, dtype=torch.long, pin_memory=on_card)
        self._told.copy_(told, non_blocking=True)
        self._arrival = torch.cuda.Event() if on_card else None  # type: ignore[no-untyped-call]
        if self._arrival is not None:
            self._arrival.record()

    def value(self) -> int:
        """Wait for the chosen id; -1 if there were no logits to choose by."""
        if self._arrival is not None:
            self._arrival.synchronize()
        return int(self._told)


class PipelinedDecoder:
    """Launches the step behind an id before the id itself is known here, so that the device never waits.

    The last step launched is one too many; the KV doesn't count it.
    """

    def __init__(self, runner: ModelRunner, sampler: Sampler, steps: Steps) -> None:
        self._runner = runner
        self._sampler = sampler
        self._steps = steps
        self._ahead: tuple[int, _Flight] | None = None

    @torch.inference_mode()
    def next_ids(self, token_id: int) -> Sequence[int]:
        """Return the id that follows, from the step on its way if that was fed this id; launch the next one."""
        kv, ahead = self._runner.kv, self._ahead
        self._ahead = None
        flight: _Flight | None = None
        if ahead is not None and ahead[0] == token_id and ahead[1].length == kv.length:
            flight = ahead[1]
        elif self._runner.decode.steps is not None and self._steps.can_feed(1):
            flight = self._launched(lambda: self._steps.launch(token_id, kv.length), kv.length, self._sampler)
        if flight is None:
            return (self._sampler.sample(self._runner.feed([token_id])),)
        following = self._launched_behind(flight)
        chosen = flight.value()
        if chosen < 0:
            kv.wipe()
            return (self._sampler.sample(self._runner.feed_plainly(token_id)),)
        kv.note([token_id])
        self._runner.fed_tokens += 1
        self._sampler.take(chosen)
        self._ahead = (chosen, following) if following is not None else None
        return (chosen,)

    def _launched_behind(self, flight: _Flight) -> _Flight | None:
        """Feed what a step on its way chooses; nothing where it may not be fed, or can't be recorded."""
        length = flight.length + 1
        if not self._steps.can_feed(1, length):
            return None
        return self._launched(lambda: self._steps.launch_behind(flight.chosen, length), length, flight.drawer)

    def _launched(self, launch: Callable[[], torch.Tensor], length: int, drawer: Sampler) -> _Flight | None:
        try:
            logits = launch()
        except Exception as error:  # whatever capturing or the model raises: plain passes may do without it
            self._runner.cannot_record(1, error)
            return None
        return _Flight(logits, length, drawer.ahead())
