"""Which files of a repository make a checkpoint that Hearth can load: no code, no pickle, no weights twice."""

import re
from collections.abc import Collection
from fnmatch import fnmatchcase

WEIGHTS_NAME = "model.safetensors"
INDEX_NAME = "model.safetensors.index.json"
_WANTED = (
    "*.safetensors", "*.json", "*.jinja", "*.txt", "*.model", "*.tiktoken", "*.spm", "tokenizer.model.v*",
)  # fmt: skip
_WEIGHTS_SUFFIX = ".safetensors"
_INDEX_SUFFIX = ".safetensors.index.json"
_SHARD = re.compile(r"model-(\d{5})-of-(\d{5})\.safetensors")
# A name that could lead out of the folder it is put in, on any system.
_STRANGE = re.compile(r"[/\\:\x00-\x1f]|^\.")


def is_wanted(path: str) -> bool:
    """Return whether a file may belong to a checkpoint; of weights that are there twice, both may."""
    return not _STRANGE.search(path) and any(fnmatchcase(path, pattern) for pattern in _WANTED)


def needs_index(paths: Collection[str]) -> bool:
    """Return whether only the content of the index tells which of the weights belong to the model."""
    weights = {path for path in paths if is_wanted(path) and path.endswith(_WEIGHTS_SUFFIX)}
    return INDEX_NAME in paths and WEIGHTS_NAME not in weights and not _whole_set(weights)


def select(paths: Collection[str], indexed: Collection[str] = ()) -> set[str]:
    """Return the files to download of all in a repository. indexed: the weights that its index names, if it was read.

    As transformers does, one file of weights comes before an index; with neither, all weights are taken.
    """
    wanted = {path for path in paths if is_wanted(path)}
    weights = {path for path in wanted if path.endswith(_WEIGHTS_SUFFIX)}
    others = {path for path in wanted - weights if not path.endswith(_INDEX_SUFFIX)}
    if WEIGHTS_NAME in weights:
        return others | {WEIGHTS_NAME}
    if INDEX_NAME in wanted:
        return others | {INDEX_NAME} | ((set(indexed) & weights) or _whole_set(weights) or weights)
    return others | weights


def _whole_set(weights: set[str]) -> set[str]:
    """Return the weights if they are shards of one model, numbered without a gap; others beside them are left out."""
    shards = {path: found for path in weights if (found := _SHARD.fullmatch(path))}
    counts = {int(found[2]) for found in shards.values()}
    whole = len(counts) == 1 and {int(found[1]) for found in shards.values()} == set(range(1, max(counts) + 1))
    return set(shards) if whole else set()
