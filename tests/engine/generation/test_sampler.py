"""Which ids each setting leaves, held against transformers' own processors."""

import pytest
import torch
from transformers import (
    GenerationConfig,
    MinPLogitsWarper,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from engine.api.errors import EngineError
from engine.api.plan import PrecisionChoice
from engine.api.sampling import Sampling
from engine.generation.sampler import Sampler, SamplingValues, decide

CPU = torch.device("cpu")
OFF = SamplingValues(temperature=1.0, top_k=0, top_p=1.0, min_p=0.0, repetition_penalty=1.0, seed=0)


def changed(**changes: float) -> SamplingValues:
    return SamplingValues(**{**OFF.__dict__, **changes})  # type: ignore[arg-type]


def drawn(values: SamplingValues, logits: torch.Tensor, times: int = 4000) -> torch.Tensor:
    sampler = Sampler(values, [], CPU)
    counts = torch.zeros(logits.shape[-1])
    for _ in range(times):
        counts[sampler.sample(logits)] += 1
    return counts / times


def test_greedy_takes_the_best() -> None:
    assert Sampler(changed(temperature=0.0), [], CPU).sample(torch.tensor([0.1, 3.0, 2.9])) == 1


@pytest.mark.parametrize(
    ("values", "warpers"),
    [
        (changed(temperature=0.5), [TemperatureLogitsWarper(0.5)]),
        (changed(top_k=3), [TopKLogitsWarper(3)]),
        (changed(top_p=0.7), [TopPLogitsWarper(0.7)]),
        (changed(min_p=0.2), [MinPLogitsWarper(0.2)]),
        (changed(temperature=1.5, top_k=6, top_p=0.8, min_p=0.1),
         [TemperatureLogitsWarper(1.5), TopKLogitsWarper(6), TopPLogitsWarper(0.8), MinPLogitsWarper(0.1)]),
    ],
)  # fmt: skip
def test_frequencies_are_those_of_transformers(values: SamplingValues, warpers: list[object]) -> None:
    torch.manual_seed(1)
    logits = torch.randn(10) * 2
    scores = logits[None]
    for warper in warpers:
        scores = warper(None, scores)  # type: ignore[operator]
    expected = torch.softmax(scores[0], -1)
    found = drawn(values, logits)
    assert torch.equal(found > 0, expected > 0) or (found - expected).abs().max() < 0.02
    assert (found - expected).abs().max() < 0.04


@pytest.mark.parametrize("scale", [4.0, 0.001])
def test_a_nucleus_in_a_large_vocabulary_is_the_one_of_a_full_sort(scale: float) -> None:
    torch.manual_seed(2)
    logits = torch.randn(30_000) * scale
    kept = TopPLogitsWarper(0.9)(None, logits[None])[0] > -float("inf")
    sampler = Sampler(changed(top_p=0.9), [], CPU)
    assert all(kept[sampler.sample(logits)] for _ in range(300))


def test_the_repetition_penalty_is_transformers() -> None:
    logits = torch.tensor([2.0, 1.9, -1.0, -1.1])
    seen = [0, 2]
    expected = int(RepetitionPenaltyLogitsProcessor(1.3)(torch.tensor([seen]), logits[None].clone())[0].argmax())
    assert Sampler(changed(temperature=0.0, repetition_penalty=1.3), seen, CPU).sample(logits) == expected == 1


def test_the_same_seed_gives_the_same_ids() -> None:
    logits = torch.randn(50)
    first, second = (Sampler(changed(seed=7), [], CPU) for _ in range(2))
    assert [first.sample(logits) for _ in range(20)] == [second.sample(logits) for _ in range(20)]


def test_the_users_value_wins_then_the_publishers_then_hearths() -> None:
    published = GenerationConfig(temperature=0.2, top_k=40)
    values = decide(Sampling(temperature=1.1), published)
    assert (values.temperature, values.top_k, values.top_p) == (1.1, 40, 0.95)


@pytest.mark.parametrize("values", [changed(), changed(temperature=0.8, top_k=6, top_p=0.95, min_p=0.02)])
def test_draws_are_distributed_as_they_should_be(values: SamplingValues) -> None:
    torch.manual_seed(3)
    logits = torch.randn(8)
    times = 6000
    found = drawn(values, logits, times) * times
    distribution = Sampler(values, [], CPU).distribution(logits)
    probabilities = torch.zeros(8).index_add(0, distribution.ids, distribution.probabilities)
    expected = probabilities / probabilities.sum() * times
    possible = expected > 0
    assert found[~possible].sum() == 0
    statistic = ((found - expected)[possible] ** 2 / expected[possible]).sum()
    assert statistic < 24.3, "chi-square at 0.1 % with 7 degrees of freedom"


def test_a_position_has_its_number_however_it_was_reached() -> None:
    logits = torch.randn(50)
    through = Sampler(changed(seed=7), [1, 2], CPU)
    later = [through.sample(logits) for _ in range(5)][3]
    assert Sampler(changed(seed=7), [1, 2, 3, 4, 5], CPU).sample(logits) == later


def test_one_that_runs_ahead_draws_the_same_and_changes_nothing() -> None:
    values = changed(seed=7, repetition_penalty=1.3)
    sampler = Sampler(values, [1, 2], CPU)
    logits = torch.randn(6, 50)
    ahead = sampler.ahead()
    supposed = [ahead.sample(row) for row in logits]
    assert [sampler.sample(row) for row in logits] == supposed


def test_draws_from_alike_distributions_mostly_agree() -> None:
    """At most twice as many differ as there must: the distance of the distributions in total variation."""
    torch.manual_seed(4)
    values = changed(seed=7)
    first, second = Sampler(values, [], CPU), Sampler(values, [], CPU)
    logits = torch.randn(30)
    alike = logits + 0.3 * torch.randn(30)
    distance = float((torch.softmax(logits, -1) - torch.softmax(alike, -1)).abs().sum() / 2)
    differing = sum(first.sample(logits) != second.sample(alike) for _ in range(4000)) / 4000
    assert 0.05 < differing < 2 * distance / (1 + distance) + 0.03


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("temperature", [0.0, 0.7])
def test_what_is_no_number_is_no_answer(value: float, temperature: float) -> None:
    with pytest.raises(EngineError, match="weights are damaged") as caught:
        Sampler(changed(temperature=temperature), [], CPU).sample(torch.tensor([0.1, value, 2.9]))
    assert caught.value.report.remedies[0].precision is PrecisionChoice.FP32


def test_what_is_ruled_out_may_be_endless() -> None:
    assert Sampler(changed(temperature=0.0), [], CPU).sample(torch.tensor([0.1, float("-inf"), 2.9])) == 2
