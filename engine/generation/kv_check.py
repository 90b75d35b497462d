"""Whether a way of keeping KV computes what a plain forward does, tried at load with a few ids."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from engine.decode.fusing import UNSUITABLE
from engine.hardware.faults import fault_of
from engine.kv.foreign_layers import UnstorableError

if TYPE_CHECKING:
    from engine.generation.model_runner import ModelRunner

CHECK_IDS = 24
# In 16 bit a token that stands between two experts is sent to one or the other, which is as right: each comparison
# may be tried with so many ids. A wrong way of keeping KV is wrong with all of them.
_TRIES = 4
# Largest relative difference of logits that rounding explains, by dtype; a wrong cache differs by about 1.
_TOLERANCE = {torch.float32: 2e-3, torch.float16: 3e-2, torch.bfloat16: 8e-2}
# However unsteady a model is, this is no rounding.
_LARGEST_NOISE = 0.5
_NOISE_DRAWS = 2

Pairs = list[tuple[torch.Tensor, torch.Tensor]]


def check_ids(vocabulary: int, count: int, number: int = 0) -> list[int]:
    """Return ids spread over the vocabulary, the same for every load and others for each number."""
    return [(17 + 7919 * (index + count * number)) % vocabulary for index in range(count)]


def are_equal(found: torch.Tensor, wanted: torch.Tensor, dtype: torch.dtype) -> bool:
    """Return whether logits of a model of that dtype differ by no more than rounding explains."""
    return _difference(found, wanted) < _TOLERANCE.get(dtype, 8e-2)


def holds(
    compare: Callable[[int], Pairs], dtype: torch.dtype, own_noise: Callable[[int], Sequence[float]] | None = None
) -> bool:
    """Return whether each of the pairs that compare(number) finds is equal in one of the tries, numbered from 0.

    own_noise: where rounding in general doesn't explain a difference, how far the model is from itself at the same
    places. Errors about the machine get through.
    """
    different: set[int] | None = None
    for number in range(1 if dtype is torch.float32 else _TRIES):
        try:
            pairs = compare(number)
        except UNSUITABLE as error:
            if fault_of(error) is not None:
                raise
            return False
        allowed = [_TOLERANCE.get(dtype, 8e-2)] * len(pairs)
        if own_noise is not None:
            allowed = [max(least, noise) for least, noise in zip(allowed, own_noise(number), strict=False)]
        now = {place for place, pair in enumerate(pairs) if not _difference(*pair) < allowed[place]}
        different = now if different is None else different & now
        if not different:
            return True
    return False


class KvCheck:
    """Tries the runner's way of keeping KV.

    expected: the logits of a plain forward over the ids of the first try. embedding: finds what turns ids into vectors.
    """

    def __init__(
        self,
        runner: "ModelRunner",
        vocabulary: int,
        expected: torch.Tensor,
        embedding: Callable[[], torch.nn.Module],
    ) -> None:
        self._runner = runner
        self._vocabulary = vocabulary
        self._expected = {0: expected}
        self._embedding = embedding
        self._noise: dict[int, list[float]] = {}

    def continued(self, number: int) -> Pairs:
        """Feed in chunks, an id alone and (where the KV can be rewound) over other ids; return what to compare.

        Each pass reads all weights, so that one serves for much: a chunk ends with the other ids that are undone, over
        several passes, and is compared at its first id as well, where what is wrong with one before it weighs most.
        Chunks are short, as INT8 and INT4 are slower for each row, but the last passes a multiple of 16, the smallest
        block in which architectures put ids together.
        """
        ids, expected = self._sample(number)
        runner = self._runner
        runner.kv.clear()
        found = [runner.feed(ids[:6]), runner.feed(ids[6:7])]
        if not runner.reads_in_chunks:
            found.append(runner.feed(ids[7:8]))
        elif not self._undoes:
            found += runner.check(ids[7:17])[[0, 9]]
        else:
            found += runner.check([*ids[7:11], *ids[:2]])[[0, 3]]
            runner.kv.rewind(5)
            found += runner.check(ids[5:17])[[0, 11]]
            found.append(runner.feed(ids[17:18]))
        return [(logits, expected[place]) for logits, place in zip(found, self._places, strict=True)]

    @property
    def _undoes(self) -> bool:
        return self._runner.reads_in_chunks and self._runner.kv.undoable_tokens > 0

    @property
    def _places(self) -> tuple[int, ...]:
        """Behind which ids continued() compares."""
        if not self._runner.reads_in_chunks:
            return 5, 6, 7
        return (5, 6, 7, 10, 5, 16, 17) if self._undoes else (5, 6, 7, 16)

    @property
    def finds_numbers(self) -> bool:
        """Whether plain forwards have found numbers wherever they were asked; the largest is none if any is none."""
        return all(math.isfinite(float(logits.max())) for logits in self._expected.values())

    def noise(self, number: int) -> list[float]:
        """Return how far the logits that continued() compares move when the words that are read are rounded otherwise.

        A model that answers to that by as much can't be held to less: small differences in one layer, or a step of
        its 8 bits, are made larger by the next.
        """
        if number not in self._noise:
            ids, expected = self._sample(number)
            drawn = [self._plain_logits_rounded_otherwise(ids, draw) for draw in range(_NOISE_DRAWS)]
            self._noise[number] = [
                min(_LARGEST_NOISE, sum(_difference(found[place], expected[place]) for found in drawn) / len(drawn))
                for place in range(len(ids))
            ]
        return [self._noise[number][place] for place in self._places]

    def _plain_logits_rounded_otherwise(self, ids: list[int], draw: int) -> torch.Tensor:
        generator = torch.Generator().manual_seed(draw)

        def round_otherwise(module: torch.nn.Module, arguments: object, states: torch.Tensor) -> torch.Tensor:
            signs = torch.randint(0, 2, states.shape, generator=generator).to(states) * 2 - 1
            return states * (1 + signs * (torch.finfo(states.dtype).eps / 2))

        try:
            hook = self._embedding().register_forward_hook(round_otherwise)
        except NotImplementedError:  # transformers' word for "nobody has said where it is"
            return self._runner.plain_logits(ids)
        try:
            return self._runner.plain_logits(ids)
        finally:
            hook.remove()

    def beginning(self, number: int) -> Pairs:
        """Return what a model that reads forwards finds equal: what it says after 9 ids, whatever stands behind them.

        As many stand there: products of other numbers of rows are rounded otherwise.
        """
        ids, expected = self._sample(number)
        others = check_ids(self._vocabulary, CHECK_IDS, number + _TRIES)
        return [(self._runner.plain_logits([*ids[:9], *others[9:]])[8], expected[8])]

    def put_back(self, number: int) -> Pairs:
        """Put a state back behind which something else was read; return what to compare, nothing without a state.

        With what the same ids gave without that, which leaves no rounding to explain a difference. RecurrentGemma's
        modules hold their states themselves: what the cache holds doesn't bring those back.
        """
        kv = self._runner.kv
        if not kv.has_states or not self._runner.keeps_kv:
            return []
        ids = check_ids(self._vocabulary, CHECK_IDS, number)
        kv.clear()
        self._runner.feed(ids[:9])
        try:
            state = kv.state()
        except UnstorableError:
            return []
        assert state is not None
        kept = replace(state, tensors=[tensor.clone() for tensor in state.tensors])
        held, reach = kv.ids, kv.reach
        expected = self._runner.feed(ids[9:10]).clone()
        self._runner.feed(ids[:1])
        kv.restore(held, reach, [], kept)
        return [(self._runner.feed(ids[9:10]), expected)]

    def _sample(self, number: int) -> tuple[list[int], torch.Tensor]:
        ids = check_ids(self._vocabulary, CHECK_IDS, number)
        if number not in self._expected:
            self._expected[number] = self._runner.plain_logits(ids)
        return ids, self._expected[number]


def _difference(found: torch.Tensor, wanted: torch.Tensor) -> float:
    """Return the relative difference of two logit vectors after taking out their means."""
    found, wanted = found - found.mean(), wanted - wanted.mean()
    difference = float((found - wanted).norm() / wanted.norm().clamp(min=1e-12))
    return difference if difference == difference else float("inf")
