"""What is still known of conversations: which tier holds how much of them, and what the tiers may hold."""

from enum import StrEnum
from typing import Annotated

import msgspec

GIB = 2**30
DEFAULT_DISK_BYTES = 4 * GIB

Budget = Annotated[int, msgspec.Meta(ge=0, le=2**50)]


class Tier(StrEnum):
    """Where KV is kept, fastest first. DEVICE is the slab and, on a graphics card, its memory beside it."""

    DEVICE = "device"
    RAM = "ram"
    DISK = "disk"


class TierBudgets(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Most bytes that conversations may take in each tier; 0 leaves it unused, None lets the engine decide.

    device_bytes is beside the slab, and means nothing without a graphics card.
    """

    device_bytes: Budget | None = None
    ram_bytes: Budget | None = None
    disk_bytes: Budget | None = None


class ConversationWarmth(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is kept of one conversation for the loaded model; nothing is kept of a conversation that isn't listed.

    It is about the branch that was used last. tier: the fastest one that holds what is known of it. tokens: how much
    that is. Bytes are those of all branches, and include what it shares with other conversations: they may add up to
    more than a tier holds.
    """

    conversation_id: str
    tier: Tier
    tokens: int
    device_bytes: int = 0
    ram_bytes: int = 0
    disk_bytes: int = 0


class TierUse(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A tier as a whole. The disk's bytes are those of all models. reason: why it is used, or why not."""

    tier: Tier
    used_bytes: int
    budget_bytes: int
    is_used: bool
    reason: str
