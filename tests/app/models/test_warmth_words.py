import pytest

from app.models.warmth_words import use_words, warmth_sentence
from engine.api.warmth import ConversationWarmth, Tier, TierUse

MIB = 2**20


@pytest.mark.parametrize(
    ("tier", "sentence"),
    [
        (Tier.DEVICE, "Warm: 6,412 tokens are in place, so that nothing is read again."),
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


def test_a_tier_without_a_limit_says_none() -> None:
    use = TierUse(tier=Tier.DISK, used_bytes=MIB, budget_bytes=0, is_used=False, reason="")
    assert use_words(use) == "1 MiB"
