"""Conversations kept beside the slab on a card, in pinned memory and on disk: same answers, same addresses."""

from pathlib import Path

import pytest

from engine.api.cancellation import CancellationToken
from engine.api.plan import PrecisionChoice
from engine.api.warmth import TierBudgets
from engine.bench import random_weights
from engine.checkpoints import loader
from engine.generation.chat_session import ChatSession
from engine.kv import restoring
from engine.kv.slab_layers import SlabLayer
from tests.chat_probe import answered, ask, filling, user

SHAPE = "qwen3-0.6b"
_MIB = 2**20
BUDGETS = {
    "device": TierBudgets(device_bytes=2048 * _MIB, ram_bytes=2048 * _MIB, disk_bytes=0),
    "ram": TierBudgets(device_bytes=0, ram_bytes=2048 * _MIB, disk_bytes=0),
    "disk": TierBudgets(device_bytes=0, ram_bytes=0, disk_bytes=2048 * _MIB),
}


@pytest.mark.parametrize("tier", list(BUDGETS))
def test_each_tier_gives_a_conversation_back(
    tier: str, shape_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restoring, "_LEAST_SECONDS", 60.0)  # a slow disk loses to reading again, which isn't asked here
    path = random_weights.make(SHAPE, shape_folder, "cuda")
    loaded = loader.load(str(path), PrecisionChoice.BF16, 4096, "cuda", tmp_path, CancellationToken(), lambda *_: None)
    session = ChatSession(loaded, tmp_path / "kv", BUDGETS[tier])
    session.settle(30)
    opening = filling(session, 1000)
    first = ask(session, [opening])
    follow_up = [opening, answered(session, first), user("And?")]
    ask(session, follow_up)
    # Once more: the last id goes alone then, as behind what is restored; among others it is rounded otherwise.
    expected = ask(session, follow_up)
    assert expected.statistics.prefilled_tokens == 1
    addresses = _addresses(session)
    if session._warm.tiers.disk is not None:
        session._warm.tiers.disk.flush(60)
    ask(session, [user("Hello")], conversation="other")
    again = ask(session, follow_up)
    assert again.statistics.restored_from == tier
    assert again.statistics.prefilled_tokens == 1
    assert again.token_ids == expected.token_ids
    assert _addresses(session) == addresses
    if tier == "ram":
        assert all(buffer.data.is_pinned() for _, buffer in session._warm.tiers.ram._held.values())
    session.close(60)
    loader.free(loaded)


def _addresses(session: ChatSession) -> list[int]:
    return [layer.keys.data_ptr() for layer in session._runner.kv.cache.layers if isinstance(layer, SlabLayer)]
