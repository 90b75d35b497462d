"""The numbers that draws are made with: those of the published algorithm, and as evenly spread as they should be."""

import torch

from engine.generation.draws import _stream, exponentials

WORD = 2**64


def splitmix64(state: int) -> int:
    """The algorithm as its authors print it (https://prng.di.unimi.it/splitmix64.c)."""
    state = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9 % WORD
    state = (state ^ (state >> 27)) * 0x94D049BB133111EB % WORD
    return state ^ (state >> 31)


def test_the_numbers_are_splitmix64s() -> None:
    ids = [0, 1, 17, 49_151, 255_999]
    for seed, position in ((0, 0), (7, 3), (2**63 - 1, 100_000)):
        start = _stream(seed, position)
        bits = [splitmix64((start + each * 0x9E3779B97F4A7C15) % WORD) >> 32 for each in ids]
        expected = -torch.log1p(-(torch.tensor(bits, dtype=torch.float64) + 0.5) * 2.0**-32)
        found = exponentials(seed, position, torch.tensor(ids))
        assert torch.allclose(found.double(), expected, rtol=1e-5)


def test_the_numbers_are_exponentially_distributed_over_ids_positions_and_seeds() -> None:
    by_id = exponentials(1, 1, torch.arange(20_000))
    by_position = torch.cat([exponentials(1, position, torch.tensor([5])) for position in range(2_000)])
    by_seed = torch.cat([exponentials(seed, 9, torch.tensor([5])) for seed in range(2_000)])
    for found in (by_id, by_position, by_seed):
        ordered = torch.sort(torch.exp(-found)).values  # uniform
        places = (torch.arange(len(ordered)) + 0.5) / len(ordered)
        assert (ordered - places).abs().max() < 1.95 / len(ordered) ** 0.5, "Kolmogorov-Smirnov at 0.1 %"
