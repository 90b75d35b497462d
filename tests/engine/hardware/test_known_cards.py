"""Cards that one does not own."""

import pytest

from engine.api.hardware import Gpu
from engine.hardware.known_cards import card_named, card_of, hypothetical_gpu, typical_card

GIB = 2**30


@pytest.mark.parametrize(
    ("capability", "gib", "expected"),
    [
        ((6, 1), 8, 192e9),
        ((7, 5), 10.75, 616e9),  # an RTX 2080 Ti, though one of 12 GiB is slower
        ((7, 5), 15, 320e9),  # a T4 tells 15 of its 16 GB
        ((8, 6), 4, 192e9),
        ((8, 6), 8, 224e9),  # the slowest with 8 GiB, so as not to promise too much
        ((8, 6), 12, 288e9),
        ((8, 6), 22.5, 600e9),  # an A10 tells 22.5 of its 24 GB
        ((8, 9), 24, 300e9),
        ((9, 0), 79.6, 2000e9),
        ((9, 0), 140.4, 4800e9),
        ((12, 0), 31.8, 1792e9),
    ],
)
def test_the_slowest_card_of_that_size(capability: tuple[int, int], gib: float, expected: float) -> None:
    card = typical_card(capability, int(gib * GIB))
    assert card is not None
    assert card.compute_capability == capability
    assert card.bandwidth_bytes_per_second == expected


@pytest.mark.parametrize(("capability", "gib"), [((8, 6), 200), ((8, 6), 0), ((5, 2), 4), ((9, 0), 8)])
def test_no_card_of_that_size(capability: tuple[int, int], gib: int) -> None:
    assert typical_card(capability, gib * GIB) is None


@pytest.mark.parametrize(
    ("name", "gib", "expected"),
    [
        ("NVIDIA GeForce RTX 3060 Ti", 8, 448e9),
        ("NVIDIA GeForce RTX 3060", 12, 360e9),
        ("NVIDIA GeForce RTX 3060", 8, 240e9),
        ("NVIDIA A100-SXM4-80GB", 79.3, 1935e9),
        ("NVIDIA A100-PCIE-40GB", 39.4, 1555e9),
        ("NVIDIA H100 80GB HBM3", 79.2, 3350e9),
        ("NVIDIA L40S", 44.5, 864e9),
        ("Tesla T4", 14.6, 320e9),
        ("NVIDIA GeForce RTX 3060 Laptop GPU", 6, 336e9),
    ],
)
def test_a_card_by_its_name(name: str, gib: float, expected: float) -> None:
    card = card_named(name, int(gib * GIB))
    assert card is not None
    assert card.bandwidth_bytes_per_second == expected


@pytest.mark.parametrize(
    ("name", "gib"),
    [
        ("NVIDIA GeForce RTX 4090 Laptop GPU", 16),  # another chip than the card of that name
        ("NVIDIA GeForce RTX 3070 Laptop GPU", 8),
        ("NVIDIA GeForce RTX 2060 with Max-Q Design", 6),
        ("NVIDIA GeForce RTX 3070", 80),
        ("NVIDIA A1000", 8),
        ("", 8),
    ],
)
def test_a_name_that_says_nothing(name: str, gib: int) -> None:
    assert card_named(name, gib * GIB) is None


def test_a_card_to_plan_for() -> None:
    gpu = hypothetical_gpu(8 * GIB, (8, 6))
    assert gpu.name == "a card with 8 GiB (such as GeForce RTX 3050)"
    assert gpu.supports_bf16
    assert 0.95 * gpu.total_bytes < gpu.free_bytes < gpu.total_bytes == 8 * GIB
    assert (gpu.bandwidth_bytes_per_second, gpu.bandwidth_source) == (224e9, "data sheet")
    assert not hypothetical_gpu(8 * GIB, (7, 5)).supports_bf16


def test_a_card_that_nobody_sells() -> None:
    gpu = hypothetical_gpu(int(13.5 * GIB), (8, 0))
    assert gpu.name == "a card with 13.5 GiB"
    assert (gpu.bandwidth_bytes_per_second, gpu.bandwidth_source) == (0.0, "")


@pytest.mark.parametrize(
    ("name", "capability", "gib", "expected"),
    [
        ("NVIDIA GeForce RTX 3070", (8, 6), 8, 448e9),
        ("NVIDIA RTX of tomorrow", (8, 6), 8, 224e9),
        ("NVIDIA A100-SXM4-80GB MIG 4g.40gb", (8, 0), 40, None),
        ("AMD Radeon RX 9070 XT", (12, 0), 16, None),
        ("Radeon RX 7900 XTX", (8, 6), 24, None),
    ],
)
def test_a_slice_of_a_card_or_another_makers_card_has_no_data_sheet(
    name: str, capability: tuple[int, int], gib: int, expected: float | None
) -> None:
    card = card_of(Gpu(0, name, capability, gib * GIB, gib * GIB, True))
    assert (card.bandwidth_bytes_per_second if card is not None else None) == expected
