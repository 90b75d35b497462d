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
    """One checkpoint on disk; reference is what `--model` takes: of a further revision `owner/name@revision`.

    A download that goes on beside an older revision that is whole has a row of its own with the same reference.
    size_bytes: of the weights. disk_bytes: all that deleting it would free, other revisions and quantised copies
    included; 0 if it can't be deleted. used_at: when it was last used, in seconds since the epoch, 0 if that is not
    known. folder: where it lies. Only total_bytes - missing_bytes of an incomplete one are there, and
    wanted_revision is what a download has to ask for to complete it.
    """

    reference: str
    name: str
    kind: CheckpointKind
    size_bytes: int
    revision: str = ""
    architecture: str = ""
    disk_bytes: int = 0
    used_at: float = 0.0
    folder: str = ""
    total_bytes: int = 0
    missing_bytes: int = 0
    wanted_revision: str = ""

    @property
    def is_complete(self) -> bool:
        """Whether it can be loaded."""
        return self.missing_bytes == 0
