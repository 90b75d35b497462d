"""The store of huggingface_hub 2.4 that repositories of one cache share large files in, seen from a deletion.

A repository's blob is then a link into the store, and a list beside the stored file names all such links. What the
library knows about it is private in 2.4, and all that knows it is used here only; where the library has no store,
nothing is shared.
"""

from collections.abc import Iterable
from pathlib import Path

STORE_NAME = "blobs"
_MARKER_NAME = ".huggingface-shared-blobs"


def targets(cache: Path, blobs: Iterable[Path]) -> set[Path]:
    """Return the stored files that these blobs of repositories are links to."""
    if not (cache / STORE_NAME / _MARKER_NAME).is_file():
        return set()
    try:
        from huggingface_hub.utils import _shared_blobs
    except ImportError:
        return set()
    if not _shared_blobs.is_shared_blobs_dir(cache / STORE_NAME):
        return set()
    links = [blob for blob in blobs if blob.is_symlink()]
    return {found for blob in links if (found := _shared_blobs.shared_blob_target(blob, cache)) is not None}


def freed_bytes(cache: Path, stored: Iterable[Path], blobs: set[Path]) -> int:
    """Return what goes with these blobs out of the store: files that no other repository has a link to."""
    total = 0
    for path in stored:
        from huggingface_hub.utils import _shared_blobs

        total += _shared_blobs.expected_shared_blob_freed_size(path, blob_paths_to_delete=blobs, cache_dir=cache)
    return total


def sweep(cache: Path, stored: Iterable[Path]) -> None:
    """Delete those of the stored files that no link leads to any more. Never raises OSError."""
    for path in stored:
        from huggingface_hub.utils import _shared_blobs

        _shared_blobs.sweep_shared_blob(path, cache_dir=cache)
