"""Speculation that tests can rely on: rounds at every step, and proposals that are right as often as wanted."""

from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

from engine.generation.chat_session import ChatSession
from engine.generation.model_runner import ModelRunner
from engine.generation.speculation.lookup import LookupIndex, Match
from engine.generation.speculation.pace import Likelihood


class EveryTime:
    """A pace that always checks so many ids at once, if there is room for them."""

    def __init__(self, size: int) -> None:
        self.wanted = size

    def size(self, likelihood: Likelihood, most: int) -> int:
        return min(self.wanted, most)

    def learn_plain(self, seconds: float) -> None: ...

    def learn_round(self, likelihood: Likelihood, size: int, accepted: int, seconds: float) -> None: ...


@contextmanager
def rounds_of(session: ChatSession, size: int) -> Iterator[None]:
    """Check so many ids at once whenever there is a proposal."""
    with mock.patch.object(session._speculation, "pace", EveryTime(size)):
        yield


@contextmanager
def foretold(prompt_tokens: int, ids: tuple[int, ...], wrong_every: int) -> Iterator[None]:
    """Propose these ids behind the prompt, but each so many-th of them wrong."""

    def proposal(index: LookupIndex, match: Match, count: int) -> list[int]:
        start = index.length - prompt_tokens
        right = [*ids, *[3] * (start + count)][start : start + count]
        return [3 + (each - 2) % 300 if (start + i) % wrong_every == 0 else each for i, each in enumerate(right)]

    with (
        mock.patch.object(LookupIndex, "match", return_value=Match(1, 8)),
        mock.patch.object(LookupIndex, "proposal", proposal),
    ):
        yield


@contextmanager
def counted_passes() -> Iterator[list[int]]:
    """Return the number of ids of each pass through a model that was loaded before."""
    passes: list[int] = []
    fed = ModelRunner._fed

    def counting(runner: ModelRunner, ids: list[int], *arguments: object, **options: object) -> object:
        passes.append(len(ids))
        return fed(runner, ids, *arguments, **options)  # type: ignore[arg-type]

    with mock.patch.object(ModelRunner, "_fed", counting):
        yield passes
