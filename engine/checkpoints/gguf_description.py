"""What a GGUF file says about its model: configuration and tensors, without reading a weight or converting anything."""

import importlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from transformers import AutoConfig
from transformers.integrations.gguf.reader import GgufHeader, read_gguf_metadata

from engine.checkpoints.config_limits import is_number_of_layers
from engine.checkpoints.files import TensorHeader, unreadable_gguf

# A module as a plain object: its reader is replaced for the time of one look.
gguf: Any = importlib.import_module("gguf")

_FLOAT, _INTEGER, _BOOLEAN, _STRING, _ARRAY = 6, 5, 7, 8, 9
_TENSORS_KEY = "tokenizer.ggml.tokens"
_LAYERS_END = ".block_count"
# What the file is converted into when it is loaded.
_CONVERTED_DTYPE, _CONVERTED_BYTES = "BF16", 2


@dataclass(frozen=True)
class GgufDescription:
    """The configuration as transformers reads it out of the file, and what each tensor becomes by conversion."""

    config: Mapping[str, object]
    tensors: Mapping[str, TensorHeader]


def describe(path: Path) -> GgufDescription:
    """Read the file's own description, a fraction of a second even for large vocabularies.

    Raises EngineError(CHECKPOINT_UNSUPPORTED) for a damaged file or a kind that transformers does not know.
    """
    try:
        refuse_odd_layers(path)
        header = GgufHeader.from_file(str(path))
        with _quick_reader():
            config = AutoConfig.from_pretrained(str(path.parent), gguf_file=path.name, local_files_only=True)
        content = json.loads(config.to_json_string(use_diff=False))
    except Exception as error:  # damaged numbers and unknown kinds raise anything from struct.error to AttributeError
        raise unreadable_gguf(path.name, repr(error)) from error
    tensors = {
        info.name: TensorHeader(info.shape, _CONVERTED_DTYPE, prod(info.shape), _CONVERTED_BYTES * prod(info.shape))
        for info in header.tensors
    }
    return GgufDescription(content, tensors)


def refuse_odd_layers(path: Path) -> None:
    """Raise ValueError for a number of layers that no model has, before anything is built with it; reads no weight.

    What a damaged file raises gets through.
    """
    metadata, _ = read_gguf_metadata(str(path))
    for key, value in metadata.items():
        if key.endswith(_LAYERS_END) and not is_number_of_layers(value):
            raise ValueError(f"{key} is {value}")


@contextmanager
def _quick_reader() -> Iterator[None]:
    """Let transformers ask a reader that skips what no configuration needs.

    WORKAROUND transformers 5.23 (modeling_gguf_pytorch_utils.load_gguf_checkpoint): for most architectures it builds a
    gguf.GGUFReader, which makes four arrays of each word of the vocabulary: 10 s for 49,152 words.
    """
    original = gguf.GGUFReader
    gguf.GGUFReader = _QuickReader
    try:
        yield
    finally:
        gguf.GGUFReader = original


class _QuickReader:
    """Stands in for gguf.GGUFReader: fields as it has them, with empty words in place of the vocabulary's."""

    def __init__(self, path: str) -> None:
        metadata, names = read_gguf_metadata(str(path))
        self.fields = {key: _field(key, value) for key, value in metadata.items()}
        self.tensors = [SimpleNamespace(name=name) for name in names]


def _field(key: str, value: object) -> SimpleNamespace:
    if isinstance(value, list):
        kinds = [_ARRAY, _kind(value[0]) if value else _INTEGER]
        return SimpleNamespace(
            parts=[_part(each) if isinstance(each, str) else [each] for each in value],
            data=list(range(len(value))),
            types=kinds,
        )
    if key == _TENSORS_KEY and isinstance(value, int):  # read_gguf_metadata leaves arrays of words as their length
        return SimpleNamespace(parts=[_part("")], data=[0] * value, types=[_ARRAY, _STRING])
    return SimpleNamespace(parts=[_part(value)], data=[0], types=[_kind(value)])


def _kind(value: object) -> int:
    if isinstance(value, bool):
        return _BOOLEAN
    if isinstance(value, str):
        return _STRING
    return _FLOAT if isinstance(value, float) else _INTEGER


def _part(value: object) -> Any:  # noqa: ANN401  as gguf's: an array of bytes, or of one number
    return list(value.encode()) if isinstance(value, str) else np.array([value])
