"""Which earlier run of ids is found, held against a search through all of them, and what finding costs."""

import random
from collections.abc import Iterator
from typing import SupportsIndex

from hypothesis import given
from hypothesis import strategies as st

from engine.generation.speculation.lookup import LookupIndex, Match

few = st.lists(st.integers(0, 3), max_size=60)


def holding(ids: list[int]) -> LookupIndex:
    index = LookupIndex()
    index.follow(ids)
    return index


def searched(ids: list[int]) -> Match | None:
    """The longest suffix that occurred before, at least two ids and at most 32; the latest of those."""
    for length in range(min(32, len(ids) - 1), 1, -1):
        for end in range(len(ids) - 1, length - 1, -1):
            if ids[end - length : end] == ids[-length:]:
                return Match(end, length)
    return None


@given(few)
def test_the_longest_match_is_found_and_of_equal_ones_the_latest(ids: list[int]) -> None:
    if len(ids) <= 32:  # all within the places that are looked at
        assert holding(ids).match() == searched(ids)


@given(few, few)
def test_following_other_ids_is_as_beginning_anew(first: list[int], second: list[int]) -> None:
    index = holding(first)
    index.match()
    index.follow(second)
    fresh = holding(second)
    assert (index._ids, index._latest, index._earlier) == (fresh._ids, fresh._latest, fresh._earlier)
    assert index.match() == fresh.match()


def test_what_followed_is_proposed_and_goes_round_at_the_end() -> None:
    index = holding([1, 2, 3, 4, 5, 1, 2])
    assert index.proposal(Match(2, 2), 3) == [3, 4, 5]
    assert index.proposal(Match(2, 2), 8) == [3, 4, 5, 1, 2, 3, 4, 5]
    assert holding([7, 7, 7]).proposal(Match(2, 2), 4) == [7, 7, 7, 7]


def test_a_copy_is_followed_where_its_pairs_are_too_common_to_find_it() -> None:
    copied = list(range(100, 140))
    for place in (10, 20, 30):
        copied[place : place + 2] = [1, 2]
    index = holding([*copied, *[1, 2, 9] * 50, *copied[:5]])
    for position in range(5, 39):
        match = index.match()
        assert match is not None
        assert index.proposal(match, 1) == [copied[position]]
        index.append(copied[position])


def test_nothing_is_found_in_nothing() -> None:
    assert LookupIndex().match() is None
    assert holding([1]).match() is None
    assert holding([1, 2, 3]).match() is None


class Counting(list[int]):
    """Counts how many of its items were read."""

    read = 0

    def __getitem__(self, place: SupportsIndex | slice) -> int | list[int]:
        found = super().__getitem__(place)
        self.read += len(found) if isinstance(found, list) else 1
        return found

    def __iter__(self) -> Iterator[int]:
        self.read += len(self)
        return super().__iter__()


def test_a_step_reads_few_of_a_hundred_thousand_ids() -> None:
    chance = random.Random(1)
    words = [[chance.randrange(50_000) for _ in range(4)] for _ in range(10)]  # each pair stands in 2,500 places
    ids = [each for _ in range(25_000) for each in chance.choice(words)]
    index = holding(ids)
    index._ids, index._earlier = Counting(index._ids), Counting(index._earlier)
    most = 0
    for each in ids[:1000]:
        before = index._ids.read + index._earlier.read
        index.append(each)
        match = index.match()
        assert match is not None
        index.proposal(match, 15)
        most = max(most, index._ids.read + index._earlier.read - before)
    # Of each of 33 places no more than 33 ids, each beside its counterpart, and the places themselves.
    assert 15 < most < 33 * 33 * 2 + 100
