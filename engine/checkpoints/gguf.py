"""Reads a GGUF file through transformers and writes it as a dense bf16 safetensors checkpoint."""

import functools
import gc
import importlib
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import torch
from tokenizers import pre_tokenizers
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig, PreTrainedModel, PreTrainedTokenizerBase
from transformers.integrations.gguf.reader import read_gguf_metadata

from engine.api.errors import Cancelled, EngineError, ErrorKind
from engine.checkpoints.files import unreadable_gguf
from engine.checkpoints.gguf_description import refuse_odd_layers
from engine.checkpoints.progress import WatchedBar, watched
from engine.checkpoints.tokenizer_writing import make_quick_to_read

# Modules as plain objects: parts of them are replaced for the time of one conversion.
gguf: Any = importlib.import_module("gguf")
gguf_loading: Any = importlib.import_module("transformers.modeling_gguf_pytorch_utils")

Tell = Callable[[float], None]
"""Called with the share done, 0 to 1; may raise Cancelled."""

# Shares of the measured time: parsing fields, tokenizer, configuration and empty model, tensors, writing.
_SHARE_OF_FIELDS = 0.3
_SHARE_OF_TOKENIZER = 0.45
_SHARE_BEFORE_TENSORS = 0.8
_SHARE_OF_TENSORS = 0.95
_FIELDS_EXPECTED = 150_000
_FIELDS_BETWEEN = 2_000
_OS_ERROR = re.compile(r"\(os error (\d+)\)")


def convert(source: Path, folder: Path, name: str, tell: Tell) -> None:
    """Write weights, configuration, generation configuration and tokenizer of the file into the folder.

    Raises EngineError (CHECKPOINT_INCOMPLETE, CHECKPOINT_UNSUPPORTED), OSError of the disk, and what tell raises.
    """
    tell(0.0)
    try:
        refuse_odd_layers(source)
        with watched(lambda *_: None), _parsed_once(tell):
            _write_tokenizer(source, folder)
            tell(_SHARE_OF_TOKENIZER)
            _write_model(source, folder, name)
    except (EngineError, Cancelled, OSError):
        raise
    except Exception as error:  # cut files and damaged numbers raise anything from struct.error to OverflowError
        raise unreadable_gguf(source.name, repr(error)) from error
    finally:
        gc.collect()


@contextmanager
def _parsed_once(tell: Tell) -> Iterator[None]:
    """Parse the file's fields once instead of three times, and be told of the steps on the way.

    WORKAROUND transformers 5.23 (modeling_gguf_pytorch_utils.load_gguf_checkpoint): it builds a gguf.GGUFReader, some
    seconds of pure Python, for each of tokenizer, configuration and weights, a table of names for each submodule,
    and its bar ignores the bar hook.
    """
    reader_class = gguf.GGUFReader
    readers: dict[str, object] = {}
    fields = 0

    class WatchedReader(reader_class):  # type: ignore[misc,valid-type]
        def _get_field_parts(self, *arguments: int) -> object:
            nonlocal fields
            fields += 1
            if fields % _FIELDS_BETWEEN == 0:
                tell(_SHARE_OF_FIELDS * min(fields / _FIELDS_EXPECTED, 1.0))
            return super()._get_field_parts(*arguments)

    def reader_of(path: str) -> object:
        if path not in readers:
            readers[path] = WatchedReader(path)
        return readers[path]

    def on_tensor(_description: str, _item: object, done: int, total: int) -> None:
        span = _SHARE_OF_TENSORS - _SHARE_BEFORE_TENSORS
        tell(_SHARE_BEFORE_TENSORS + span * (done / total if total else 0.0))

    def bar(iterable: list[object], **options: object) -> WatchedBar:
        return WatchedBar(iterable, str(options.get("desc", "")), len(iterable), on_tensor)

    replacements = (
        (gguf, "GGUFReader", reader_of),
        (gguf, "get_tensor_name_map", functools.cache(gguf.get_tensor_name_map)),
        (gguf_loading, "tqdm", bar),
    )
    originals = [(module, name, getattr(module, name)) for module, name, _ in replacements]
    for module, name, replacement in replacements:
        setattr(module, name, replacement)
    try:
        yield
    finally:
        for module, name, original in originals:
            setattr(module, name, original)


def _write_tokenizer(source: Path, folder: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(str(source.parent), gguf_file=source.name, local_files_only=True)
    metadata, _ = read_gguf_metadata(str(source))
    _restore_digit_splitting(tokenizer, str(metadata.get("tokenizer.ggml.pre", "")))
    with _writing():
        tokenizer.save_pretrained(str(folder))
    make_quick_to_read(folder, tokenizer.backend_tokenizer)


@contextmanager
def _writing() -> Iterator[None]:
    """Raise OSError where the disk is at fault: libraries in Rust have exceptions of their own for that."""
    try:
        yield
    except Exception as error:  # tokenizers raises Exception itself, safetensors one of its own
        told = None if isinstance(error, OSError) else _OS_ERROR.search(str(error))
        if told is None:
            raise
        raise OSError(int(told[1]), os.strerror(int(told[1]))) from error


def _restore_digit_splitting(tokenizer: PreTrainedTokenizerBase, pre_tokenizer_name: str) -> None:
    # WORKAROUND transformers 5.23: the GGUF reader keeps GPT-2's splitting for `smollm`, whose tokenizer splits
    # every digit off first (llama.cpp, LLAMA_VOCAB_PRE_TYPE_SMOLLM).
    if pre_tokenizer_name == "smollm":
        tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
        )


def _write_model(source: Path, folder: Path, name: str) -> None:
    model, loading = cast(
        "tuple[PreTrainedModel, dict[str, set[object]]]",
        AutoModelForCausalLM.from_pretrained(
            str(source.parent),
            gguf_file=source.name,
            quantization_config=GgufConfig(dequantize=True),
            dtype=torch.bfloat16,
            local_files_only=True,
            output_loading_info=True,
        ),
    )
    missing = sorted(map(str, [*loading["missing_keys"], *loading["mismatched_keys"]]))
    if missing:
        raise EngineError(
            ErrorKind.CHECKPOINT_INCOMPLETE,
            f"The GGUF file {source.name} lacks parts of the model ({missing[0]}).",
            "Download it again, or use the model's safetensors version.",
            "\n".join(missing),
        )
    model.config._name_or_path = name
    with _writing():
        model.save_pretrained(str(folder))
