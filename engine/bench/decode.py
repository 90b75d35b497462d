"""Tokens per second of writing behind contexts of several lengths, and their share of what the bandwidth allows."""

import time

from engine.api.benchmark import DecodeRow
from engine.bench.bound import bytes_per_token
from engine.bench.spreads import inverse, rounds_within, spread
from engine.bench.workbench import Bench, Tell, Workbench, decoded_steps

CONTEXTS = (100, 2000, 8000, 32_000)
_BUDGET_SECONDS = 50.0
_ROUND_SECONDS = 1.5
_ROUNDS_SECONDS = 6.0
_FEWEST_TOKENS, _MOST_TOKENS = 8, 128
# A shorter answer says more about the first token than about writing.
_LEAST_STEPS = 4
# Reading becomes slower with the length.
_LONG_READING = 1.5


def measure(
    workbench: Workbench, bench: Bench, tell: Tell, rounds_seconds: float = _ROUNDS_SECONDS
) -> tuple[DecodeRow, ...]:
    """Return a row for each length; those that don't fit the window or would take too long say so. Raises Cancelled.

    rounds_seconds: about how long each length is measured, reading it not counted.
    """
    rows: list[DecodeRow] = []
    ends = time.monotonic() + _BUDGET_SECONDS
    for context in CONTEXTS:
        if reason := _too_long(workbench, bench, context, ends - time.monotonic()):
            rows.append(DecodeRow(context_tokens=context, skipped=reason))
            continue
        tell(context)
        rows.append(_row(workbench, bench, context, rounds_seconds))
    return tuple(rows)


def _too_long(workbench: Workbench, bench: Bench, context: int, seconds_left: float) -> str:
    window, most = workbench.plan.context_window, bench.facts.maximum_context
    needed = context + _MOST_TOKENS
    if needed > window:
        makes_room = f" (--context {needed} makes room)" if most is None or needed <= most else ""
        return f"it takes {needed:,} tokens, and the context window holds {window:,}{makes_room}"
    seconds = workbench.seconds_to_read(context) * _LONG_READING
    if seconds > max(seconds_left, _ROUND_SECONDS) and context != CONTEXTS[0]:
        return f"reading so many tokens first would take about {seconds:,.0f} s"
    return ""


def _row(workbench: Workbench, bench: Bench, context: int, rounds_seconds: float) -> DecodeRow:
    messages, conversation = workbench.prompt(context, context), workbench.new_conversation()
    result = workbench.ask(messages, conversation, _FEWEST_TOKENS)  # reads; what follows only writes
    seconds: list[float] = []
    count, rounds = _FEWEST_TOKENS, 1
    while len(seconds) < rounds:
        result = workbench.ask(messages, conversation, count)
        steps = decoded_steps(result)
        if steps < _LEAST_STEPS:
            workbench.session.forget(conversation)
            return DecodeRow(context_tokens=context, skipped=f"the model ended its answer after {steps} tokens")
        per_token = max(result.statistics.decode_seconds, 1e-9) / steps
        if rounds == 1:  # the first one only finds the rate
            count = max(_FEWEST_TOKENS, min(_MOST_TOKENS, int(_ROUND_SECONDS / per_token)))
            rounds = rounds_within(rounds_seconds, count * per_token)
            if workbench.records:
                workbench.ask(messages, conversation, count)
            continue
        seconds.append(per_token)
    workbench.session.forget(conversation)
    # The context grows while it is measured: its middle counts.
    held = result.statistics.prompt_tokens + len(result.token_ids) // 2
    rate = inverse(spread(seconds), 1.0)
    read = bytes_per_token(bench.facts, bench.shape, held)
    bound = bench.bandwidth_bytes_per_second / read if not workbench.plan.device_map else 0.0
    return DecodeRow(
        context_tokens=held,
        tokens_per_second=rate,
        read_bytes_per_token=read,
        bound_tokens_per_second=bound,
        share_of_bound=rate.median / bound if bound else 0.0,
    )
