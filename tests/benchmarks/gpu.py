"""`python -m tests.benchmarks.gpu`: what the precisions cost and gain on an NVIDIA card, as ratios in one run.

For a shape with random weights, in BF16, INT8 and INT4: first and second load, planned against real peak memory with
a full context, prefill and decode in tokens per second, and decode against what the plan promised; and how fast each
tier of conversations gives them back. Writes a JSON file under tests/benchmarks/results/.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

import torch

from engine.api.cancellation import CancellationToken
from engine.api.plan import PrecisionChoice
from engine.bench import random_weights
from engine.checkpoints import loader
from engine.generation.chat_session import ChatSession
from engine.hardware import machine
from tests.benchmarks import gpu_tiers
from tests.chat_probe import ask, filling, user

RESULTS = Path(__file__).parent / "results"
CHOICES = (PrecisionChoice.BF16, PrecisionChoice.INT8, PrecisionChoice.INT4)
DECODED_IDS = 64


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--shape", default="llama-3.1-8b")
    arguments.add_argument("--context", type=int, default=8192)
    arguments.add_argument("--device", default="cuda")
    arguments.add_argument("--longest-history", type=int, default=32_000, help="for the tiers of conversations")
    arguments.add_argument("--folder", type=Path, help="where random checkpoints are kept between runs")
    options = arguments.parse_args()
    if options.device == "cuda" and not torch.cuda.is_available():
        sys.exit("This benchmark needs an NVIDIA graphics card that PyTorch can use.")
    with tempfile.TemporaryDirectory() as temporary:
        data = options.folder or Path(temporary)
        path = random_weights.make(options.shape, data / "shapes", options.device)
        rows = {choice.value: measure(path, data, choice, options) for choice in CHOICES}
        tiers = gpu_tiers.measure(path, data, options)
        hardware = machine.describe(data)
    result = {
        "shape": options.shape,
        "card": [f"{gpu.name}, {gpu.bandwidth_bytes_per_second / 1e9:.0f} GB/s" for gpu in hardware.gpus],
        "versions": hardware.versions,
        "rows": rows,
        "tiers": tiers,
        "decode_against_bf16": {
            name: row["decode_tokens_per_second"] / rows["bf16"]["decode_tokens_per_second"]
            for name, row in rows.items()
        },
    }
    text = json.dumps(result, indent=1)
    print(text)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"precisions-{options.shape}-{options.device}.json").write_text(text + "\n", encoding="utf-8")


def measure(path: Path, data: Path, choice: PrecisionChoice, options: argparse.Namespace) -> dict[str, float]:
    """Load twice and answer with the second model."""
    on_card = options.device == "cuda"
    first, session = load(path, data, choice, options)
    loader.free(session.loaded)
    second, session = load(path, data, choice, options)
    parts = session.plan.parts
    if on_card:
        torch.cuda.reset_peak_memory_stats()
    filled = ask(session, [filling(session, options.context - 8)], maximum_tokens=1).statistics
    rates = [
        ask(session, [user(f"Hello {number}")], maximum_tokens=DECODED_IDS).statistics.tokens_per_second
        for number in range(3)
    ]
    planned = parts.weights_bytes + parts.kv_bytes + parts.working_bytes
    row = {
        "first_load_seconds": first,
        "second_load_seconds": second,
        "load_ratio": first / second,
        "prefill_tokens_per_second": filled.prefilled_tokens / filled.prefill_seconds,
        "decode_tokens_per_second": statistics.median(rates),
        "promised_tokens_per_second": session.plan.expected_tokens_per_second,
        "planned_bytes": planned,
        "peak_against_planned": torch.cuda.max_memory_allocated() / planned if on_card else 0.0,
    }
    loader.free(session.loaded)
    return row


def load(path: Path, data: Path, choice: PrecisionChoice, options: argparse.Namespace) -> tuple[float, ChatSession]:
    """Return the seconds that a load took, and the session."""
    started = time.perf_counter()
    loaded = loader.load(str(path), choice, options.context, options.device, data, CancellationToken(), lambda *_: None)
    session = ChatSession(loaded)
    return time.perf_counter() - started, session


if __name__ == "__main__":
    main()
