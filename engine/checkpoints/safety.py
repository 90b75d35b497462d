"""Refuses what could run code, is incomplete or can't chat, before anything is built from it."""

import json
from collections.abc import Iterator, Mapping

from engine.api.errors import EngineError, ErrorKind
from engine.checkpoints.files import (
    CONFIG_NAME,
    CheckpointContents,
    CheckpointFiles,
    TensorHeader,
    incomplete,
    read_tensors,
    shard_names,
)

_CODE_KEYS = ("auto_map", "_attn_implementation_internal", "trust_remote_code", "custom_pipelines")
_PICKLE_SUFFIXES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")
_TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt", "tekken.json", "spiece.model")
_JSON_FILES = (CONFIG_NAME, "tokenizer_config.json", "generation_config.json")
_CHAT_ARCHITECTURES = ("ForCausalLM", "LMHeadModel", "ForConditionalGeneration")
# Smallest and largest value that any published model comes near.
_LIMITS = {
    "num_hidden_layers": (1, 1_000),
    "hidden_size": (1, 1_000_000),
    "num_attention_heads": (1, 10_000),
    "num_key_value_heads": (0, 10_000),
    "head_dim": (0, 100_000),
    "intermediate_size": (0, 10_000_000),
    "vocab_size": (1, 100_000_000),
    "max_position_embeddings": (0, 10**9),
    "num_experts": (0, 100_000),
    "num_local_experts": (0, 100_000),
}
_DEEPEST_NESTING = 50
_LARGEST_JSON_BYTES = 64 * 2**20


def check(files: CheckpointFiles) -> CheckpointContents:
    """Return configuration and tensor headers of a checkpoint that may be loaded.

    Raises EngineError: CHECKPOINT_UNSAFE if it wants to run code or is pickle, CHECKPOINT_INCOMPLETE if files are
    missing or damaged, CHECKPOINT_UNSUPPORTED if it is no text model that transformers knows.
    """
    try:
        return _check(files)
    except OSError as error:
        raise EngineError(
            ErrorKind.DISK,
            f"The files of {files.name} cannot be read.",
            "Check that the folder is still there and that you may read it.",
            str(error),
        ) from error


def _check(files: CheckpointFiles) -> CheckpointContents:
    config = _read_config(files)
    for name in _JSON_FILES:
        if (files.folder / name).is_file():
            _refuse_code(files, name, _read_json(files, name))
    _refuse_odd_config(files, config)
    names = shard_names(files)
    if not names:
        raise _no_weights(files)
    tensors = read_tensors(files, names)
    if not tensors:
        raise incomplete(files, "its weight files are empty")
    _refuse_other_weights(files, config, tensors)
    if not any((files.folder / name).is_file() for name in _TOKENIZER_FILES):
        raise incomplete(files, "its tokenizer (tokenizer.json) is missing")
    return CheckpointContents(config=config, tensors=tensors)


def unsupported(files: CheckpointFiles, why: str, details: str = "") -> EngineError:
    """Return the error for a model that Hearth can't chat with; why is a clause."""
    return EngineError(
        ErrorKind.CHECKPOINT_UNSUPPORTED,
        f"The model {files.name} cannot be used for chatting: {why}.",
        "Choose a text-generation (chat or instruct) model.",
        details,
    )


def _read_config(files: CheckpointFiles) -> Mapping[str, object]:
    if not (files.folder / CONFIG_NAME).is_file():
        if gguf := sorted(path.name for path in files.folder.glob("*.gguf")):
            raise EngineError(
                ErrorKind.CHECKPOINT_NOT_FOUND,
                f"The folder {files.name} holds a GGUF file, which is opened by itself.",
                f"Choose the file {gguf[0]} instead of the folder.",
            )
        has_any = any(path.suffix in (".safetensors", ".json", *_PICKLE_SUFFIXES) for path in files.folder.iterdir())
        if has_any:
            raise incomplete(files, f"{CONFIG_NAME} is missing")
        raise EngineError(
            ErrorKind.CHECKPOINT_NOT_FOUND,
            f"The folder {files.name} holds no model.",
            "Choose the folder in which config.json and the .safetensors files lie.",
        )
    config = _read_json(files, CONFIG_NAME)
    if not isinstance(config, dict) or not config:
        raise incomplete(files, f"{CONFIG_NAME} is empty or damaged")
    return config


