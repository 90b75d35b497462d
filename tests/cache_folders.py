"""Builds a Hugging Face cache as the official client lays it out, and counts what it takes."""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

A, B = "a" * 40, "b" * 40


def files_of(folder: Path) -> dict[str, bytes]:
    """Return the files of a checkpoint's folder."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if "." in path.name}


def lay(cache: Path, hub_id: str, commit: str, files: Mapping[str, bytes], branch: str = "main") -> Path:
    """Put a revision into the cache: blobs by their hash, links to them, a branch unless it is empty."""
    repository = cache / f"models--{hub_id.replace('/', '--')}"
    snapshot = repository / "snapshots" / commit
    snapshot.mkdir(parents=True)
    (repository / "blobs").mkdir(exist_ok=True)
    for name, content in files.items():
        blob = repository / "blobs" / hashlib.sha256(content).hexdigest()
        blob.write_bytes(content)
        (snapshot / name).symlink_to(Path("../../blobs", blob.name))
    if branch:
        ref = repository / "refs" / branch
        ref.parent.mkdir(parents=True, exist_ok=True)
        ref.write_text(commit)
    return snapshot


def bytes_below(folder: Path) -> int:
    """Return the bytes of all files below, each counted once however many names it has."""
    found = {}
    for place, _, names in os.walk(folder):
        for name in names:
            path = Path(place, name)
            if not path.is_symlink():
                found[path.stat().st_ino] = path.stat().st_size
    return sum(found.values())
