import pytest

from app.models.warmth_words import freeable_bytes, reason_sentence, use_words, warmth_sentence
from engine.api.events import WarmthDescribed
from engine.api.warmth import ConversationWarmth, Tier, TierUse

MIB = 2**20


@pytest.mark.parametrize(
    ("tier", "sentence"),
    [
        (Tier.DEVICE, "Warm: 6,412 tokens (147 MiB) are in place, so that nothing is read again."),
        (Tier.RAM, "In RAM: 6,412 tokens (146 MiB) are copied back at once instead of being read again."),
        (Tier.DISK, "On disk: 6,412 tokens (147 MiB) are loaded back instead of being read again."),
    ],
)
def test_each_tier_says_what_it_is_good_for(tier: Tier, sentence: str) -> None:
    warmth = ConversationWarmth(conversation_id="a", tier=tier, tokens=6412, ram_bytes=146 * MIB, disk_bytes=147 * MIB)
    assert warmth_sentence(warmth) == sentence


def test_one_token_is_not_many() -> None:
    warmth = ConversationWarmth(conversation_id="a", tier=Tier.DEVICE, tokens=1, device_bytes=MIB)
    assert warmth_sentence(warmth) == "Warm: 1 token (1 MiB) is in place, so that nothing is read again."


@pytest.mark.parametrize(
    ("used", "budget", "reason", "words", "sentence"),
    [
        (MIB, 4 * MIB, "restores 9", "1 MiB of 4 MiB", "Restores 9."),
        (MIB, 0, "Turned off.", "1 MiB", "Turned off."),
        (0, 0, "", "Not used", ""),
    ],
)
def test_a_tier_says_how_full_it_is_and_why(used: int, budget: int, reason: str, words: str, sentence: str) -> None:
    use = TierUse(tier=Tier.DISK, used_bytes=used, budget_bytes=budget, is_used=False, reason=reason)
    assert (use_words(use), reason_sentence(use)) == (words, sentence)


def test_the_models_own_buffers_are_not_freed() -> None:
    tiers = tuple(TierUse(tier=tier, used_bytes=90, budget_bytes=99, is_used=True, reason="") for tier in Tier)
    beside = ConversationWarmth(conversation_id="a", tier=Tier.DEVICE, tokens=1, device_bytes=20)
    known = WarmthDescribed(command_id="x", conversations=(beside,), tiers=tiers)
    assert freeable_bytes(known) == {Tier.DEVICE: 20, Tier.RAM: 90, Tier.DISK: 90}