def _read_json(files: CheckpointFiles, name: str) -> object:
    path = files.folder / name
    try:
        if path.stat().st_size > _LARGEST_JSON_BYTES:
            raise incomplete(files, f"{name} is far too large")
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise incomplete(files, f"{name} is damaged", str(error)) from error


def _refuse_code(files: CheckpointFiles, name: str, content: object) -> None:
    for key in _keys(content, 0):
        if key in _CODE_KEYS:
            raise EngineError(
                ErrorKind.CHECKPOINT_UNSAFE,
                f"The model {files.name} wants to run its own program code, which Hearth does not allow.",
                "Choose a version of the model that transformers supports without custom code.",
                f"{name}: {key}",
            )


def _keys(content: object, depth: int) -> Iterator[str]:
    if depth > _DEEPEST_NESTING:
        return
    if isinstance(content, dict):
        for key, value in content.items():
            yield str(key)
            yield from _keys(value, depth + 1)
    elif isinstance(content, list):
        for value in content:
            yield from _keys(value, depth + 1)


def _refuse_odd_config(files: CheckpointFiles, config: Mapping[str, object]) -> None:
    if not isinstance(config.get("model_type"), str):
        raise unsupported(files, f"{CONFIG_NAME} does not say what kind of model it is")
    for part in _parts(config):
        for key, (least, most) in _LIMITS.items():
            value = part.get(key)
            if isinstance(value, int | float) and not least <= value <= most:
                raise incomplete(files, f"{CONFIG_NAME} is damaged ({key} is {value})")
    architectures = config.get("architectures")
    if isinstance(architectures, list) and architectures:
        names = [str(name) for name in architectures]
        if not any(name.endswith(_CHAT_ARCHITECTURES) for name in names):
            raise unsupported(files, f"it does not write text ({names[0]})")
    if config.get("quantization_config") is not None:
        raise unsupported(files, "it is published in a quantized form, which this version cannot load yet")
    if config.get("is_encoder_decoder") is True:
        raise unsupported(files, "it translates one text into another and does not continue a conversation")


def _refuse_other_weights(
    files: CheckpointFiles, config: Mapping[str, object], tensors: Mapping[str, TensorHeader]
) -> None:
    """Compare sizes with the headers: transformers would allocate what the configuration says and fill in noise."""
    lengths = {length for header in tensors.values() for length in header.shape}
    for part in _parts(config):
        layers, hidden, vocabulary = (part.get(key) for key in ("num_hidden_layers", "hidden_size", "vocab_size"))
        if isinstance(layers, int) and layers > len(tensors):
            raise incomplete(files, f"{CONFIG_NAME} speaks of {layers} layers, the weights hold fewer")
        if isinstance(vocabulary, int) and vocabulary > max(lengths, default=0):
            raise incomplete(files, f"{CONFIG_NAME} speaks of {vocabulary} words, the weights hold fewer")
        if isinstance(hidden, int) and hidden not in lengths:
            raise incomplete(files, f"{CONFIG_NAME} speaks of a width of {hidden}, the weights have another")


def _parts(config: Mapping[str, object]) -> Iterator[Mapping[str, object]]:
    """Yield the configuration and the one of the text model inside it, if there is one."""
    yield config
    text = config.get("text_config")
    if isinstance(text, dict):
        yield text


def _no_weights(files: CheckpointFiles) -> EngineError:
    pickles = sorted(path.name for path in files.folder.iterdir() if path.suffix in _PICKLE_SUFFIXES)
    if pickles:
        return EngineError(
            ErrorKind.CHECKPOINT_UNSAFE,
            f"The model {files.name} has its weights only in a format that can run code ({pickles[0]}).",
            "Choose a version of the model with .safetensors files.",
            ", ".join(pickles),
        )
    return incomplete(files, "it has no weights (.safetensors files)")
