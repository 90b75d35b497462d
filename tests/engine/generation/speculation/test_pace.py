"""Sizes that pay are chosen, losing is limited to a few hundredths, and what pays again is found again."""

import random

import pytest

from engine.generation.speculation.pace import Likelihood, MeasuredPace, likelihood_of

FLAT = {1: 1.0, 2: 1.02, 4: 1.05, 8: 1.1, 16: 1.2}
STEEP = {1: 1.0, 2: 1.9, 4: 3.6, 8: 7.0, 16: 14.0}
HALF_STEEP = {1: 1.0, 2: 1.1, 4: 1.6, 8: 2.1, 16: 2.2}


class Machine:
    """Decodes as a model would whose steps take these times, and whose proposals are right with this probability."""

    def __init__(self, times: dict[int, float], seed: int = 1) -> None:
        self.times = times
        self.pace = MeasuredPace()
        self.chance = random.Random(seed)
        self.rounds = 0

    def seconds_for(self, ids: int, probability: float, likelihood: Likelihood = Likelihood.MATCH) -> float:
        seconds, done, self.rounds = 0.0, 0, 0
        while done < ids:
            size = self.pace.size(likelihood, 16)
            taken = self.times[size] * self.chance.uniform(0.95, 1.05) * 0.03
            accepted = 0
            if size == 1:
                self.pace.learn_plain(taken)
            else:
                while accepted < size - 1 and self.chance.random() < probability:
                    accepted += 1
                self.pace.learn_round(likelihood, size, accepted, taken)
                self.rounds += 1
            seconds += taken
            done += accepted + 1
        return seconds


@pytest.mark.parametrize("times", [FLAT, HALF_STEEP, STEEP])
@pytest.mark.parametrize("likelihood", [Likelihood.PAIR, Likelihood.LONG_MATCH])
def test_where_nothing_is_accepted_little_is_lost(times: dict[int, float], likelihood: Likelihood) -> None:
    machine = Machine(times)
    assert machine.seconds_for(1000, 0.0, likelihood) < 1.035 * 1000 * 0.03
    assert machine.rounds < 60, "it pauses"


@pytest.mark.parametrize(("times", "factor"), [(FLAT, 4.0), (HALF_STEEP, 2.5)])
def test_where_most_is_accepted_much_is_gained(times: dict[int, float], factor: float) -> None:
    assert Machine(times).seconds_for(500, 0.95) < 500 * 0.03 / factor


def test_passes_that_cost_as_much_as_their_ids_are_hardly_used() -> None:
    assert Machine(STEEP).seconds_for(1000, 0.5) < 1.035 * 1000 * 0.03


def test_what_pays_again_is_found_again_soon() -> None:
    machine = Machine(FLAT)
    machine.seconds_for(1000, 0.0)
    machine.pace.begin()
    assert machine.seconds_for(300, 0.95) < 300 * 0.03 / 2


def test_a_gain_is_not_lost_again() -> None:
    machine = Machine(FLAT)
    gained = 500 * 0.03 - machine.seconds_for(500, 0.95)
    lost = machine.seconds_for(200, 0.0) - 200 * 0.03
    assert gained > 2 * lost
    assert lost < (4 + 200 * 0.02) * 0.03 * 1.05


def test_there_is_never_more_than_there_is_room_for() -> None:
    pace = MeasuredPace()
    assert pace.size(Likelihood.LONG_MATCH, 16) == 1, "nothing was measured yet"
    for _ in range(3):
        pace.learn_plain(0.03)
    for size in (2, 2, 4, 4, 8, 8, 16, 16):
        assert pace.size(Likelihood.LONG_MATCH, 16) == size, "twice, as the first time is not kept"
        pace.learn_round(Likelihood.LONG_MATCH, size, size - 1, 0.031)
    assert pace.size(Likelihood.LONG_MATCH, 7) == 4
    assert pace.size(Likelihood.LONG_MATCH, 1) == 1
    assert pace.size(Likelihood.LONG_MATCH, 0) == 1


def test_longer_matches_are_better_reasons() -> None:
    classes = [likelihood_of(length) for length in (2, 3, 4, 7, 8, 15, 16, 32)]
    assert classes == [0, 0, 1, 1, 2, 2, 3, 3]
