"""`python -m tests.benchmarks.quantization`: what 8 and 4 bit cost and gain on this machine, against 16 bit in one run.

Perplexity on a fixed text, decoding and reading in tokens/s, bytes that the weights take, time of the first load (from
16 bit) and of the second (from the quantised copy). The starter model by default; `--wide` takes a random llama of four
layers with 4096 features, whose weights don't fit into a cache (its perplexity says nothing).
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import torch
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    LlamaConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.utils import logging

from app.paths import locate
from engine.api.cancellation import CancellationToken
from engine.api.plan import Precision
from engine.checkpoints import starter
from engine.checkpoints.skeleton import class_for
from engine.hardware import allocator
from engine.quantization.copy_reading import from_copy
from engine.quantization.quantizers import finish, quantization_config_for, register
from tests.resident_bytes import resident_bytes
from tests.tiny_checkpoints import save

TEXT = Path(__file__).with_name("perplexity.txt")
PRECISIONS = (Precision.BF16, Precision.INT8, Precision.INT4)
PROMPT_IDS = 512
DECODED_IDS = 32
_ROUNDS = 3


def load_quantized(folder: Path, precision: Precision, copy: Path | None = None) -> PreTrainedModel:
    """Load a checkpoint in bfloat16 or packed, on the CPU; copy: where the quantised checkpoint is saved before."""
    config = None if precision is Precision.BF16 else quantization_config_for(precision, torch.bfloat16)
    model = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.bfloat16, quantization_config=config, device_map={"": "cpu"}, local_files_only=True
    )
    if copy is not None:
        model.save_pretrained(copy)
    finish(model)
    return model.eval()


def load_copy(folder: Path) -> PreTrainedModel:
    """Load a quantised checkpoint as Hearth reads its copies."""
    register()
    config = AutoConfig.from_pretrained(folder, local_files_only=True)
    model = from_copy(
        class_for(config), str(folder), config=config, dtype=torch.bfloat16, device_map={"": "cpu"},
        local_files_only=True,
    )  # fmt: skip
    assert isinstance(model, PreTrainedModel)
    finish(model)
    return model.eval()


@torch.inference_mode()
def perplexity(model: PreTrainedModel, ids: torch.Tensor) -> float:
    """Return e to the mean negative log probability of ids (1, length) after the first."""
    logits = model(ids).logits[0, :-1].float()
    return float(torch.nn.functional.cross_entropy(logits, ids[0, 1:]).exp())


@torch.inference_mode()
def answer(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, question: str, length: int = 16) -> str:
    """Return the greedy answer."""
    messages = [{"role": "user", "content": question}]
    prompt = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    ids = model.generate(**prompt, max_new_tokens=length, do_sample=False)
    return str(tokenizer.decode(ids[0, prompt["input_ids"].shape[1] :], skip_special_tokens=True))


@torch.inference_mode()
def speeds(model: PreTrainedModel, ids: torch.Tensor) -> tuple[float, float]:
    """Return tokens/s read and decoded, the best of some rounds."""
    read = decoded = 0.0
    for _ in range(_ROUNDS):
        started = time.perf_counter()
        cache = model(ids, use_cache=True, logits_to_keep=1).past_key_values
        read = max(read, ids.shape[1] / (time.perf_counter() - started))
        token = ids[:, -1:]
        started = time.perf_counter()
        for _ in range(DECODED_IDS):
            output = model(token, past_key_values=cache, use_cache=True)
            token = output.logits[:, -1:].argmax(-1)
        decoded = max(decoded, DECODED_IDS / (time.perf_counter() - started))
    return read, decoded


def measure(folder: Path, precision: Precision, ids: torch.Tensor, scratch: Path) -> dict[str, float]:
    copy = scratch / precision.value
    started = time.perf_counter()
    model = load_quantized(folder, precision)
    first = time.perf_counter() - started
    if precision is not Precision.BF16:
        del model
        load_quantized(folder, precision, copy)
        started = time.perf_counter()
        model = load_copy(copy)
    second = time.perf_counter() - started
    read, decoded = speeds(model, ids[:, :PROMPT_IDS])
    return {
        "perplexity": perplexity(model, ids), "read_per_second": read, "decoded_per_second": decoded,
        "weight_bytes": resident_bytes(model), "first_load_seconds": first, "second_load_seconds": second,
    }  # fmt: skip


def wide_checkpoint(folder: Path) -> Path:
    config = LlamaConfig(
        vocab_size=512, hidden_size=4096, intermediate_size=11008, num_hidden_layers=4, num_attention_heads=32,
        num_key_value_heads=8, max_position_embeddings=2048, tie_word_embeddings=False,
    )  # fmt: skip
    return save(config, folder / "wide")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--wide", action="store_true")
    arguments.add_argument("--json", action="store_true")
    options = arguments.parse_args()
    allocator.keep_working_memory()  # as the engine does; memory that is taken anew costs more than the work in it
    logging.disable_progress_bar()
    with tempfile.TemporaryDirectory() as scratch:
        if options.wide:
            folder, ids = wide_checkpoint(Path(scratch)), torch.randint(3, 500, (1, PROMPT_IDS))
        else:
            locate().data.mkdir(parents=True, exist_ok=True)
            folder = starter.provide(locate().data, CancellationToken(), lambda phase, done, total: None)
            ids = AutoTokenizer.from_pretrained(folder)(TEXT.read_text(encoding="utf-8"), return_tensors="pt")[
                "input_ids"
            ]
        rows = {item.value: measure(folder, item, ids, Path(scratch)) for item in PRECISIONS}
    print(json.dumps(rows, indent=1) if options.json else readable(rows))


def readable(rows: dict[str, dict[str, float]]) -> str:
    base = rows[Precision.BF16.value]
    lines = [f"threads: {torch.get_num_threads()}"]
    for key in base:
        values = [f"{name} {row[key]:,.2f} ({row[key] / base[key]:.2f} x)" for name, row in rows.items()]
        lines.append(f"{key}: " + ", ".join(values))
    return "\n".join(lines)


if __name__ == "__main__":
    main()
