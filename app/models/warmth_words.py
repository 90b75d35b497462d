"""The words for what is still known of conversations, the same in the window and in the terminal. Pure functions."""

from app.models.amounts import memory, seconds
from engine.api.events import Statistics
from engine.api.warmth import ConversationWarmth, Tier, TierUse

# The fastest tier lies where the model computes: on a graphics card, or in main memory without one.
TIER_NAMES = {Tier.DEVICE: "In place", Tier.RAM: "RAM", Tier.DISK: "Disk"}
STATE_NAMES = {Tier.DEVICE: "Warm", Tier.RAM: "In RAM", Tier.DISK: "On disk"}
# Nothing is restored from the model's own buffers, only from the graphics card's memory beside them.
_SOURCES = {Tier.DEVICE: "GPU memory", Tier.RAM: "RAM", Tier.DISK: "disk"}
_CONSEQUENCES = {
    Tier.DEVICE: "in place, so that nothing is read again",
    Tier.RAM: "copied back at once instead of being read again",
    Tier.DISK: "loaded back instead of being read again",
}


def warmth_sentence(warmth: ConversationWarmth) -> str:
    """Return what is known of a conversation and what that is good for."""
    is_one = warmth.tokens == 1
    size = tier_bytes(warmth, warmth.tier)
    amount = f"{warmth.tokens:,} token{'' if is_one else 's'}" + (f" ({memory(size)})" if size else "")
    verb = "is" if is_one else "are"
    return f"{STATE_NAMES[warmth.tier]}: {amount} {verb} {_CONSEQUENCES[warmth.tier]}."


def tier_bytes(warmth: ConversationWarmth, tier: Tier) -> int:
    """Return what a conversation takes in a tier."""
    return {Tier.DEVICE: warmth.device_bytes, Tier.RAM: warmth.ram_bytes, Tier.DISK: warmth.disk_bytes}[tier]


def use_words(use: TierUse) -> str:
    """Return e.g. "1.2 GiB of 4 GiB", without a limit where there is none."""
    if not use.budget_bytes:
        return memory(use.used_bytes)
    return f"{memory(use.used_bytes)} of {memory(use.budget_bytes)}"


def reused_words(statistics: Statistics) -> str:
    """Return how many tokens were reused, and where those came from that had to be brought back.

    E.g. "6,412 (from disk in 0.2 s)", or "6,412 (400 from disk in 0.2 s)" if it was a part of them.
    """
    reused = f"{statistics.reused_tokens:,}"
    if statistics.restored_from is None or not statistics.restored_tokens:
        return reused
    part = "" if statistics.restored_tokens >= statistics.reused_tokens else f"{statistics.restored_tokens:,} "
    return f"{reused} ({part}from {source_name(statistics.restored_from)} in {seconds(statistics.restore_seconds)})"


def source_name(tier: Tier) -> str:
    """Return the tier as it stands behind "from"."""
    return _SOURCES[tier]
