import pytest

from app.models.amounts import memory, seconds


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0.00 s"),
        (0.0001, "1 ms"),
        (0.0094, "9 ms"),
        (0.0412, "0.04 s"),
        (0.083, "0.08 s"),
        (0.104, "0.10 s"),
        (0.4, "0.40 s"),
        (0.994, "0.99 s"),
        (0.996, "1.0 s"),
        (9.94, "9.9 s"),
        (12.3, "12 s"),
        (125.0, "2 min 5 s"),
    ],
)
def test_durations(value: float, text: str) -> None:
    assert seconds(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0 MiB"),
        (1, "0.1 MiB"),
        (300_000, "0.3 MiB"),
        (3 * 2**20, "3 MiB"),
        (146 * 2**20, "146 MiB"),
        (2**30 - 1, "1 GiB"),
        (5 * 2**28, "1.2 GiB"),
        (4 * 2**30, "4 GiB"),
        (2000 * 2**30, "2,000 GiB"),
    ],
)
def test_sizes_of_memory(value: int, text: str) -> None:
    assert memory(value) == text
