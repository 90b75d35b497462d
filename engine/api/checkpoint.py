"""Published weights as they lie on this computer."""

from enum import StrEnum

import msgspec


class CheckpointKind(StrEnum):
    """Where a local checkpoint comes from."""

    STARTER = "starter"
    HUB_CACHE = "hub_cache"
    FOLDER = "folder"
    GGUF = "gguf"


class LocalCheckpoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One usable checkpoint on disk; reference is what `--model` takes."""

    reference: str
    name: str
    kind: CheckpointKind
    size_bytes: int
    revision: str = ""
    architecture: str = ""
