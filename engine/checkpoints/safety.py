"""Refuses what could run code, is incomplete or can't chat, before anything is built from it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from engine.api.errors import EngineError, ErrorKind
from engine.checkpoints.config_limits import (
    refuse_odd_sampling,
    refuse_odd_sizes,
    refuse_odd_structure,
    refuse_other_weights,
)
from engine.checkpoints.files import (
    CONFIG_NAME,
    CheckpointContents,
    CheckpointFiles,
    TensorHeader,
    check_index,
    incomplete,
    is_there,
    read_json,
    read_tensors,
    shard_names,
)
from engine.checkpoints.other_formats import refuse_other_purpose, without_config, without_weights
from engine.hub.fitness import WRITES_TEXT
from engine.quantization.published.config import PublishedQuantization, elements_of, read
from engine.quantization.published.tensors import problem as tensors_problem

_CODE_KEYS = frozenset(
    {
        "auto_map", "_attn_implementation_internal", "_experts_implementation_internal", "trust_remote_code",
        "custom_pipelines", "custom_generate", "kernel_config", "use_kernels",
    }
)  # fmt: skip
# Keys that would name a place to fetch code from inside a quantization_config; transformers 5.23 has none of them.
_FETCHING_KEYS = frozenset(
    {
        "kernel", "kernels", "kernel_name", "kernel_repo", "hub_kernel", "repo_id", "repo", "custom_code",
        "code_revision", "module_path", "import_path", "entry_point",
    }
)  # fmt: skip
_TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt", "tekken.json", "spiece.model")
_GENERATION_NAME = "generation_config.json"
_JSON_FILES = (CONFIG_NAME, "tokenizer_config.json", _GENERATION_NAME)
# Everything else that transformers may open by name while it loads a model and its tokenizer.
_OTHER_FILES = (
    "special_tokens_map.json", "added_tokens.json", "merges.txt", "chat_template.jinja", "chat_template.json",
    "processor_config.json", "preprocessor_config.json", "adapter_config.json", "additional_chat_templates",
)  # fmt: skip
# What makes a model beside its weights. An adapter is a thing of its own.
KNOWN_FILES = frozenset({*_TOKENIZER_FILES, *_JSON_FILES, *_OTHER_FILES}) - {
    "adapter_config.json",
    "additional_chat_templates",
}
_WEIGHTS_KEY = "transformers_weights"
_WEIGHT_NAMES = (".safetensors", ".safetensors.index.json")
# Layers that go on from another model's, as of Gemma 4: transformers gives them that model's KV.
_DRAFTING_SUFFIX = "_assistant"
_LONGEST_SHOWN = 60


ReadTensors = Callable[[CheckpointFiles, list[str]], dict[str, TensorHeader]]
"""(checkpoint, names of its safetensors files) -> header of each tensor by name"""


def check(files: CheckpointFiles, read_headers: ReadTensors = read_tensors) -> CheckpointContents:
    """Return configuration and tensor headers of a checkpoint that may be loaded.

    read_headers is called once all else was found fit; another one lets weights lie elsewhere than in the folder.
    Whether a quantised one can be loaded on this machine is another question: published.requirement answers it.
    Raises EngineError: CHECKPOINT_UNSAFE if it wants to run code or is pickle, CHECKPOINT_INCOMPLETE if files are
    missing or damaged, CHECKPOINT_UNSUPPORTED if it is no text model that transformers knows.
    """
    try:
        return _check(files, read_headers)
    except OSError as error:
        raise unreadable(files, str(error)) from error


def _check(files: CheckpointFiles, read_headers: ReadTensors) -> CheckpointContents:
    config = check_description(files)
    published = read(config, files.name)
    tensors = _read_weights(files, config, published, read_headers)
    refuse_other_weights(files, config, tensors)
    if not any(is_there(files, name) for name in _TOKENIZER_FILES):
        raise incomplete(files, "its tokenizer (tokenizer.json) is missing")
    return CheckpointContents(config=config, tensors=tensors)


def check_description(files: CheckpointFiles) -> Mapping[str, object]:
    """Return the configuration of a checkpoint that may be loaded as far as everything but its weights tells.

    Raises EngineError as check does, and OSError.
    """
    config = _read_config(files)
    _refuse_odd_files(files)
    for name in _JSON_FILES:
        if is_there(files, name):
            content = read_json(files, name)
            refuse_odd_structure(files, name, content)
            _refuse_code(files, name, content)
            if not isinstance(content, dict):
                raise incomplete(files, f"{name} is damaged")
            if name == _GENERATION_NAME:
                refuse_odd_sampling(files, name, content)
    refuse_other_purpose(files)
    _refuse_other_models(files, config)
    refuse_odd_sizes(files, config)
    return config


def unreadable(files: CheckpointFiles, details: str) -> EngineError:
    """Return the error for files that were there and can't be read, as on a disk that was taken away."""
    return EngineError(
        ErrorKind.DISK,
        f"The files of {files.name} cannot be read.",
        "Check that the folder is still there and that you may read it.",
        details,
    )


