"""Writes engine/planning/PLANS.md: what Hearth would do with well-known models on cards of every size.

python -m tests.plan_table
"""

import contextlib
import io
import logging
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from engine.api.checkpoint import CheckpointKind
from engine.api.hardware import Gpu, Hardware
from engine.api.plan import Fit, Plan, Precision
from engine.bench.random_weights import config_of
from engine.checkpoints.files import CheckpointFiles
from engine.checkpoints.inspection import published_facts
from engine.checkpoints.skeleton import Source, facts_of, skeleton_of
from engine.planning import shapes
from engine.planning.facts import CheckpointFacts
from engine.planning.ladder import Wishes
from engine.planning.precision import plan
from engine.planning.sizes import GIB
from engine.quantization.published.config import read
from engine.quantization.published.environment import Environment

FILE = Path(__file__).parents[1] / "engine" / "planning" / "PLANS.md"
CONTEXTS = (4096, 32768)
FREE_SHARE = 0.97
RAM_GIB, RAM_FREE_GIB = 32, 28
_RAM_BYTES_PER_SECOND = 60e9
# GiB: compute capability and bytes per second of a usual card of that size.
CARDS = {
    4: ((7, 5), 192e9), 6: ((7, 5), 336e9), 8: ((8, 6), 448e9), 10: ((8, 6), 760e9), 12: ((8, 6), 360e9),
    16: ((8, 9), 736e9), 24: ((8, 9), 1008e9), 32: ((12, 0), 1792e9), 48: ((8, 9), 864e9), 80: ((9, 0), 3350e9),
    141: ((9, 0), 4800e9),
}  # fmt: skip
_EXPLAINED = (
    ("llama-3.1-8b", 8, 4096), ("llama-3.1-8b", 8, 32768), ("llama-3.1-8b", 12, 4096), ("llama-3.1-8b", 24, 32768),
    ("qwen3-8b-fp8", 12, 4096), ("qwen3-8b-fp8", 24, 4096), ("gemma-3-12b", 16, 32768), ("qwen3-30b-a3b", 24, 32768),
    ("qwen3-32b", 24, 32768), ("gpt-oss-20b", 16, 4096), ("llama-3.1-70b", 48, 4096), ("llama-3.1-70b", 80, 4096),
    ("mistral-7b", 4, 4096), ("llama-3.1-70b", 24, 4096), ("qwen3-30b-a3b", 8, 4096),
)  # fmt: skip
_WORDS = {
    Precision.FP32: "32-bit", Precision.BF16: "bf16", Precision.FP16: "fp16", Precision.INT8: "8-bit",
    Precision.INT4: "4-bit",
}  # fmt: skip
_LEGEND = f"""# Plans

Written by `python -m tests.plan_table`; a test says when it is out of date. What Hearth plans for models of known
shape, by graphics memory in GiB.

- `bf16`, `fp16`, `8-bit`, `4-bit`: the whole context on the card in that precision. 8-bit and 4-bit are packed while
  loading. `fp16` is what cards below compute capability 8.0 compute in, `32-bit` where FP16 is too small for what the
  model computes (Gemma 2 and 3, GLM-4).
- `4-bit, 12k`: it fits with a context window of that many thousand tokens only. On a card that just holds the rest,
  the table of embeddings lies in main memory, where a token looks up one row of it.
- `4-bit + RAM`, `CPU 8-bit`: slower. The card computes, and layers that it has no room for are copied to it when their
  turn comes (of mixtures only the experts that a token goes to); or the processor computes, if that is faster.
- `MXFP4`: as published (gpt-oss). Qwen3 8B FP8 and DeepSeek-V3 are published in FP8, whose kernels come in packages
  that Hearth does not install: it is unpacked into 16 bit, or packed again into 8 or 4.
- `-`: refused, with the arithmetic.
- Parts that look at pictures (Gemma 3) are in main memory wherever the card computes: no text needs them.

Taken for granted: one card, {FREE_SHARE:.0%} of its memory free, Linux, {RAM_GIB} GiB of main memory of which
{RAM_FREE_GIB} are free, a processor without BF16 instructions, working 8-bit and 4-bit kernels. Compute capabilities:
{", ".join(f"{size} GiB {major}.{minor}" for size, ((major, minor), _) in CARDS.items())}.
"""


