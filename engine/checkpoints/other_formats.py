"""Folders that hold something else than a chat model for transformers: told by their files, with what to do instead."""

import json
from collections.abc import Iterable

from engine.api.errors import EngineError, ErrorKind
from engine.checkpoints.files import CONFIG_NAME, CheckpointFiles, incomplete
from engine.hub.fitness import PICKLES

_CHOOSE_TRANSFORMERS = "Choose a version of the model with config.json and .safetensors files for transformers."
_CHOOSE_CHAT = "Choose a text-generation (chat or instruct) model."
# File -> what the model does, although its configuration may be that of a chat model.
_OTHER_PURPOSES = {
    "model_index.json": "it makes pictures or sounds (diffusers)",
    "modules.json": "it turns texts into numbers for searching (sentence-transformers)",
    "config_sentence_transformers.json": "it turns texts into numbers for searching (sentence-transformers)",
}
_OTHER_PROGRAMS = {
    ".h5": "TensorFlow", ".msgpack": "Flax", ".onnx": "ONNX", ".tflite": "TensorFlow Lite", ".mlpackage": "Core ML",
    ".xml": "OpenVINO", ".nemo": "NeMo", ".npz": "NumPy", ".llamafile": "llamafile",
}  # fmt: skip
_PART_SUFFIXES = (".incomplete", ".part", ".crdownload", ".tmp", ".download", ".aria2")
_ADAPTERS = ("adapter_config.json", "adapter_model.safetensors", "adapter_model.bin")
_LARGEST_ADAPTER_CONFIG_BYTES = 2**20
_LONGEST_SHOWN = 80


def refuse_other_purpose(files: CheckpointFiles) -> None:
    """Raise EngineError(CHECKPOINT_UNSUPPORTED) for models that make pictures or are made for searching."""
    for name, purpose in _OTHER_PURPOSES.items():
        if (files.folder / name).is_file():
            raise EngineError(
                ErrorKind.CHECKPOINT_UNSUPPORTED,
                f"The model {files.name} cannot be used for chatting: {purpose}.",
                _CHOOSE_CHAT,
                name,
            )


def without_config(files: CheckpointFiles) -> EngineError:
    """Return the error for a folder in which config.json is missing."""
    names = _names(files)
    refuse_other_purpose(files)
    if gguf := _with_suffix(names, ".gguf"):
        return EngineError(
            ErrorKind.CHECKPOINT_NOT_FOUND,
            f"The folder {files.name} holds a GGUF file, which is opened by itself.",
            f"Choose the file {gguf[0]} instead of the folder.",
        )
    if special := _adapter(files, names) or _mistral(files, names):
        return special
    if _with_suffix(names, ".safetensors", ".json", *PICKLES):
        return incomplete(files, f"{CONFIG_NAME} is missing")
    return EngineError(
        ErrorKind.CHECKPOINT_NOT_FOUND,
        f"The folder {files.name} holds no model.",
        "Choose the folder in which config.json and the .safetensors files lie.",
    )


def without_weights(files: CheckpointFiles) -> EngineError:
    """Return the error for a folder with config.json but without weights that transformers would read."""
    names = _names(files)
    if adapter := _adapter(files, names):
        return adapter
    if pickles := _with_suffix(names, *PICKLES):
        return EngineError(
            ErrorKind.CHECKPOINT_UNSAFE,
            f"The model {files.name} has its weights only in a format that can run code ({pickles[0]}).",
            "Choose a version of the model with .safetensors files.",
            ", ".join(pickles),
        )
    if gguf := _with_suffix(names, ".gguf"):
        return _other_format(files, "as a GGUF file", f"Choose the file {gguf[0]} instead of the folder.")
    if mistral := _mistral(files, names):
        return mistral
    if parts := _with_suffix(names, *_PART_SUFFIXES):
        return incomplete(files, f"the download of {parts[0]} has not finished")
    if shards := [name for name in _with_suffix(names, ".safetensors") if "-of-" in name]:
        return incomplete(files, f"model.safetensors.index.json, which lists {shards[0]} and the others, is missing")
    for suffix, program in _OTHER_PROGRAMS.items():
        if _with_suffix(names, suffix):
            return _other_format(files, f"for another program ({program})", _CHOOSE_TRANSFORMERS)
    return incomplete(files, "it has no weights (.safetensors files)")


def _adapter(files: CheckpointFiles, names: Iterable[str]) -> EngineError | None:
    if not any(name in _ADAPTERS for name in names):
        return None
    base = _base_model(files)
    return EngineError(
        ErrorKind.CHECKPOINT_UNSUPPORTED,
        f"{files.name} is an adapter (LoRA) for another model, not a model by itself.",
        f"Choose the model that it was made for{f' ({base})' if base else ''}, or a version with the adapter merged.",
    )


def _base_model(files: CheckpointFiles) -> str:
    path = files.folder / "adapter_config.json"
    try:
        if not path.is_file() or path.stat().st_size > _LARGEST_ADAPTER_CONFIG_BYTES:
            return ""
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return ""
    name = content.get("base_model_name_or_path") if isinstance(content, dict) else None
    shown = "".join(character for character in str(name or "") if character.isprintable())
    return shown if len(shown) <= _LONGEST_SHOWN else ""


def _mistral(files: CheckpointFiles, names: Iterable[str]) -> EngineError | None:
    if not any(name.startswith("consolidated") and name.endswith(".safetensors") for name in names):
        return None
    return _other_format(files, "in Mistral's own format (consolidated.safetensors)", _CHOOSE_TRANSFORMERS)


def _other_format(files: CheckpointFiles, how: str, hint: str) -> EngineError:
    return EngineError(ErrorKind.CHECKPOINT_UNSUPPORTED, f"The folder {files.name} holds its weights only {how}.", hint)


def _names(files: CheckpointFiles) -> list[str]:
    return sorted(path.name for path in files.folder.iterdir())


def _with_suffix(names: Iterable[str], *suffixes: str) -> list[str]:
    return [name for name in names if name.lower().endswith(suffixes)]