def unsupported(files: CheckpointFiles, why: str, details: str = "") -> EngineError:
    """Return the error for a model that Hearth can't chat with; why is a clause."""
    return EngineError(
        ErrorKind.CHECKPOINT_UNSUPPORTED,
        f"The model {files.name} cannot be used for chatting: {why}.",
        "Choose a text-generation (chat or instruct) model.",
        details,
    )


def badly_quantized(files: CheckpointFiles, why: str) -> EngineError:
    """Return the error for a model whose published form can't be loaded here; why is a clause."""
    return EngineError(
        ErrorKind.CHECKPOINT_UNSUPPORTED,
        f"The model {files.name} cannot be loaded: {why}.",
        "Choose a version of the model that is not quantized, or a GGUF file of it.",
    )


def unbuildable(files: CheckpointFiles, why: str, error: Exception) -> EngineError:
    """Return the error for a model whose class or tokenizer can't be built.

    why is a clause for all causes but a missing library.
    """
    if isinstance(error, ImportError):  # what looks at images or listens may come from one, as with Gemma 3n
        why = "it needs software that does not come with Hearth"
    return unsupported(files, why, repr(error))


def _read_config(files: CheckpointFiles) -> Mapping[str, object]:
    if not is_there(files, CONFIG_NAME):
        raise without_config(files)
    config = read_json(files, CONFIG_NAME)
    if not isinstance(config, dict) or not config:
        raise incomplete(files, f"{CONFIG_NAME} is empty or damaged")
    return config


def _refuse_odd_files(files: CheckpointFiles) -> None:
    """Opening a pipe or a device waits for ever, so each file that transformers may open is looked at first."""
    for name in (*_TOKENIZER_FILES, *_OTHER_FILES):
        path = files.folder / name
        if path.is_dir():
            inside = (entry for entry in path.iterdir() if not entry.is_file() and not entry.is_dir())
            if odd := next(inside, None):
                raise incomplete(files, f"{name}/{odd.name} is no ordinary file")
        elif path.exists():
            is_there(files, name)


def _refuse_code(files: CheckpointFiles, name: str, content: object) -> None:
    for key, inside_quantization in _keys(content):
        if key in _CODE_KEYS or (inside_quantization and key in _FETCHING_KEYS):
            raise EngineError(
                ErrorKind.CHECKPOINT_UNSAFE,
                f"The model {files.name} wants to run its own program code, which Hearth does not allow.",
                "Choose a version of the model that transformers supports without custom code.",
                f"{name}: {key}",
            )


def _keys(content: object, inside_quantization: bool = False) -> Iterator[tuple[str, bool]]:
    """Yield every key at any depth, and whether it stands inside a quantization_config."""
    if isinstance(content, dict):
        for key, value in content.items():
            yield str(key), inside_quantization
            yield from _keys(value, inside_quantization or str(key).startswith("quantization"))
    elif isinstance(content, list):
        for value in content:
            yield from _keys(value, inside_quantization)


def _refuse_other_models(files: CheckpointFiles, config: Mapping[str, object]) -> None:
    if not isinstance(config.get("model_type"), str):
        raise unsupported(files, f"{CONFIG_NAME} does not say what kind of model it is")
    architectures = config.get("architectures")
    if isinstance(architectures, list) and architectures:
        names = [str(name) for name in architectures]
        if not any(name.endswith(WRITES_TEXT) for name in names):
            raise unsupported(files, f"it does not write text ({names[0][:_LONGEST_SHOWN]})")
    if config.get("is_encoder_decoder") is True:
        raise unsupported(files, "it translates one text into another and does not continue a conversation")
    if str(config["model_type"]).endswith(_DRAFTING_SUFFIX):
        raise unsupported(files, "it only proposes words to another model and reads no text by itself")


def _read_weights(
    files: CheckpointFiles,
    config: Mapping[str, object],
    published: PublishedQuantization | None,
    read_headers: ReadTensors,
) -> dict[str, TensorHeader]:
    named = _named_weights(files, config)
    names = shard_names(files, named)
    if not names:
        raise without_weights(files)
    tensors = read_headers(files, names)
    if not tensors:
        raise incomplete(files, "its weight files are empty")
    check_index(files, names, tensors, named)
    headers = {name: (header.shape, header.dtype) for name, header in tensors.items()}
    if problem := tensors_problem(published, headers):
        raise badly_quantized(files, problem)
    return {
        name: replace(header, elements=elements_of(published, header.shape, header.dtype, name))
        for name, header in tensors.items()
    }


def _named_weights(files: CheckpointFiles, config: Mapping[str, object]) -> str:
    """Return the file that the configuration names in place of model.safetensors, as transformers 5.23 reads it."""
    named = config.get(_WEIGHTS_KEY)
    if named is None:
        return ""
    if not isinstance(named, str) or "/" in named or "\\" in named or not named.endswith(_WEIGHT_NAMES):
        raise EngineError(
            ErrorKind.CHECKPOINT_UNSAFE,
            f"The model {files.name} wants its weights read from a file that Hearth does not allow.",
            "Choose a version of the model with ordinary .safetensors files.",
            f"{_WEIGHTS_KEY}: {str(named)[:_LONGEST_SHOWN]}",
        )
    return named
