"""Common NVIDIA cards by compute capability and memory, with the bandwidth on their data sheets."""

from dataclasses import dataclass

from engine.api.hardware import Gpu

_GIB = 2**30
_TOLERANCE = 0.15
_BF16_FROM = (8, 0)
_HELD_BY_DESKTOP = 0.03  # what driver and desktop take of a card before anything is loaded


@dataclass(frozen=True)
class KnownCard:
    """One card: its name as people say it, memory in GiB, and bytes per second on the data sheet."""

    name: str
    compute_capability: tuple[int, int]
    vram_gib: float
    bandwidth_bytes_per_second: float


# Name, GiB and GB/s. The memory that CUDA tells is a little less than the name says, above all with error correction.
_CARDS: dict[tuple[int, int], tuple[tuple[str, float, float], ...]] = {
    (6, 0): (("Tesla P100", 12, 549), ("Tesla P100", 16, 732)),
    (6, 1): (
        ("GeForce GTX 1050", 2, 112),
        ("GeForce GTX 1050 Ti", 4, 112),
        ("GeForce GTX 1060", 3, 192),
        ("GeForce GTX 1060", 6, 192),
        ("GeForce GTX 1070", 8, 256),
        ("GeForce GTX 1070 Ti", 8, 256),
        ("GeForce GTX 1080", 8, 320),
        ("GeForce GTX 1080 Ti", 11, 484),
        ("TITAN Xp", 12, 547),
        ("Tesla P4", 8, 192),
        ("Tesla P40", 24, 346),
    ),
    (7, 0): (("Tesla V100", 16, 900), ("Tesla V100", 32, 900), ("TITAN V", 12, 652)),
    (7, 5): (
        ("GeForce GTX 1650", 4, 128),
        ("GeForce GTX 1660", 6, 192),
        ("GeForce GTX 1660 Ti", 6, 288),
        ("GeForce GTX 1660 SUPER", 6, 336),
        ("GeForce RTX 2060", 6, 336),
        ("GeForce RTX 2060", 12, 336),
        ("GeForce RTX 2060 SUPER", 8, 448),
        ("GeForce RTX 2070", 8, 448),
        ("GeForce RTX 2070 SUPER", 8, 448),
        ("GeForce RTX 2080", 8, 448),
        ("GeForce RTX 2080 SUPER", 8, 496),
        ("GeForce RTX 2080 Ti", 11, 616),
        ("TITAN RTX", 24, 672),
        ("Quadro RTX 4000", 8, 416),
        ("Quadro RTX 5000", 16, 448),
        ("Quadro RTX 6000", 24, 672),
        ("Quadro RTX 8000", 48, 672),
        ("Tesla T4", 16, 320),
    ),
    (8, 0): (("A30", 24, 933), ("A100", 40, 1555), ("A100", 80, 1935)),
    (8, 6): (
        ("GeForce RTX 3050 Laptop GPU", 4, 192),
        ("GeForce RTX 3050", 6, 168),
        ("GeForce RTX 3050", 8, 224),
        ("GeForce RTX 3060 Laptop GPU", 6, 336),
        ("GeForce RTX 3060", 8, 240),
        ("GeForce RTX 3060", 12, 360),
        ("GeForce RTX 3060 Ti", 8, 448),
        ("GeForce RTX 3070", 8, 448),
        ("GeForce RTX 3070 Ti", 8, 608),
        ("GeForce RTX 3080", 10, 760),
        ("GeForce RTX 3080", 12, 912),
        ("GeForce RTX 3080 Ti", 12, 912),
        ("GeForce RTX 3090", 24, 936),
        ("GeForce RTX 3090 Ti", 24, 1008),
        ("RTX A2000", 6, 288),
        ("RTX A2000", 12, 288),
        ("RTX A4000", 16, 448),
        ("RTX A4500", 20, 640),
        ("RTX A5000", 24, 768),
        ("RTX A5500", 24, 768),
        ("RTX A6000", 48, 768),
        ("A2", 16, 200),
        ("A10", 24, 600),
        ("A40", 48, 696),
    ),
    (8, 9): (
        ("GeForce RTX 4050 Laptop GPU", 6, 192),
        ("GeForce RTX 4060 Laptop GPU", 8, 256),
        ("GeForce RTX 4060", 8, 272),
        ("GeForce RTX 4060 Ti", 8, 288),
        ("GeForce RTX 4060 Ti", 16, 288),
        ("GeForce RTX 4070", 12, 504),
        ("GeForce RTX 4070 SUPER", 12, 504),
        ("GeForce RTX 4070 Ti", 12, 504),
        ("GeForce RTX 4070 Ti SUPER", 16, 672),
        ("GeForce RTX 4080", 16, 716),
        ("GeForce RTX 4080 SUPER", 16, 736),
        ("GeForce RTX 4090", 24, 1008),
        ("RTX 2000 Ada Generation", 16, 224),
        ("RTX 4000 Ada Generation", 20, 360),
        ("RTX 4500 Ada Generation", 24, 432),
        ("RTX 5000 Ada Generation", 32, 576),
        ("RTX 6000 Ada Generation", 48, 960),
        ("L4", 24, 300),
        ("L40", 48, 864),
        ("L40S", 48, 864),
    ),
    (9, 0): (("H100 PCIe", 80, 2000), ("H100 80GB HBM3", 80, 3350), ("H100 NVL", 94, 3900), ("H200", 141, 4800)),
    (10, 0): (("B200", 180, 8000),),
    (12, 0): (
        ("GeForce RTX 5050", 8, 320),
        ("GeForce RTX 5060", 8, 448),
        ("GeForce RTX 5060 Ti", 8, 448),
        ("GeForce RTX 5060 Ti", 16, 448),
        ("GeForce RTX 5070", 12, 672),
        ("GeForce RTX 5070 Ti", 16, 896),
        ("GeForce RTX 5080", 16, 960),
        ("GeForce RTX 5090", 32, 1792),
        ("RTX PRO 6000 Blackwell", 96, 1792),
    ),
}


