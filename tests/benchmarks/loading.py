"""`python -m tests.benchmarks.loading`: what a kept quantised copy saves, as ratios in one run.

First load: weights are read, packed and saved as a copy. Second load: the copy is read. Weights: only that part; whole:
all of loader.load. Medians over --rounds, each with a fresh copy; the files are in the page cache, a tiny model has
warmed up the libraries. The large model is random, of --large-mib in bfloat16 (0: none).
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
import transformers

from engine.api.cancellation import CancellationToken
from engine.api.events import LoadPhase
from engine.api.plan import PrecisionChoice
from engine.bench import byte_tokenizer
from engine.checkpoints import copies, copy_folders, loader, starter
from engine.hardware import allocator
from tests import tiny_checkpoints

CHOICES = (PrecisionChoice.INT8, PrecisionChoice.INT4)
_LAYER_PARAMETERS = 4 * 1024 * 1024 + 3 * 1024 * 4096
_EMBEDDING_PARAMETERS = 2 * 32_000 * 1024


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=1)
    arguments.add_argument("--large-mib", type=int, default=1024)
    arguments.add_argument("--device", default="cpu")
    arguments.add_argument("--json", action="store_true")
    options = arguments.parse_args()
    allocator.keep_working_memory()  # as the engine does; memory that is taken anew costs more than the work in it
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        models = {"starter": starter.REFERENCE}
        if options.large_mib:
            models["large"] = str(large_model(data / "large", options.large_mib))
        warm_up(data, options.device)
        rows = [
            measure(name, reference, choice, data, options.device, options.rounds)
            for name, reference in models.items()
            for choice in CHOICES
        ]
    result = {"threads": torch.get_num_threads(), "device": options.device, "rows": rows}
    print(json.dumps(result, indent=1) if options.json else readable(rows))


def large_model(path: Path, mib: int) -> Path:
    """Save a random Llama of about that size in bfloat16."""
    layers = max(1, (mib * 2**19 - _EMBEDDING_PARAMETERS) // _LAYER_PARAMETERS)
    config = transformers.LlamaConfig(
        vocab_size=32_000, hidden_size=1024, intermediate_size=4096, num_hidden_layers=layers, num_attention_heads=16,
        num_key_value_heads=16, tie_word_embeddings=False, bos_token_id=1, eos_token_id=2, pad_token_id=0,
    )  # fmt: skip
    transformers.AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16).save_pretrained(path)
    byte_tokenizer.tokenizer().save_pretrained(path)
    return path


def warm_up(data: Path, device: str) -> None:
    path = tiny_checkpoints.make("llama", data)
    for choice in CHOICES:
        load(str(path), choice, data, device)
    load(starter.REFERENCE, PrecisionChoice.AUTO, data, device)


def measure(
    name: str, reference: str, choice: PrecisionChoice, data: Path, device: str, rounds: int
) -> dict[str, object]:
    """Return median seconds of first and second load, and how many times faster the second one is."""
    seconds: dict[str, list[float]] = {}
    size = 0
    for _ in range(rounds):
        copy_folders.clear(data)
        for way in ("first", "second"):
            with timed() as parts:
                parts["whole"] = load(reference, choice, data, device)
            for part, value in parts.items():
                seconds.setdefault(f"{way}_{part}", []).append(value)
            size = size or copy_folders.used_bytes(data)
    row: dict[str, object] = {key: statistics.median(values) for key, values in seconds.items()}
    ratios = {
        f"{part}_ratio": statistics.median(seconds[f"first_{part}"]) / statistics.median(seconds[f"second_{part}"])
        for part in ("weights", "whole")
    }
    return {"model": name, "precision": choice.value, "copy_bytes": size, **row, **ratios}


def load(reference: str, choice: PrecisionChoice, data: Path, device: str) -> float:
    """Return the seconds that loader.load took; the memory is given back."""
    started = time.perf_counter()
    loaded = loader.load(reference, choice, 1024, device, data, CancellationToken(), _no_report)
    elapsed = time.perf_counter() - started
    loader.free(loaded)
    return elapsed


def _no_report(phase: LoadPhase, done: int, total: int) -> None:
    return None


@contextmanager
def timed() -> Iterator[dict[str, float]]:
    """Yield what fills with the seconds spent on weights, and of these on saving."""
    parts: dict[str, float] = {}
    places = ((loader, "_load_model", "weights"), (copies, "keep", "saving"))
    originals = [getattr(module, name) for module, name, _ in places]
    for (module, name, part), original in zip(places, originals, strict=True):
        setattr(module, name, _with_time(original, part, parts))
    try:
        yield parts
    finally:
        for (module, name, _), original in zip(places, originals, strict=True):
            setattr(module, name, original)


def _with_time(function, part: str, parts: dict[str, float]):  # type: ignore[no-untyped-def]
    def call(*values, **named):  # type: ignore[no-untyped-def]
        started = time.perf_counter()
        try:
            return function(*values, **named)
        finally:
            parts[part] = time.perf_counter() - started

    return call


def readable(rows: list[dict[str, object]]) -> str:
    lines = ["model    precision  copy MB   weights: first  (saving)  second   ratio    whole: first  second   ratio"]
    for row in rows:
        lines.append(
            f"{row['model']:<9}{row['precision']:<10}{row['copy_bytes'] / 1e6:8.0f}{row['first_weights']:17.2f}"
            f"{row.get('first_saving', 0.0):10.2f}{row['second_weights']:8.2f}{row['weights_ratio']:8.1f}"
            f"{row['first_whole']:16.2f}{row['second_whole']:8.2f}{row['whole_ratio']:8.1f}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
