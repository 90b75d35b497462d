"""`hearth plan`: how a model would be loaded, on this computer or one that is only described, before any download."""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from app.conversations.records import new_id
from app.models import plan_words
from app.paths import Paths
from app.terminal.hub_access import hub_access
from app.terminal.one_command import run_once
from app.terminal.options import EXIT_FAILED, EXIT_OK
from app.terminal.output import Output
from app.terminal.wrapping import wrapped
from engine.api.commands import PlanCheckpoint, SupposedMachine
from engine.api.events import CheckpointPlanned
from engine.api.plan import Fit, Plan, PrecisionChoice

_ASSUMED_CAPABILITY = (8, 6)
_WIDTH = 100
_LABEL_WIDTH = 12
_MEMORY_WIDTH = 30
_ANSWERS = {
    Fit.FITS: "It fits.",
    Fit.LESS_CONTEXT: "It fits with a smaller context window than wanted.",
    Fit.SLOW: "It does not fit on the card, but runs slowly.",
    Fit.TOO_BIG: "It is too big.",
}


@dataclass(frozen=True)
class PlanOptions:
    """What `hearth plan` was asked. notes: what was assumed because it was not said."""

    model: str
    precision: PrecisionChoice
    context_tokens: int | None
    device: str
    supposed: SupposedMachine | None
    notes: tuple[str, ...]
    json: bool
    draft: str = ""


def options_from(given: argparse.Namespace) -> PlanOptions:
    """Return the options from what the parser found. Raises argparse.ArgumentTypeError for a wrong combination."""
    for name in ("compute_capability", "gpus"):
        if getattr(given, name) is not None and not given.vram:
            raise argparse.ArgumentTypeError(f"--{name.replace('_', '-')} describes a card, so it needs --vram")
    supposed, notes = None, []
    if given.vram is not None or given.ram is not None:
        cards = None if given.vram is None else (given.gpus or 1) if given.vram else 0
        supposed = SupposedMachine(
            cards=cards,
            vram_bytes=given.vram or 0,
            compute_capability=given.compute_capability or _ASSUMED_CAPABILITY,
            ram_bytes=given.ram,
        )
        if cards and given.compute_capability is None:
            notes.append("The card is taken to have compute capability 8.6 (--compute-capability says another).")
    return PlanOptions(
        model=given.model,
        precision=given.precision or PrecisionChoice.AUTO,
        context_tokens=given.context,
        device=given.device,
        supposed=supposed,
        notes=tuple(notes),
        json=given.json,
        draft=given.draft,
    )


def run(options: PlanOptions, paths: Paths, output: Output) -> int:
    """Print the plan and return the exit status: 1 if the model is too big. Raises TerminalFailure."""
    command = PlanCheckpoint(
        command_id=new_id(),
        checkpoint=options.model,
        precision=options.precision,
        context_tokens=options.context_tokens,
        device=options.device,
        supposed=options.supposed,
        ask_hub=True,
        access=hub_access(paths, output),
        draft=options.draft,
    )
    output.phase("Planning")
    terminal = run_once(command, paths, output)
    assert isinstance(terminal, CheckpointPlanned)
    notes = (*options.notes, *terminal.notes)
    if options.json:
        output.json(_report(terminal, notes), indent=2)
    else:
        for line in (*_lines(terminal.plan, notes), *_draft_lines(terminal.plan, terminal.draft)):
            output.line(line)
    refused = next((plan for plan in (terminal.plan, terminal.draft) if plan and plan.fit is Fit.TOO_BIG), None)
    if refused is None:
        return EXIT_OK
    output.say(_refusal(refused, options) if refused is terminal.plan else _draft_refusal(refused))
    return EXIT_FAILED


def _report(planned: CheckpointPlanned, notes: tuple[str, ...]) -> dict[str, object]:
    plan = planned.plan
    fields: dict[str, object] = msgspec.to_builtins(plan)
    return fields | {
        "fits": plan.fit in (Fit.FITS, Fit.LESS_CONTEXT),
        "needed_bytes": plan.parts.needed_bytes,
        "source": planned.source.value,
        "notes": list(notes),
        "hardware": msgspec.to_builtins(planned.hardware),
        "draft_plan": msgspec.to_builtins(planned.draft),
        "needed_bytes_together": plan.parts.needed_bytes + plan.draft_bytes,
    }


def _lines(plan: Plan, notes: tuple[str, ...]) -> Iterator[str]:
    yield f"{plan.name}, {plan_words.parameters_text(plan.parameters)} parameters: {_ANSWERS[plan.fit]}"
    for note in (*notes, *([plan.left_out] if plan.left_out else [])):
        yield from wrapped(note, _WIDTH)
    yield ""
    yield from _entry("Precision", plan.precision_reason, plan.quantization)
    if plan.fit is not Fit.TOO_BIG:
        yield from _entry("Context", plan.context_reason)
    yield from _entry("Device", plan.device_name, *plan_words.device_lines(plan))
    if speed := plan_words.speed_text(plan):
        yield from _entry("Speed", speed)
    yield ""
    yield "Memory in GiB"
    rows = plan_words.memory_rows(plan)
    rows += [*plan_words.memory_elsewhere(plan), ("free", plan_words.gib(plan.parts.free_bytes))]
    for words, value in rows:
        yield f"  {words:<{_MEMORY_WIDTH}}{value:>9}"


def _draft_lines(plan: Plan, draft: Plan | None) -> Iterator[str]:
    """The draft model's plan, and what both take together; what CUDA takes and the reserve are there once."""
    if draft is None:
        return
    yield ""
    yield f"Draft model {draft.name}, {plan_words.parameters_text(draft.parameters)} parameters"
    yield from _entry("Precision", draft.precision_reason, draft.quantization)
    if draft.fit is Fit.TOO_BIG:
        return
    yield from _entry("Context", draft.context_reason)
    yield from _entry("Together", plan.draft_reason)
    yield ""
    yield "Memory in GiB, both"
    rows = plan_words.memory_together(plan, draft)
    rows.append(("free", plan_words.gib(plan.parts.free_bytes + plan.draft_bytes)))
    for words, value in rows:
        yield f"  {words:<{_MEMORY_WIDTH}}{value:>9}"


def _entry(label: str, *paragraphs: str) -> Iterator[str]:
    indent = " " * _LABEL_WIDTH
    lines = [line for paragraph in paragraphs for line in wrapped(paragraph, _WIDTH, indent)]
    yield f"{label:<{_LABEL_WIDTH}}{lines[0].lstrip() if lines else ''}".rstrip()
    yield from lines[1:]


def _draft_refusal(draft: Plan) -> str:
    return f"{draft.name} does not fit as draft model: {draft.precision_reason} Choose a smaller one, or none."


def _refusal(plan: Plan, options: PlanOptions) -> str:
    hint = "Close other programs, or choose a smaller model."
    if options.precision not in (PrecisionChoice.AUTO, PrecisionChoice.INT4):
        hint = "Leave the precision to Hearth (auto), or choose a smaller model."
    elif options.supposed is not None:
        hint = "Choose a smaller model."
    return f"{plan.name} does not fit: {plan.precision_reason} {hint}"
