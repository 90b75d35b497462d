"""A checkpoint on the Hub, checked as if it had been downloaded: configuration and tensor headers, without weights."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from engine.api.cancellation import CancellationToken
from engine.api.checkpoint import CheckpointKind
from engine.api.errors import EngineError, ErrorKind
from engine.api.hub import HubAccess
from engine.checkpoints import known_shapes
from engine.checkpoints.files import CONFIG_NAME, CheckpointContents, CheckpointFiles, TensorHeader
from engine.checkpoints.other_formats import without_weights
from engine.checkpoints.remote_headers import HubFiles
from engine.checkpoints.safety import check, check_description
from engine.hub.description import described, wanted_files
from engine.hub.fitness import top_names
from engine.hub.model_answers import config_text, model_of
from engine.hub.repository import inspect
from engine.hub.session import session_for
from engine.planning.shapes import Shape, shape_of

# What safety reads; of all other files it only asks whether they are there.
_READ_NAMES = ("tokenizer_config.json", "generation_config.json", "adapter_config.json")
_INDEX_SUFFIX = ".safetensors.index.json"
_MOST_BYTES = 64 * 2**20 + 1  # one more than safety takes
_MOST_NAMES = 10_000
_NOT_READABLE = (ErrorKind.TOKEN_NEEDED, ErrorKind.TERMS_NOT_ACCEPTED)


@dataclass(frozen=True)
class RemoteFiles:
    """What planning needs of a repository; the folder in files is gone, config_text is its config.json."""

    files: CheckpointFiles
    contents: CheckpointContents
    config_text: bytes


@dataclass(frozen=True)
class RemoteShape:
    """What two small answers tell of a repository: configuration and number of parameters, none of its tensors.

    weight_bytes: of its weight files, 0 if not known. note: a sentence about what was assumed.
    """

    files: CheckpointFiles
    shape: Shape
    weight_bytes: int
    note: str


LookedUp = RemoteFiles | RemoteShape | EngineError
"""What the Hub told of a checkpoint, or why it told nothing."""


def look_up_shape(hub_id: str, revision: str, access: HubAccess, cancellation: CancellationToken) -> RemoteShape:
    """Ask the Hub for a checkpoint's configuration and number of parameters, without looking at its weights.

    A configuration that not everyone may read is taken from a known shape of the same kind and size, if there is one.
    Raises EngineError (NETWORK, TOKEN_NEEDED, TERMS_NOT_ACCEPTED, any kind about checkpoints) and Cancelled.
    """
    session = session_for(access)
    item = model_of(session, hub_id, revision, cancellation, may_be_recent=True)
    checkpoint = described(item)
    assert checkpoint is not None  # model_of sees to it
    name, commit = hub_id.split("/")[-1], checkpoint.revision
    weights = sum(file.size_bytes for file in wanted_files(item) if file.path.endswith(".safetensors"))
    try:
        content = config_text(session, hub_id, commit or revision, cancellation)
    except EngineError as error:
        known = known_shapes.alike(checkpoint.architecture, checkpoint.parameters)
        if error.report.kind not in _NOT_READABLE or not known:
            raise
        files = CheckpointFiles(hub_id, name, CheckpointKind.HUB_CACHE, Path(), commit)
        shape = shape_of(known)
        note = f"Planned by the known shape of {shape.title}, which has the same kind and size. {error.report.message}"
        return RemoteShape(files, shape, weights, note)
    with tempfile.TemporaryDirectory(prefix="hearth-") as folder_name:
        files = CheckpointFiles(hub_id, name, CheckpointKind.HUB_CACHE, Path(folder_name), commit)
        _place_names(files.folder, top_names(item) or [CONFIG_NAME], content)
        config = dict(check_description(files))
        if not any(path.suffix == ".safetensors" for path in files.folder.iterdir()):
            raise without_weights(files)
    parameters = described(item, config) or checkpoint
    shape = Shape(name, hub_id, parameters.parameters, exact=False, config=config)
    note = "Planned by its configuration and size alone; the headers of its weights were not read."
    return RemoteShape(files, shape, weights, note)


def _place_names(folder: Path, names: list[str], config: bytes) -> None:
    """Put the files that tell a checkpoint's purpose into the folder, all but the configuration empty."""
    for name in names[:_MOST_NAMES]:
        if Path(name).name == name and not name.startswith(".") and name not in _READ_NAMES:
            (folder / name).write_bytes(config if name == CONFIG_NAME else b"")


def look_up(hub_id: str, revision: str, access: HubAccess, cancellation: CancellationToken) -> RemoteFiles:
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
        return RemoteFiles(files, contents, (folder / CONFIG_NAME).read_bytes())


def _place(folder: Path, name: str, published: HubFiles) -> None:
    """Put a file of the repository into the folder: small ones that are looked into with their content."""
    if Path(name).name != name or name.startswith("."):
        return
    is_read = name == CONFIG_NAME or name in _READ_NAMES or name.endswith(_INDEX_SUFFIX)
    (folder / name).write_bytes(published.read(name, _MOST_BYTES) if is_read else b"")
