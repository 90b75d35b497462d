"""The `hearth` command: reads the arguments, starts the window or the terminal, turns failures into exit statuses.

Exit status: 0; 1 a failure told in one sentence on stderr; 2 wrong usage; 130 interrupted, what was generated is kept.
Neither Qt nor the engine's libraries are imported here, so that `hearth ask` starts quickly.
"""

import argparse
import gc
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from app.conversations.errors import StoreError
from app.excepthook import start_logging, versions
from app.paths import FolderUnusable, Paths, locate
from app.qt_loading import load_qt
from app.settings.file import load
from app.settings.levels import for_model
from app.settings.schema import Settings, budgets_from, sampling_from
from app.terminal import ask, bench, chat, conversations_options, doctor, models_options, plan
from app.terminal.options import (
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    EXIT_WRONG_USAGE,
    ChatOptions,
    TerminalFailure,
    WrongUsage,
)
from app.terminal.output import Output, OutputFailed, standard_output
from app.terminal.quantities import capability, card_size, count_up_to, memory_size
from app.terminal.streams import silence
from app.terminal.way_out import WayOut
from app.terminal.wrapping import ListingFormatter
from engine.api.codec import clean_text
from engine.api.plan import PrecisionChoice
from engine.api.sampling import Count, Penalty, PositiveCount, Probability, Sampling, Seed, Temperature, ThinkingChoice

_MOST_CARDS = 16
_BENCH_DESCRIPTION = (
    "Measure what a model reaches on this computer, against the computer's own limits and against transformers. The "
    "built-in model takes about three minutes; close other programs first. What would take too long is left out, and "
    "said. The last line says in plain words how this computer does, and which setting to use."
)
_SETTINGS = "in the settings"  # the engine's sentences are the same for window and terminal
_NO_DISPLAY = "There is no display here, so Hearth chats in the terminal (hearth --help shows more)."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the `hearth` command and return its exit status."""
    options = _parsed(arguments)
    output = standard_output()
    try:
        return _run(options, output)
    except KeyboardInterrupt:
        output.clear_progress()
        return EXIT_INTERRUPTED
    except BrokenPipeError:  # whoever read our output has gone
        silence(sys.stdout)  # so that the interpreter's own flush at the end stays quiet
        return EXIT_FAILED
    except OutputFailed as failure:
        silence(sys.stdout)
        output.say(str(failure))
    except WrongUsage as failure:
        output.say(str(failure))
        return EXIT_WRONG_USAGE
    except (TerminalFailure, FolderUnusable) as failure:
        output.say(str(failure))
    except StoreError as failure:
        output.say(failure.sentence())
    return EXIT_FAILED


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    options = build_parser().parse_args(arguments)
    completed = {"plan": plan.options_from, "bench": bench.options_from}.get(options.command)
    if completed is not None:
        try:
            options.completed = completed(options)
        except argparse.ArgumentTypeError as error:
            options.usage_error(str(error))
    return options


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    parser = argparse.ArgumentParser(
        prog="hearth",
        description="Chat with a language model on this computer. Without a command, Hearth opens its window.",
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="show program's version number and exit")
    parser.set_defaults(command="window")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    _add_ask(commands)
    _add_chat(commands)
    conversations_options.add_conversations(commands)
    models_options.add_models(commands)
    _add_plan(commands)
    _add_bench(commands)
    _add_doctor(commands)
    return parser


class _Version(argparse.Action):
    """Looks for the version only when it is asked for: that takes tens of milliseconds, also of the window's start."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        """Print it and end."""
        print(f"Hearth {versions().get('hearth-chat', '(from source)')}")
        parser.exit()


