"""How the ids behind a prompt come about: what has been chosen is fed, what follows it is chosen."""

from collections.abc import Sequence
from typing import Protocol

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
    """One pass through the model for each id."""

    def __init__(self, runner: ModelRunner, sampler: Sampler) -> None:
        self._runner = runner
        self._sampler = sampler

    def next_ids(self, token_id: int) -> Sequence[int]:
        """Feed one id and choose the next."""
        return (self._sampler.sample(self._runner.feed([token_id])),)
