"""`hearth bench`: what this machine reaches with a model, against its own limits and against transformers."""

import argparse
from dataclasses import dataclass

import msgspec

from app.controllers import phases
from app.conversations.records import new_id
from app.paths import Paths
from app.terminal.bench_table import lines
from app.terminal.one_command import run_once
from app.terminal.options import EXIT_OK
from app.terminal.output import Output
from engine.api.benchmark import BenchmarkPart
from engine.api.commands import RunBenchmark
from engine.api.events import BenchmarkFinished
from engine.api.plan import PrecisionChoice

PART_HELP = {
    BenchmarkPart.HARDWARE: "how fast memory is copied and matrices are multiplied",
    BenchmarkPart.DECODE: "tokens per second of writing, and the share of what the memory allows",
    BenchmarkPart.PREFILL: "tokens per second of reading a prompt, against one plain pass of transformers",
    BenchmarkPart.FOLLOW_UP: "first token of a follow-up, against reading everything again",
    BenchmarkPart.TIERS: "bringing a conversation back from RAM and disk, against reading it",
    BenchmarkPart.LOAD: "loading for the first and for the second time",
    BenchmarkPart.RIVALS: "writing against transformers' generate, eager and compiled",
}
_ALL = "all"
_EVERY_PRECISION = (PrecisionChoice.BF16, PrecisionChoice.INT8, PrecisionChoice.INT4)


@dataclass(frozen=True)
class BenchOptions:
    """What `hearth bench` was asked, complete."""

    parts: tuple[BenchmarkPart, ...]
    model: str | None
    shape: str
    precisions: tuple[PrecisionChoice, ...]
    context_tokens: int | None
    device: str
    json: bool


def part(text: str) -> BenchmarkPart:
    """Return the part of that name. Raises argparse.ArgumentTypeError with the names that there are."""
    try:
        return BenchmarkPart(text)
    except ValueError:
        known = ", ".join(each.value for each in BenchmarkPart)
        raise argparse.ArgumentTypeError(f"{text!r} is nothing to measure; there are {known}") from None


def precisions(text: str) -> tuple[PrecisionChoice, ...]:
    """Return the precisions of a list with commas; `all` means bf16, int8 and int4. Raises as part() does."""
    found: list[PrecisionChoice] = []
    for name in text.split(","):
        if name == _ALL:
            found += _EVERY_PRECISION
            continue
        try:
            found.append(PrecisionChoice(name))
        except ValueError:
            known = ", ".join(choice.value for choice in PrecisionChoice)
            raise argparse.ArgumentTypeError(f"{name!r} is no precision; there are {known} and {_ALL}") from None
    return tuple(found)


def options_from(given: argparse.Namespace) -> BenchOptions:
    """Return the options from what the parser found. Raises argparse.ArgumentTypeError for a wrong combination."""
    if given.shape and not given.random_weights:
        raise argparse.ArgumentTypeError("--shape has no weights of its own, so it needs --random-weights")
    if given.random_weights and not given.shape:
        raise argparse.ArgumentTypeError("--random-weights needs --shape, e.g. --shape llama-3.1-8b")
    wished = [choice for several in given.precision or () for choice in several]
    return BenchOptions(
        parts=tuple(each for each in BenchmarkPart if each in given.names) if given.names else tuple(BenchmarkPart),
        model=given.model,
        shape=given.shape or "",
        precisions=tuple(dict.fromkeys(wished)) or (PrecisionChoice.AUTO,),
        context_tokens=given.context,
        device=given.device,
        json=given.json,
    )


def run(options: BenchOptions, default_model: str, paths: Paths, output: Output) -> int:
    """Measure, print the report and return the exit status. Raises TerminalFailure and KeyboardInterrupt."""
    command = RunBenchmark(
        command_id=new_id(),
        parts=options.parts,
        checkpoint="" if options.shape else options.model or default_model,
        shape=options.shape,
        precisions=options.precisions,
        context_tokens=options.context_tokens,
        device=options.device,
    )
    output.phase(phases.STARTING_ENGINE)
    terminal = run_once(command, paths, output)
    assert isinstance(terminal, BenchmarkFinished)
    if options.json:
        output.json(msgspec.to_builtins(terminal.report), indent=2)
    else:
        for line in lines(terminal.report):
            output.line(line)
    return EXIT_OK
