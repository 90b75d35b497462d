"""What a terminal shows: answers on stdout, everything else on stderr, nothing that could steer the terminal."""

import json
import os
import shutil
import sys
import unicodedata
from typing import TextIO

from app.controllers import phases
from app.models.amounts import seconds
from app.models.speculation_words import guessed_words
from app.models.warmth_words import reused_words, token_words
from app.terminal.streams import is_gone, prepare_streams, silence
from engine.api.events import (
    BenchmarkProgress,
    Event,
    LoadProgress,
    PrefillProgress,
    Statistics,
    TextGenerated,
)
from engine.api.plan import Plan
from engine.api.rates import written

_ERASE_LINE = "\r\x1b[K"


class OutputFailed(Exception):
    """stdout takes nothing more, as on a full disk; its text says so in one sentence."""


class Output:
    """Writes answers, progress and sentences. Progress is shown only where a person watches (stderr is a terminal)."""

    def __init__(self, out: TextIO, err: TextIO) -> None:
        self._out = out
        self._err = err
        self._out_is_terminal = out.isatty()
        self._shows_progress = err.isatty()
        self._progress = ""

    def text(self, text: str) -> None:
        """Write a piece of an answer at once. A terminal gets no control characters that a model may have written."""
        if not text:
            return
        self.clear_progress()
        self._write(printable(text) if self._out_is_terminal else text)

    def _write(self, text: str) -> None:
        try:
            self._out.write(text)
            self._out.flush()
        except OSError as error:
            raise _why(error) from error

    def raw(self, content: bytes) -> None:
        """Write bytes of UTF-8 on stdout as they are; on a terminal as text that can't steer it."""
        self.clear_progress()
        binary = getattr(self._out, "buffer", None)
        if self._out_is_terminal or binary is None:
            self._write(printable(content.decode("utf-8", "replace")))
            return
        try:
            binary.write(content)
            binary.flush()
        except OSError as error:
            raise _why(error) from error

    def end_line(self) -> None:
        """End the answer's line."""
        self._write("\n")

    def json(self, value: object, *, indent: int | None = None) -> None:
        """Write one JSON object on stdout."""
        self.clear_progress()
        # On Windows the program that reads this most likely expects yet another encoding than we were given.
        ascii_only = sys.platform == "win32" or (self._out.encoding or "ascii").lower().replace("-", "") != "utf8"
        self._write(json.dumps(value, ensure_ascii=ascii_only, indent=indent) + "\n")

    def line(self, text: str) -> None:
        """Write one line of plain text on stdout."""
        self.clear_progress()
        self._write(printable(text) + "\n")

    def say(self, sentence: str) -> None:
        """Write one sentence for a person on stderr."""
        self.clear_progress()
        self._err.write(printable(sentence) + "\n")
        self._err.flush()

    def end(self) -> None:
        """Say that nothing more comes: who reads stdout from a pipe needn't wait for the end of this process."""
        if not self._out_is_terminal:
            silence(self._out)

    def progress(self, event: Event | None) -> None:
        """Show how far a load, a benchmark or the reading of a prompt has come; else change nothing."""
        match event:
            case LoadProgress():
                self.phase(phases.load_phase(event))
            case PrefillProgress():
                self.phase(phases.reading_phase(event))
            case BenchmarkProgress():
                self.phase(phases.benchmark_phase(event))
            case TextGenerated():
                self.clear_progress()

    @property
    def is_terminal(self) -> bool:
        """Whether answers and tables are read by a person."""
        return self._out_is_terminal

    @property
    def columns(self) -> int:
        """The width in which progress is shown, in characters, as it is now: windows change."""
        try:
            found = os.get_terminal_size(self._err.fileno()).columns
        except (OSError, ValueError):
            found = 0
        return found or shutil.get_terminal_size().columns

    def ask(self, question: str) -> str:
        """Put a question to the person at the terminal and return the line typed, empty at the end of input."""
        self.clear_progress()
        self._err.write(printable(question))
        self._err.flush()
        return sys.stdin.readline().strip()

    def phase(self, words: str) -> None:
        """Show a phase in the one line of progress, cut to the terminal's width: two lines could not be erased."""
        if self._shows_progress and words != self._progress:
            self._progress = words
            words = printable(words)[: max(0, self.columns - 1)]
            self._err.write(f"{_ERASE_LINE}{words}")
            self._err.flush()

    def clear_progress(self) -> None:
        """Take the line of progress away."""
        if self._progress:
            self._progress = ""
            self._err.write(_ERASE_LINE)
            self._err.flush()


def _why(error: OSError) -> Exception:
    if is_gone(error):
        return BrokenPipeError(error.errno, error.strerror)
    return OutputFailed(f"The output could not be written ({error.strerror or error}).")


def standard_output() -> Output:
    """Return the output on this process's streams, which are made ready for it."""
    prepare_streams()
    return Output(sys.stdout, sys.stderr)


def printable(text: str) -> str:
    """Return the text without control characters but line ends and tabs, so that no escape sequence gets through."""
    return "".join(character for character in text if character in "\n\t" or unicodedata.category(character) != "Cc")


def statistics_line(statistics: Statistics, plan: Plan) -> str:
    """Return the one line below an answer: model, speed, first token, what was reused and what was read."""
    guessed = f", guessed ahead {words}" if (words := guessed_words(statistics)) else ""
    speed = f"{written(statistics.tokens_per_second)} tokens/s, " if statistics.has_rate else ""
    return (
        f"{plan.name} ({plan.precision.value.upper()} on {plan.device_name or plan.device}): "
        f"{token_words(statistics.generated_tokens)}, {speed}"
        f"first token after {seconds(statistics.time_to_first_token_seconds)}, "
        f"reused {reused_words(statistics)}, read {token_words(statistics.prefilled_tokens)}{guessed}"
    )
