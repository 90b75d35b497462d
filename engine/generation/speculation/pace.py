"""How many ids to check at once: what a pass takes and what is accepted are measured, and losing is limited.

Time is counted in plain steps. Each step earns a small part of one, each round that gains earns what it gains, and a
round may only be risked while what it would lose if nothing were accepted has been earned. So speculation that loses
pauses by itself, is tried again from time to time, and costs no more than that part in the long run.
"""

import statistics
from collections import deque
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

# Ids in one pass: products of a CPU and of a GPU take up to 16 rows for hardly more than one.
SIZES = (2, 4, 8, 16)
# The part of a plain step that each step may lose for trying; what can be saved up; what there is at the start.
_EARNED = 0.02
_MOST_CREDIT = 4.0
_FIRST_CREDIT = 1.0
# A round that will probably lose is tried when it could be lost so many times.
_SPARE = 2.0
# A pass over two ids is expected to take so many plain steps until it was measured.
_USUAL_RATIO = 1.25
_MEASURES = 5
_LEAST_MEASURES = 2
# Less than a plain step is noise.
_LEAST_COST = 1.02
# Steps without a try after rounds in which nothing was accepted: 0, 1, 3 and so on up to this.
_LONGEST_PAUSE = 31
# A plain step is taken after so many rounds, to know what one takes by now.
_MOST_ROUNDS = 64
# Rounds fade out, so that the last ten or so count.
_FADING = 0.9
_PRIOR_WEIGHT = 3.0


class Likelihood(IntEnum):
    """How good the reason for a proposal is; each has an acceptance of its own."""

    PAIR = 0
    SHORT_MATCH = 1
    MATCH = 2
    LONG_MATCH = 3
    DRAFT = 4


# Part of the proposed ids that is accepted, each given that those before it were, until it is known better.
_PRIOR = {
    Likelihood.PAIR: 0.4,
    Likelihood.SHORT_MATCH: 0.5,
    Likelihood.MATCH: 0.7,
    Likelihood.LONG_MATCH: 0.85,
    Likelihood.DRAFT: 0.7,
}


def likelihood_of(match_length: int) -> Likelihood:
    """Return the class of a match of so many ids."""
    return Likelihood(min(match_length.bit_length() - 2, Likelihood.LONG_MATCH))


class Pace(Protocol):
    """Decides before each step, and hears afterwards what came of it."""

    def size(self, likelihood: Likelihood, most: int) -> int:
        """Return how many ids to check at once, at most `most`; 1 for a plain step."""
        ...

    def learn_plain(self, seconds: float) -> None:
        """A plain step took so long."""
        ...

    def learn_round(self, likelihood: Likelihood, size: int, accepted: int, seconds: float) -> None:
        """A round over `size` ids took so long, and so many of its size - 1 proposals were right."""
        ...


@dataclass
class _Acceptance:
    """Proposals that were right, and those that were tried behind right ones; both fade out.

    failures: rounds since one brought anything. resume: the step from which on it may be tried although it loses.
    """

    right: float
    tried: float
    failures: int = 0
    resume: int = 0

    @property
    def rate(self) -> float:
        return self.right / self.tried


class MeasuredPace:
    """The pace of one model on this machine; lives as long as the model."""

    def __init__(self) -> None:
        self._plain: deque[float] = deque(maxlen=_MEASURES)
        # A draft model's rounds take its own time as well.
        self._rounds: dict[tuple[bool, int], deque[float]] = {}
        self._acceptance = {each: _Acceptance(_PRIOR_WEIGHT * _PRIOR[each], _PRIOR_WEIGHT) for each in Likelihood}
        self._credit = _FIRST_CREDIT
        self._steps = 0
        self._rounds_on_end = 0

    def begin(self) -> None:
        """Another answer begins: what was accepted in the last one counts half."""
        for likelihood, known in self._acceptance.items():
            known.right = (known.right + _PRIOR_WEIGHT * _PRIOR[likelihood]) / 2
            known.tried = (known.tried + _PRIOR_WEIGHT) / 2
            known.failures = known.resume = 0

    def size(self, likelihood: Likelihood, most: int) -> int:
        """Return the size with the most ids per second that may be risked; 1 if none gains."""
        if len(self._plain) < _LEAST_MEASURES or most < SIZES[0] or self._rounds_on_end >= _MOST_ROUNDS:
            return 1
        known = self._acceptance[likelihood]
        costs = {size: cost for size, cost in self._costs(likelihood is Likelihood.DRAFT).items() if size <= most}
        gains = {size: _expected_ids(known.rate, size) / cost for size, cost in costs.items()}
        best = max(gains, key=lambda size: gains[size])
        spare = 1.0
        if gains[best] <= 1.0:
            if self._steps < known.resume:
                return 1
            spare = _SPARE
        return best if self._credit >= spare * (costs[best] - 1.0) else 1

    def learn_plain(self, seconds: float) -> None:
        """A plain step took so long."""
        self._plain.append(seconds)
        self._rounds_on_end = 0
        self._earn(0.0)

    def learn_round(self, likelihood: Likelihood, size: int, accepted: int, seconds: float) -> None:
        """A round took so long. A size's first time is not kept, as kernels are prepared in it."""
        drafted = likelihood is Likelihood.DRAFT
        cost = self._costs(drafted).get(size, _USUAL_RATIO)
        times = self._rounds.get((drafted, size))
        if times is None:
            self._rounds[drafted, size] = deque(maxlen=_MEASURES)
        else:
            times.append(seconds)
        known = self._acceptance[likelihood]
        known.right = _FADING * known.right + accepted
        known.tried = _FADING * known.tried + min(accepted + 1, size - 1)
        known.failures = 0 if accepted else known.failures + 1
        known.resume = self._steps + min(2 ** max(known.failures - 1, 0), _LONGEST_PAUSE + 1)
        self._rounds_on_end += 1
        self._earn(accepted + 1 - cost)

    def _earn(self, steps: float) -> None:
        self._steps += 1
        self._credit = min(self._credit + steps + _EARNED, _MOST_CREDIT)

    def _costs(self, drafted: bool) -> dict[int, float]:
        """Return the usual time of rounds in plain steps, for all sizes that were measured and the next."""
        costs: dict[int, float] = {}
        plain = statistics.median(self._plain) if self._plain else 0.0
        slope = _USUAL_RATIO - 1.0
        for size in SIZES:
            times = self._rounds.get((drafted, size))
            if not times or not plain:
                # As if each further id took as long as those before.
                costs[size] = 1.0 + slope * (size - 1)
                break
            costs[size] = max(statistics.median(times) / plain, _LEAST_COST)
            slope = (costs[size] - 1.0) / (size - 1)
        return costs


def _expected_ids(rate: float, size: int) -> float:
    """Return how many ids a round brings if each proposal behind right ones is right with that probability."""
    return sum(rate**index for index in range(size))