def card_of(gpu: Gpu) -> KnownCard | None:
    """Return the card that this is, or one as slow as it may be; None for a slice of a card, and for other makers'.

    A slice (MIG) has a share of the bandwidth; AMD's numbers for its generations mean other cards.
    """
    name = gpu.name.casefold()
    if " mig " in f" {name} " or name.startswith(("amd", "radeon")):
        return None
    return card_named(gpu.name, gpu.total_bytes) or typical_card(gpu.compute_capability, gpu.total_bytes)


def typical_card(compute_capability: tuple[int, int], vram_bytes: int) -> KnownCard | None:
    """Return the slowest card of this capability with about this memory, so as not to promise too much.

    None if no card of the capability has memory within 15 %.
    """
    near = [card for card in _cards(compute_capability) if _difference(card, vram_bytes) <= _TOLERANCE]
    return min(
        near, key=lambda card: (_difference(card, vram_bytes), card.bandwidth_bytes_per_second, card.name), default=None
    )


def card_named(name: str, vram_bytes: int) -> KnownCard | None:
    """Return the card that CUDA calls so, as `NVIDIA GeForce RTX 3070`; None if it is not listed with such memory."""
    words = f" {name.replace('-', ' ')} ".casefold()
    found = [
        card
        for capability in _CARDS
        for card in _cards(capability)
        if f" {card.name} ".casefold() in words and _difference(card, vram_bytes) <= _TOLERANCE
    ]
    # Cards in notebooks share the names of faster ones.
    found = [card for card in found if not (_is_mobile(name) and not _is_mobile(card.name))]
    # The longest name is the closest: `RTX 3060 Ti` also holds `RTX 3060`.
    return max(found, key=lambda card: (len(card.name), -_difference(card, vram_bytes)), default=None)


def hypothetical_gpu(vram_bytes: int, compute_capability: tuple[int, int]) -> Gpu:
    """Return a card that nobody has plugged in, for planning: nothing else runs on it, and the desktop uses it."""
    card = typical_card(compute_capability, vram_bytes)
    such_as = f" (such as {card.name})" if card is not None else ""
    return Gpu(
        index=0,
        name=f"a card with {vram_bytes / _GIB:.4g} GiB{such_as}",
        compute_capability=compute_capability,
        total_bytes=vram_bytes,
        free_bytes=int(vram_bytes * (1 - _HELD_BY_DESKTOP)),
        supports_bf16=compute_capability >= _BF16_FROM,
        bandwidth_bytes_per_second=card.bandwidth_bytes_per_second if card is not None else 0.0,
        bandwidth_source="data sheet" if card is not None else "",
    )


def _cards(capability: tuple[int, int]) -> tuple[KnownCard, ...]:
    return tuple(KnownCard(name, capability, gib, rate * 1e9) for name, gib, rate in _CARDS.get(capability, ()))


def _is_mobile(name: str) -> bool:
    return any(word in name.casefold() for word in ("laptop", "max-q", "mobile"))


def _difference(card: KnownCard, vram_bytes: int) -> float:
    return abs(vram_bytes / _GIB - card.vram_gib) / card.vram_gib
