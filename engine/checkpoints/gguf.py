"""Reads a GGUF file through transformers and writes it as a dense bf16 safetensors checkpoint."""

import gc
import json
from collections.abc import Callable
from pathlib import Path

import torch
from tokenizers import pre_tokenizers
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig, PreTrainedTokenizerBase
from transformers.integrations.gguf.reader import read_gguf_metadata

from engine.api.errors import EngineError, ErrorKind
from engine.checkpoints.progress import watched

Tell = Callable[[float], None]
"""Called with the share done, 0 to 1; may raise Cancelled."""

_SHARE_BEFORE_TENSORS = 0.55
_SHARE_AFTER_TENSORS = 0.95


def convert(source: Path, folder: Path, name: str, tell: Tell) -> None:
    """Write weights, configuration, generation configuration and tokenizer of the file into the folder.

    Raises EngineError (CHECKPOINT_INCOMPLETE, CHECKPOINT_UNSUPPORTED), OSError of the disk, and what tell raises.
    """
    tell(0.0)
    with watched(lambda _description, _item, done, total: _tell_tensors(tell, done, total)):
        _write_tokenizer(source, folder)
        tell(0.25)
        _write_model(source, folder, name)
    gc.collect()


def _tell_tensors(tell: Tell, done: int, total: int) -> None:
    span = _SHARE_AFTER_TENSORS - _SHARE_BEFORE_TENSORS
    tell(_SHARE_BEFORE_TENSORS + span * (done / total if total else 0.0))


def _write_tokenizer(source: Path, folder: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(str(source.parent), gguf_file=source.name, local_files_only=True)
    metadata, _ = read_gguf_metadata(str(source))
    _restore_digit_splitting(tokenizer, str(metadata.get("tokenizer.ggml.pre", "")))
    tokenizer.save_pretrained(str(folder))
    path = folder / "tokenizer_config.json"
    settings = json.loads(path.read_text(encoding="utf-8"))
    # How this file was read is nothing that a reader of the copy should be told.
    for key in ("is_local", "local_files_only", "gguf_file"):
        settings.pop(key, None)
    path.write_text(json.dumps(settings, indent=2, ensure_ascii=False), encoding="utf-8")


def _restore_digit_splitting(tokenizer: PreTrainedTokenizerBase, pre_tokenizer_name: str) -> None:
    # WORKAROUND transformers 5.23: the GGUF reader keeps GPT-2's splitting for `smollm`, whose tokenizer splits
    # every digit off first (llama.cpp, LLAMA_VOCAB_PRE_TYPE_SMOLLM).
    if pre_tokenizer_name == "smollm":
        tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
        )


def _write_model(source: Path, folder: Path, name: str) -> None:
    model, loading = AutoModelForCausalLM.from_pretrained(
        str(source.parent),
        gguf_file=source.name,
        quantization_config=GgufConfig(dequantize=True),
        dtype=torch.bfloat16,
        local_files_only=True,
        output_loading_info=True,
    )
    missing = sorted([*loading["missing_keys"], *map(str, loading["mismatched_keys"])])
    if missing:
        raise EngineError(
            ErrorKind.CHECKPOINT_INCOMPLETE,
            f"The GGUF file {source.name} lacks parts of the model ({missing[0]} and {len(missing) - 1} more).",
            "Download it again, or use the model's safetensors version.",
            "\n".join(missing),
        )
    model.config._name_or_path = name
    model.save_pretrained(str(folder))
