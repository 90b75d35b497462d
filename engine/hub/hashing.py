"""Digests of files."""

import hashlib
from pathlib import Path

from engine.api.cancellation import CancellationToken

_BLOCK_BYTES = 2**20


def sha256_of(path: Path, cancellation: CancellationToken) -> str:
    """Return the hex digest of the file's content; raises Cancelled."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK_BYTES):
            cancellation.raise_if_cancelled()
            digest.update(block)
    return digest.hexdigest()
