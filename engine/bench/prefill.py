"""Tokens per second of reading a prompt, against one plain forward pass over the same ids."""

import inspect

import torch

from engine.api.benchmark import PrefillRow
from engine.bench.bound import operations_per_token
from engine.bench.spreads import inverse, rounds_within, seconds_of, spread
from engine.bench.transformers_writing import stopping_between_layers
from engine.bench.workbench import Bench, Tell, Workbench
from engine.decode import attention
from engine.hardware import faults
from engine.hardware.faults import Fault

LENGTHS = (100, 500, 2000, 8000)
_BUDGET_SECONDS = 20.0
_LEAST_ROUNDS = 2


def measure(workbench: Workbench, bench: Bench, tell: Tell) -> tuple[PrefillRow, ...]:
    """Return a row for each length; those that don't fit the window or would take too long say so. Raises Cancelled."""
    rows, left = [], _BUDGET_SECONDS
    for length in LENGTHS:
        window = workbench.plan.context_window
        # Once by Hearth and once plainly.
        seconds = 2 * workbench.seconds_to_read(length)
        if length >= window:
            rows.append(PrefillRow(prompt_tokens=length, skipped=f"the context window holds {window:,} tokens"))
        elif _LEAST_ROUNDS * seconds > left and length != LENGTHS[0]:
            rows.append(PrefillRow(prompt_tokens=length, skipped=f"it would take about {2 * seconds:,.0f} s"))
        else:
            tell(length)
            rounds = rounds_within(left / 2, seconds)
            rows.append(_row(workbench, bench, length, rounds))
            left -= rounds * seconds
    return tuple(rows)


def _row(workbench: Workbench, bench: Bench, length: int, rounds: int) -> PrefillRow:
    own: list[float] = []
    plain: list[float] = []
    plain_skipped = "" if workbench.plain_model is not None else workbench.copied.reason
    tokens = 0
    for number in range(rounds + 1):  # the first one warms up
        messages, conversation = workbench.prompt(length, 1000 * length + number), workbench.new_conversation()
        found = workbench.ask(messages, conversation, 1).statistics
        workbench.session.forget(conversation)
        tokens = found.prefilled_tokens
        own.append(found.prefill_seconds / max(tokens, 1))
        if not plain_skipped:
            ids = workbench.prompt_ids(messages)
            outcome = _plain_seconds(workbench, ids)
            plain_skipped = outcome if isinstance(outcome, str) else ""
            plain += [outcome / len(ids)] if isinstance(outcome, float) else []
    rate = inverse(spread(own[1:]), 1.0)
    plain_rate = inverse(spread(plain[1:]), 1.0) if plain[1:] and not plain_skipped else None
    operations = rate.median * operations_per_token(bench.facts)
    possible = bench.matrix_operations_per_second
    return PrefillRow(
        prompt_tokens=tokens,
        tokens_per_second=rate,
        plain_tokens_per_second=plain_rate,
        ratio_to_plain=rate.median / plain_rate.median if plain_rate is not None else 0.0,
        plain_skipped=plain_skipped,
        share_of_matrix_rate=operations / possible if possible else 0.0,
    )


def _plain_seconds(workbench: Workbench, ids: list[int]) -> float | str:
    """Return the seconds of one pass that keeps no KV, or why there was none."""
    model, device = workbench.plain_model, workbench.loaded.device
    assert model is not None
    arguments: dict[str, object] = {"input_ids": torch.tensor([ids], device=device), "use_cache": False}
    if "logits_to_keep" in inspect.signature(model.forward).parameters:
        arguments["logits_to_keep"] = 1
    try:
        stopping = stopping_between_layers(model, workbench.cancellation)
        with torch.inference_mode(), attention.left_to_transformers(), stopping:
            return seconds_of(lambda: model(**arguments).logits, device)
    except (RuntimeError, MemoryError, TypeError, ValueError) as error:
        if faults.fault_of(error) is Fault.DEVICE_LOST:
            raise
        return f"the plain pass failed ({type(error).__name__})"
