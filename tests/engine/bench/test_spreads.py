from engine.bench.spreads import inverse, rounds_within, spread


def test_rates_have_the_ends_of_their_times_the_other_way_round() -> None:
    rate = inverse(spread([2.0, 1.0, 4.0]), 8.0)
    assert (rate.lowest, rate.median, rate.highest, rate.rounds) == (2.0, 4.0, 8.0, 3)


def test_rounds_follow_the_time_within_bounds() -> None:
    assert [rounds_within(6.0, seconds) for seconds in (0.1, 1.4, 2.0, 4.0, 5.0, 100.0)] == [5, 4, 3, 3, 2, 2]
    assert rounds_within(6.0, 0.1, most=3) == 3