def has_display(environment: Mapping[str, str], platform: str) -> bool:
    """Return whether a window can be shown: always but on a Linux without display server and without a Qt platform."""
    if not platform.startswith("linux"):
        return True
    return any(environment.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"))


def _run(options: argparse.Namespace, output: Output) -> int:
    paths = locate()
    if options.command == "window" and has_display(os.environ, sys.platform):
        return _open_window(paths)  # which opens as far as it can, and says itself what it can't write to
    with WayOut():
        paths.make_folders()
        stop_logging = start_logging(paths.app_log)
        try:
            return _run_in_terminal(options, paths, output)
        except TerminalFailure as failure:
            if _SETTINGS not in str(failure):
                raise
            raise TerminalFailure(f"{failure} They are in the window, or in {paths.settings_file}.") from failure
        finally:
            stop_logging()


def _run_in_terminal(options: argparse.Namespace, paths: Paths, output: Output) -> int:
    if options.command.startswith(models_options.PREFIX):
        return models_options.run(options, paths, output)
    if options.command.startswith(conversations_options.PREFIX):
        return conversations_options.run(options, paths, output)
    match options.command:
        case "ask":
            return ask.run(options.text, _chat_options(options, paths, output), paths, output)
        case "chat":
            return chat.run(_chat_options(options, paths, output), paths, output)
        case "plan":
            return plan.run(options.completed, paths, output)
        case "bench":
            return bench.run(options.completed, _settings(paths, output).checkpoint, paths, output)
        case "doctor":
            return doctor.run(paths, output, as_json=options.json)
        case _:
            output.say(_NO_DISPLAY)
            return chat.run(_chat_options(build_parser().parse_args(["chat"]), paths, output), paths, output)


def _open_window(paths: Paths) -> int:
    gc.disable()  # as main.run() does; the modules are half of what is made until the window is there
    try:
        load_qt()
        from app import main as window
    except ImportError as error:
        gc.enable()
        raise TerminalFailure(
            f"The window can't open, as a library that it needs could not be loaded ({error}). "
            "Run `hearth chat` to chat in the terminal."
        ) from error
    return window.run(paths)


def _add_ask(commands: Any) -> None:  # noqa: ANN401  argparse's type for this is private
    parser = commands.add_parser(
        "ask",
        help="ask one question and print the answer",
        description="Ask one question. The answer goes to stdout, one line of statistics to stderr. Nothing is stored "
        "unless --conversation names a conversation.",
    )
    parser.add_argument("text", metavar="TEXT", type=clean_text, help="the question; - reads it from stdin")
    _add_chat_options(parser)
    parser.set_defaults(command="ask")


def _add_chat(commands: Any) -> None:  # noqa: ANN401
    parser = commands.add_parser(
        "chat",
        help="a conversation in the terminal",
        description="Chat in the terminal: each line is one message. /new begins a new conversation, /quit or Ctrl+D "
        "leaves, Ctrl+C stops an answer. Nothing is stored unless --conversation names a conversation.",
    )
    _add_chat_options(parser)
    parser.set_defaults(command="chat")


def _add_plan(commands: Any) -> None:  # noqa: ANN401
    parser = commands.add_parser(
        "plan",
        help="how a model would be loaded, before anything is downloaded",
        description="Say how a model would be loaded: precision, context window, memory by part, and why. Nothing is "
        "loaded or downloaded; of a model on the Hub only its description is read. Without --vram and --ram it is "
        "about this computer. GB means GiB here. Exit status 1: the model is too big.",
    )
    add = parser.add_argument
    add("model", metavar="MODEL", type=clean_text, help="a Hub id, a local folder, a GGUF file, or: starter")
    add(
        "--vram", metavar="SIZE", type=card_size, help="suppose a graphics card with so much memory, e.g. 8GiB; 0: none"
    )
    add("--compute-capability", metavar="X.Y", type=capability, help="of that card, e.g. 8.6 (default: 8.6)")
    add("--gpus", metavar="N", type=count_up_to(_MOST_CARDS), help="so many such cards (default: 1)")
    add("--ram", metavar="SIZE", type=memory_size, help="suppose so much free main memory, e.g. 32GiB")
    add("--precision", type=_precision, metavar="P", help="auto, bf16, int8, int4 or fp32")
    add("--context", metavar="N", type=_bounded(PositiveCount), help="context window in tokens")
    add("--device", default="auto", type=clean_text, help="auto, cpu, cuda, cuda:1, ...")
    add("--draft", default="", metavar="M", type=clean_text, help="with this small model to guess ahead: both plans")
    add("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(command="plan", usage_error=parser.error)


def _add_bench(commands: Any) -> None:  # noqa: ANN401
    parser = commands.add_parser(
        "bench",
        help="how fast a model is on this computer, and what would make it faster",
        description=_BENCH_DESCRIPTION,
        epilog="NAME is one or more of:\n\n"
        + "\n".join(f"  {part.value:<10} {words}" for part, words in bench.PART_HELP.items()),
        formatter_class=ListingFormatter,
    )
    add = parser.add_argument
    add("names", metavar="NAME", nargs="*", type=bench.part, help="what to measure (default: everything)")
    subject = parser.add_mutually_exclusive_group()
    subject.add_argument(
        "--model", metavar="M", type=clean_text, help="a Hub id, a local folder, a GGUF file, or: starter"
    )
    subject.add_argument("--shape", metavar="S", type=clean_text, help="a known model's shape, e.g. llama-3.1-8b")
    add("--random-weights", action="store_true", help="with --shape: draw the weights, nothing is downloaded")
    add("--precision", metavar="P", action="append", type=bench.precisions,
        help="auto, bf16, int8, int4, fp32, or several with commas; all: bf16,int8,int4")  # fmt: skip
    add("--context", metavar="N", type=_bounded(PositiveCount), help="context window in tokens")
    add("--device", default="auto", type=clean_text, help="auto, cpu, cuda, cuda:1, ...")
    add("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(command="bench", usage_error=parser.error)


def _add_doctor(commands: Any) -> None:  # noqa: ANN401
    parser = commands.add_parser("doctor", help="what this computer has, for you and for a bug report")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(command="doctor")


def _add_chat_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--model", metavar="M", type=clean_text, help="a Hub id, a local folder, a GGUF file, or: starter")
    add("--precision", type=_precision, metavar="P", help="auto, bf16, int8, int4 or fp32")
    add("--context", metavar="N", type=_bounded(PositiveCount), help="context window in tokens")
    add("--device", default="auto", type=clean_text, help="auto, cpu, cuda, cuda:1, ...")
    add("--system", metavar="TEXT", type=clean_text, help="the system prompt")
    add("--conversation", metavar="NAME", type=clean_text, help="continue the stored conversation NAME, or begin it")
    add("--max-tokens", metavar="N", type=_bounded(PositiveCount), help="longest answer in tokens")
    add("--temperature", metavar="T", type=_bounded(Temperature), help="0 always takes the likeliest token")
    add("--top-k", metavar="N", type=_bounded(Count), help="choose among the N likeliest tokens; 0 is off")
    add("--top-p", metavar="P", type=_bounded(Probability), help="choose among the likeliest tokens up to this share")
    add("--min-p", metavar="P", type=_bounded(Probability), help="leave out tokens below this share of the likeliest")
    add("--repetition-penalty", metavar="X", type=_bounded(Penalty), help="above 1: repeat less")
    add("--seed", metavar="N", type=_bounded(Seed), help="the same seed gives the same answer")
    add("--thinking", type=_thinking, metavar="T", help="off, on, low, medium or high, where the model has a switch")
    add("--draft", metavar="M", type=clean_text, help="a small model of the same family that guesses ahead")
    add("--no-speculation", action="store_true", help="check no guessed tokens ahead, each comes by itself")
    add("--compile", action="store_true", help="compile the model where a compiler works; loading takes longer")
    add("--json", action="store_true", help="print one JSON object for each answer instead of text")


def _precision(text: str) -> PrecisionChoice:
    try:
        return PrecisionChoice(text.lower())  # it is shown in capitals
    except ValueError:
        known = ", ".join(choice.value for choice in PrecisionChoice)
        raise argparse.ArgumentTypeError(f"{text!r} is no precision; there are {known}") from None


def _thinking(text: str) -> ThinkingChoice:
    try:
        return ThinkingChoice(text.lower())
    except ValueError:
        known = ", ".join(choice.value for choice in ThinkingChoice)
        raise argparse.ArgumentTypeError(f"{text!r} is no way to think; there are {known}") from None


def _bounded(kind: Any) -> Callable[[str], Any]:  # noqa: ANN401  an annotated number type of engine.api.sampling
    def parse(text: str) -> Any:  # noqa: ANN401
        try:
            return msgspec.convert(text, kind, strict=False)
        except msgspec.ValidationError as error:
            raise argparse.ArgumentTypeError(f"{text!r} is no {_expected(str(error))}") from error

    return parse


def _expected(complaint: str) -> str:
    """Return in words for people what msgspec expected, as in "Expected `int` >= 1" or "Expected `int`, got `str`"."""
    number = "whole number" if "int" in complaint.partition(",")[0] else "number"
    bound = re.search(r"(>=|<=|>|<) (-?[\d.]+)", complaint)
    if bound is None:
        return number
    words = {">=": "of at least", "<=": "of at most", ">": "above", "<": "below"}[bound[1]]
    return f"{number} {words} {float(bound[2]):g}"


def _settings(paths: Paths, output: Output) -> Settings:
    settings, warnings = load(paths.settings_file)
    for warning in warnings:
        output.say(warning)
    return settings


def _chat_options(options: argparse.Namespace, paths: Paths, output: Output) -> ChatOptions:
    settings = _settings(paths, output)
    if options.conversation is not None and not options.conversation.strip():
        raise TerminalFailure("The conversation's name is empty. Give --conversation a name.")
    given = Sampling(
        temperature=options.temperature,
        top_k=options.top_k,
        top_p=options.top_p,
        min_p=options.min_p,
        repetition_penalty=options.repetition_penalty,
        seed=options.seed,
        maximum_tokens=options.max_tokens,
        thinking=options.thinking,
    )
    model = options.model if options.model is not None else settings.checkpoint
    in_force = for_model(settings, model)
    return ChatOptions(
        model=model,
        precision=options.precision or in_force.precision,
        context_tokens=options.context or in_force.context_tokens,
        device=options.device,
        sampling=sampling_from(in_force),
        given=given,
        system=options.system,
        default_system=in_force.system_prompt,
        conversation=options.conversation,
        json=options.json,
        when_full=settings.when_full,
        speculates=settings.speculation and not options.no_speculation,
        draft=_draft(options, settings),
        compiles=settings.compile_model or options.compile,
        budgets=budgets_from(settings),
    )


def _draft(options: argparse.Namespace, settings: Settings) -> str:
    """Return the draft model; that of the settings goes with their model only."""
    if options.draft is not None:
        return str(options.draft)
    model = options.model if options.model is not None else settings.checkpoint
    return settings.draft_checkpoint if model == settings.checkpoint != settings.draft_checkpoint else ""


if __name__ == "__main__":
    sys.exit(main())