def machine_with(card_gib: int) -> Hardware:
    """Return the computer that the table is made for, with a card of that size."""
    capability, bandwidth = CARDS[card_gib]
    total = card_gib * GIB
    card = Gpu(
        0, f"the {card_gib} GiB card", capability, total, int(total * FREE_SHARE), capability >= (8, 0), bandwidth,
        "data sheet",
    )  # fmt: skip
    return Hardware(
        system="Linux", cpu_name="the processor", physical_cores=8, cpu_features=("avx2",),
        ram_total_bytes=RAM_GIB * GIB, ram_available_bytes=RAM_FREE_GIB * GIB, disk_free_bytes=500 * GIB, gpus=(card,),
        versions={"bitsandbytes": "0.50.2"}, ram_bandwidth_bytes_per_second=_RAM_BYTES_PER_SECOND,
        quantization_kernels=("cpu int8", "cpu nf4", "cuda int8", "cuda nf4"),
    )  # fmt: skip


@cache
def facts_for(name: str) -> CheckpointFacts:
    """Return what the planner knows of a well-known model."""
    shape = shapes.shape_of(name)
    files = CheckpointFiles(shape.hub_id, shape.title, CheckpointKind.HUB_CACHE, Path())
    config = config_of(name)
    published = read(shape.config, shape.title)
    environment = Environment("cuda", (8, 9))
    logging.getLogger("transformers").setLevel(logging.ERROR)
    with contextlib.redirect_stderr(io.StringIO()):
        skeleton = skeleton_of(config)
    return facts_of(files, config, skeleton, Source("BF16"), published_facts(published, environment))


@cache
def planned(name: str, card_gib: int, context_tokens: int) -> Plan:
    """Return the plan for a well-known model on a card of that size."""
    return plan(machine_with(card_gib), facts_for(name), Wishes(context_tokens))


def cell(facts: CheckpointFacts, found: Plan) -> str:
    """Return the plan in a word or two."""
    if found.fit is Fit.TOO_BIG:
        return "-"
    words = facts.published.label if facts.stays_packed and facts.published else _WORDS[found.precision]
    if found.fit is Fit.SLOW:
        return f"{words} + RAM" if found.offloaded else f"CPU {words}"
    return f"{words}, {found.context_window / 1024:.1f}k" if found.fit is Fit.LESS_CONTEXT else words


def rendered() -> str:
    """Return the whole file."""
    lines = [_LEGEND]
    ordered = sorted(shapes.names(), key=lambda name: shapes.shape_of(name).parameters)
    for context in CONTEXTS:
        lines += [f"## {context:,} tokens", "", *_table(ordered, context), ""]
    lines += ["## Reasons", ""]
    for name, size, context in _EXPLAINED:
        found = planned(name, size, context)
        lines += [f"**{found.name}, {size} GiB, {context:,} tokens.** {found.precision_reason}", ""]
    return "\n".join(lines).rstrip() + "\n"


def _table(names: list[str], context: int) -> Iterator[str]:
    yield "| Model | Parameters | " + " | ".join(str(size) for size in CARDS) + " |"
    yield "|---|--:|" + "---|" * len(CARDS)
    for name in names:
        shape = shapes.shape_of(name)
        cells = " | ".join(cell(facts_for(name), planned(name, size, context)) for size in CARDS)
        yield f"| {shape.title} | {shape.parameters / 1e9:.1f}B | {cells} |"


def main() -> None:
    """Write the file."""
    FILE.write_text(rendered(), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
