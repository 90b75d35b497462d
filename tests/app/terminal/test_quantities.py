import argparse

import pytest

from app.terminal.quantities import capability, card_size, count_up_to, memory_size, parameter_count

GIB = 2**30


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("8GiB", 8 * GIB),
        ("8 GB", 8 * GIB),
        ("8g", 8 * GIB),
        ("8192MiB", 8 * GIB),
        ("8192 mb", 8 * GIB),
        ("8", 8 * GIB),
        ("1.5", GIB * 3 // 2),
        (" 0.25 ", GIB // 4),
        ("4T", 4096 * GIB),
    ],
)
def test_amounts_of_memory(text: str, size: int) -> None:
    assert memory_size(text) == size
    assert card_size(text) == size


@pytest.mark.parametrize(
    "text",
    ["", "many", "-8", "1e99", "8XB", "8GiBit", "GiB", "nan", "inf", "0.1", "100MiB", "8192", "5T", "8,5", "٨", "8 8"],
)
def test_what_is_no_amount_of_memory(text: str) -> None:
    for parse in (memory_size, card_size):
        with pytest.raises(argparse.ArgumentTypeError) as refused:
            parse(text)
        assert str(refused.value).count("\n") == 0


@pytest.mark.parametrize("text", ["0", "0GiB", "0.0 MB"])
def test_a_card_without_memory_is_no_card_but_a_computer_has_some(text: str) -> None:
    assert card_size(text) == 0
    with pytest.raises(argparse.ArgumentTypeError):
        memory_size(text)


def test_compute_capabilities() -> None:
    assert [capability(text) for text in ("5.0", "8.6", "12.0", "15.0")] == [(5, 0), (8, 6), (12, 0), (15, 0)]


@pytest.mark.parametrize("text", ["86", "8", "8.66", "-8.6", "4.9", "15.1", "99.9", "sm_86", "", "8,6", "8.6.1"])
def test_what_is_no_compute_capability(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        capability(text)


def test_counts() -> None:
    assert count_up_to(16)("16") == 16
    for text in ("0", "17", "-1", "2.0", "two", "1" * 5000, "²"):
        with pytest.raises(argparse.ArgumentTypeError):
            count_up_to(16)(text)


def test_numbers_of_parameters() -> None:
    written = ("7B", "1.5b", "500M", " 600k ", "7", "1T")
    assert [parameter_count(text) for text in written] == [
        7 * 10**9, 15 * 10**8, 5 * 10**8, 600_000, 7 * 10**9, 10**12,
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["", "B", "0", "-7B", "7GB", "1e9", "7 B x", "9" * 12, "0.0000001"])
def test_what_is_no_number_of_parameters(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        parameter_count(text)
