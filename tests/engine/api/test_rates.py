import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.api.rates import rounded, written


@pytest.mark.parametrize(
    ("rate", "usual", "words"),
    [
        (1234.56, 1, "1,234.6"),
        (0.34, 1, "0.3"),
        (0.1, 1, "0.1"),
        (0.094, 1, "0.094"),
        (0.0431, 1, "0.043"),
        (0.00999, 1, "0.010"),
        (0.0, 1, "0.0"),
        (1234.5, 0, "1,234"),
        (0.62, 0, "0.62"),
        (0.0, 0, "0"),
    ],
)
def test_a_slow_rate_is_told_with_two_digits(rate: float, usual: int, words: str) -> None:
    assert written(rate, usual) == words


@given(st.floats(1e-12, 1e15), st.integers(0, 2))
def test_no_rate_looks_like_none(rate: float, usual: int) -> None:
    assert rounded(rate, usual) > 0
    assert float(written(rate, usual).replace(",", "")) > 0
