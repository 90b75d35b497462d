"""Hearth's decoding against transformers' generate, eager and compiled: same process, same weights, turn by turn."""

import time
from dataclasses import dataclass, field

import torch
from transformers import PreTrainedModel

from engine.api.benchmark import Rival, RivalRow
from engine.api.errors import Cancelled
from engine.api.message import PromptMessage
from engine.bench.spreads import inverse, rounds_within, spread
from engine.bench.transformers_writing import Written, write
from engine.bench.workbench import Tell, Workbench, decoded_steps
from engine.decode import compiler
from engine.hardware import faults
from engine.hardware.faults import Fault
from engine.hardware.reasons import one_line

CONTEXTS = (2000, 500, 100)
_BUDGET_SECONDS = 30.0
_ROUND_SECONDS = 2.0
_FEWEST_TOKENS, MOST_TOKENS = 8, 128
_LEAST_STEPS = 4
_MOST_ROUNDS = 5
_ON_REQUEST = "compiling takes minutes on a processor: ask for it with `hearth bench rivals`"


@dataclass
class _Entrant:
    """What one way of writing has come to so far; it is out once skipped says why."""

    rival: Rival
    skipped: str = ""
    seconds: list[float] = field(default_factory=list)
    token_ids: tuple[int, ...] = ()
    compile_seconds: float = 0.0


def measure(workbench: Workbench, tell: Tell, tell_compiling: Tell, *, is_asked_for: bool) -> tuple[RivalRow, ...]:
    """Return a row for Hearth and for each rival, measured in turns. Raises Cancelled.

    is_asked_for: the user named this part, and waits for a compiler on a processor as well.
    """
    no_compiler = "" if is_asked_for or workbench.loaded.device.type != "cpu" else _ON_REQUEST
    return measure_behind(_context(workbench), workbench, tell, tell_compiling, no_compiler)


def measure_behind(
    context: int, workbench: Workbench, tell: Tell, tell_compiling: Tell, no_compiler: str
) -> tuple[RivalRow, ...]:
    """Return the rows behind so many tokens; 0 is for a window that is too small. Raises Cancelled.

    no_compiler: why none is to be tried; empty for where one is.
    """
    own = _Entrant(Rival.HEARTH)
    others = [_Entrant(Rival.GENERATE), _Entrant(Rival.COMPILED)]
    model = workbench.plain_model
    if model is None or not context:
        reason = workbench.copied.reason if context else "the context window is too small"
        return tuple(RivalRow(rival=each.rival, context_tokens=context, skipped=reason) for each in (own, *others))
    tell(context)
    messages, conversation = workbench.prompt(context, 7), workbench.new_conversation()
    prompt_ids = workbench.prompt_ids(messages)
    tokens = _warm_up(workbench, messages, conversation)
    others[1].skipped = no_compiler or compiler.problem(str(workbench.loaded.device))
    for other in others:
        if not other.skipped:
            (tell_compiling if other.rival is Rival.COMPILED else tell)(context)
            _warm_up_other(workbench, model, other, prompt_ids, tokens)
    rounds = rounds_within(_BUDGET_SECONDS / 2, 3 * _ROUND_SECONDS + workbench.seconds_to_read(context), _MOST_ROUNDS)
    tell(context)
    for _ in range(rounds):
        _own_round(workbench, own, messages, conversation, tokens)
        for other in others:
            _round(workbench, model, other, prompt_ids, tokens)
    workbench.session.forget(conversation)
    if others[1].compile_seconds:
        torch.compiler.reset()  # what was compiled keeps memory of a card, and counts against the next one's share
    return tuple(_row(each, own, len(prompt_ids)) for each in (own, *others))


def _context(workbench: Workbench) -> int:
    """Return the longest context that fits the window and that generate, which reads it each time, reads in time."""
    fitting = [context for context in CONTEXTS if context + MOST_TOKENS <= workbench.plan.context_window]
    quick = [context for context in fitting if workbench.seconds_to_read(context) * 4 <= _BUDGET_SECONDS]
    return quick[0] if quick else (fitting[-1] if fitting else 0)


def _warm_up(workbench: Workbench, messages: tuple[PromptMessage, ...], conversation: str) -> int:
    """Read the prompt and find out how many tokens a round takes."""
    workbench.ask(messages, conversation, _FEWEST_TOKENS)
    result = workbench.ask(messages, conversation, _FEWEST_TOKENS)
    per_token = max(result.statistics.decode_seconds, 1e-9) / max(decoded_steps(result), 1)
    tokens = max(_FEWEST_TOKENS, min(MOST_TOKENS, int(_ROUND_SECONDS / per_token)))
    if workbench.records:
        workbench.ask(messages, conversation, tokens)
    return tokens


def _own_round(
    workbench: Workbench, own: _Entrant, messages: tuple[PromptMessage, ...], conversation: str, tokens: int
) -> None:
    result = workbench.ask(messages, conversation, tokens)
    steps = decoded_steps(result)
    own.token_ids = result.token_ids
    if steps < _LEAST_STEPS:
        own.skipped = f"the model ended its answer after {steps} tokens"
    else:
        own.seconds.append(max(result.statistics.decode_seconds, 1e-9) / steps)


def _warm_up_other(
    workbench: Workbench, model: PreTrainedModel, other: _Entrant, prompt_ids: list[int], tokens: int
) -> None:
    """Let a rival do what it does only once; compiling needs the lengths that will be measured."""
    started = time.perf_counter()
    _round(workbench, model, other, prompt_ids, tokens if other.rival is Rival.COMPILED else 2)
    if other.rival is Rival.COMPILED:
        other.compile_seconds = time.perf_counter() - started
    other.seconds.clear()


def _round(workbench: Workbench, model: PreTrainedModel, other: _Entrant, prompt_ids: list[int], tokens: int) -> None:
    if other.skipped:
        return
    outcome = _written(workbench, model, other.rival, prompt_ids, tokens)
    if isinstance(outcome, str):
        other.skipped = outcome
        faults.release()
    else:
        other.token_ids = outcome.token_ids
        other.seconds += [outcome.seconds_per_token] if outcome.seconds_per_token else []


def _written(
    workbench: Workbench, model: PreTrainedModel, rival: Rival, prompt_ids: list[int], tokens: int
) -> Written | str:
    """Return what was written, or why nothing was: a rival that fails is no failure of the benchmark."""
    try:
        return write(model, prompt_ids, tokens, workbench.cancellation, compiled=rival is Rival.COMPILED)
    except Cancelled:
        raise
    except Exception as error:  # compilers raise what they like
        if faults.fault_of(error) is Fault.DEVICE_LOST:
            raise
        return f"it failed: {one_line(error)}"


def _row(entrant: _Entrant, own: _Entrant, context: int) -> RivalRow:
    if entrant.skipped or not entrant.seconds:
        return RivalRow(
            rival=entrant.rival,
            context_tokens=context,
            skipped=entrant.skipped or "nothing was written",
            compile_seconds=entrant.compile_seconds,
        )
    rate = inverse(spread(entrant.seconds), 1.0)
    compared = min(len(own.token_ids), len(entrant.token_ids))
    pairs = zip(own.token_ids, entrant.token_ids, strict=False)
    same = next((place for place, (first, second) in enumerate(pairs) if first != second), compared)
    faster = inverse(spread(own.seconds), 1.0).median / rate.median if own.seconds else 0.0
    return RivalRow(
        rival=entrant.rival,
        context_tokens=context,
        tokens_per_second=rate,
        hearth_times_faster=faster,
        same_tokens=same,
        compared_tokens=compared,
        compile_seconds=entrant.compile_seconds,
    )
