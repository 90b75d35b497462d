"""The words for what is still known of conversations, the same in the window and in the terminal. Pure functions."""

from app.engine_words import said
from app.language import grouped, mark, tr
from app.models.amounts import memory, seconds
from engine.api.events import Statistics, WarmthDescribed
from engine.api.warmth import ConversationWarmth, Tier, TierUse

# The fastest tier lies where the model computes: on a graphics card, or in main memory without one.
TIER_NAMES = {Tier.DEVICE: mark("In place"), Tier.RAM: mark("RAM"), Tier.DISK: mark("Disk")}
STATE_NAMES = {Tier.DEVICE: mark("Warm"), Tier.RAM: mark("In RAM"), Tier.DISK: mark("On disk")}
# Nothing is restored from the model's own buffers, only from the graphics card's memory beside them.
_PLACES = {Tier.DEVICE: mark("GPU memory"), Tier.RAM: mark("RAM"), Tier.DISK: mark("disk")}
_ONE = {
    Tier.DEVICE: mark("Warm: {amount} is in place, so that nothing is read again."),
    Tier.RAM: mark("In RAM: {amount} is copied back at once instead of being read again."),
    Tier.DISK: mark("On disk: {amount} is loaded back instead of being read again."),
}
_MANY = {
    Tier.DEVICE: mark("Warm: {amount} are in place, so that nothing is read again."),
    Tier.RAM: mark("In RAM: {amount} are copied back at once instead of being read again."),
    Tier.DISK: mark("On disk: {amount} are loaded back instead of being read again."),
}


def warmth_sentence(warmth: ConversationWarmth) -> str:
    """Return what is known of a conversation and what that is good for."""
    is_one = warmth.tokens == 1
    # What lies in the model's own buffers is not counted there; copies of it elsewhere are as large.
    size = tier_bytes(warmth, warmth.tier) or max(tier_bytes(warmth, tier) for tier in Tier)
    amount = token_words(warmth.tokens) + (f" ({memory(size)})" if size else "")
    return tr((_ONE if is_one else _MANY)[warmth.tier]).format(amount=amount)


def token_words(count: int) -> str:
    """Return a number of tokens: 1 token, 6,412 tokens."""
    return (tr("{number} token") if count == 1 else tr("{number} tokens")).format(number=grouped(count))


def tier_bytes(warmth: ConversationWarmth, tier: Tier) -> int:
    """Return what a conversation takes in a tier."""
    return {Tier.DEVICE: warmth.device_bytes, Tier.RAM: warmth.ram_bytes, Tier.DISK: warmth.disk_bytes}[tier]


def use_words(use: TierUse) -> str:
    """Return how full a tier is, e.g. "1.2 GiB of 4 GiB"."""
    if not use.budget_bytes:
        return memory(use.used_bytes) if use.used_bytes else tr("Not used")
    return tr("{done} of {total}").format(done=memory(use.used_bytes), total=memory(use.budget_bytes))


def reason_sentence(use: TierUse) -> str:
    """Return the engine's reason, which is a phrase, as a sentence."""
    reason = said(use.reason.strip())
    return f"{reason[:1].upper()}{reason[1:]}{'' if reason.endswith(('.', '!', '?')) else '.'}" if reason else ""


def freeable_bytes(known: WarmthDescribed) -> dict[Tier, int]:
    """Return what clearing frees in each tier: all but the model's own buffers, which are part of Tier.DEVICE."""
    freeable = {use.tier: use.used_bytes for use in known.tiers}
    beside = sum(warmth.device_bytes for warmth in known.conversations)
    return freeable | {Tier.DEVICE: min(freeable.get(Tier.DEVICE, 0), beside)}


def reused_words(statistics: Statistics) -> str:
    """Return how many tokens were reused, and where those came from that had to be brought back.

    E.g. "6,412 (from disk in 0.2 s)", or "6,412 (400 from disk in 0.2 s)" if it was a part of them.
    """
    reused = grouped(statistics.reused_tokens)
    if statistics.restored_from is None or not statistics.restored_tokens:
        return reused
    is_all = statistics.restored_tokens >= statistics.reused_tokens
    words = tr("{reused} (from {place} in {time})") if is_all else tr("{reused} ({part} from {place} in {time})")
    return words.format(
        reused=reused,
        part=grouped(statistics.restored_tokens),
        place=place_name(statistics.restored_from),
        time=seconds(statistics.restore_seconds),
    )


def place_name(tier: Tier) -> str:
    """Return where something lies that is no longer in the model's own buffers, as it stands behind "from"."""
    return tr(_PLACES[tier])
