"""The same hundredths of a GiB in every sentence and table."""

from hypothesis import given
from hypothesis import strategies as st

from engine.api.gib import adding_up, hundredths

GIB = 2**30


@given(st.lists(st.integers(0, 200 * GIB), min_size=1, max_size=6), st.booleans())
def test_parts_add_up_and_none_is_more_than_a_hundredth_off(sizes: list[int], up: bool) -> None:
    shown = adding_up(sizes, up=up)
    assert sum(shown) == hundredths(sum(sizes), up=up)
    assert all(abs(value - size * 100 / GIB) < 1 for value, size in zip(shown, sizes, strict=True))


def test_a_byte_counts_only_upwards() -> None:
    assert (hundredths(GIB + 1), hundredths(GIB + 1, up=True), hundredths(GIB, up=True)) == (100, 101, 100)
