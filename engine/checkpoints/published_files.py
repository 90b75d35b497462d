"""A checkpoint on the Hub, checked as if it had been downloaded: configuration and tensor headers, without weights."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from engine.api.cancellation import CancellationToken
from engine.api.checkpoint import CheckpointKind
from engine.api.hub import HubAccess
from engine.checkpoints.files import CONFIG_NAME, CheckpointContents, CheckpointFiles, TensorHeader
from engine.checkpoints.published_headers import HubFiles
from engine.checkpoints.safety import check
from engine.hub.repository import inspect

# What safety reads; of all other files it only asks whether they are there.
_READ_NAMES = ("tokenizer_config.json", "generation_config.json", "adapter_config.json")
_INDEX_SUFFIX = ".safetensors.index.json"
_MOST_BYTES = 64 * 2**20 + 1  # one more than safety takes
_MOST_NAMES = 10_000


@dataclass(frozen=True)
class PublishedFiles:
    """What planning needs of a repository; the folder in files is gone, config_text is its config.json."""

    files: CheckpointFiles
    contents: CheckpointContents
    config_text: bytes


def look_up(hub_id: str, revision: str, access: HubAccess, cancellation: CancellationToken) -> PublishedFiles:
    """Ask the Hub what a checkpoint is made of and refuse what must not be loaded.

    Raises EngineError (NETWORK and any kind about checkpoints) and Cancelled.
    """
    remote = inspect(hub_id, revision, access)
    cancellation.raise_if_cancelled()
    published = HubFiles(remote, access)
    with tempfile.TemporaryDirectory(prefix="hearth-") as name:
        folder = Path(name)
        files = CheckpointFiles(hub_id, hub_id.split("/")[-1], CheckpointKind.HUB_CACHE, folder, remote.commit)
        for file_name in remote.names[:_MOST_NAMES]:
            cancellation.raise_if_cancelled()
            _place(folder, file_name, published)

        def read(found: CheckpointFiles, names: list[str]) -> dict[str, TensorHeader]:
            return published.tensors(found, names, cancellation)

        contents = check(files, read)
        return PublishedFiles(files, contents, (folder / CONFIG_NAME).read_bytes())


def _place(folder: Path, name: str, published: HubFiles) -> None:
    """Put a file of the repository into the folder: small ones that are looked into with their content."""
    if Path(name).name != name or name.startswith("."):
        return
    is_read = name == CONFIG_NAME or name in _READ_NAMES or name.endswith(_INDEX_SUFFIX)
    (folder / name).write_bytes(published.read(name, _MOST_BYTES) if is_read else b"")
