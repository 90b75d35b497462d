"""Rounds of a measurement within a time, and what comes out of them."""

import statistics
import time
from collections.abc import Callable, Sequence

import torch

from engine.api.benchmark import Spread

MOST_ROUNDS = 5
# The median of three isn't moved by one that was disturbed; where even they take too long there are two.
USUAL_ROUNDS, LEAST_ROUNDS = 3, 2


def spread(values: Sequence[float]) -> Spread:
    """Return median and ends of at least one value."""
    return Spread(statistics.median(values), min(values), max(values), len(values))


def inverse(seconds: Spread, amount: float) -> Spread:
    """Return amount per second for times that it took."""
    return Spread(amount / seconds.median, amount / seconds.highest, amount / seconds.lowest, seconds.rounds)


def rounds_within(budget_seconds: float, round_seconds: float, most: int = MOST_ROUNDS) -> int:
    """Return how many rounds the time allows; three may take twice of it, and one would tell of no spread."""
    allowed = int(budget_seconds / max(round_seconds, 1e-9))
    least = USUAL_ROUNDS if USUAL_ROUNDS * round_seconds <= 2 * budget_seconds else LEAST_ROUNDS
    return max(least, min(most, allowed))


def seconds_of(work: Callable[[], object], device: torch.device) -> float:
    """Return the time until the device has finished the work."""
    synchronize(device)
    started = time.perf_counter()
    work()
    synchronize(device)
    return max(time.perf_counter() - started, 1e-9)


def synchronize(device: torch.device) -> None:
    """Wait until the device has done all that it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
