import io
import json

import pytest

from app.terminal.output import Output, printable, statistics_line
from engine.api.events import LoadPhase, LoadProgress, Statistics, TextGenerated
from engine.api.warmth import Tier
from tests.engine_scripts import PLAN


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


class Pipe(io.StringIO):
    encoding = "utf-8"


LOADING = LoadProgress(command_id="c", phase=LoadPhase.LOADING, done=1, total=2)
TEXT = TextGenerated(command_id="c", conversation_id="v", message_id="m", text="x", token_ids=())


def test_progress_is_for_people_who_watch() -> None:
    pipe = Pipe()
    Output(Pipe(), pipe).progress(LOADING)
    assert pipe.getvalue() == ""
    terminal = Terminal()
    output = Output(Pipe(), terminal)
    output.progress(LOADING)
    output.progress(LOADING)
    output.progress(TEXT)
    assert terminal.getvalue() == "\r\x1b[KLoading the model: 50 %\r\x1b[K"


def test_a_model_can_not_steer_the_terminal_but_a_pipe_gets_every_character() -> None:
    hostile = "a\x1b]0;title\x07\tb\x9b2J\r\nc"
    terminal, pipe = Terminal(), Pipe()
    Output(terminal, Pipe()).text(hostile)
    Output(pipe, Pipe()).text(hostile)
    assert terminal.getvalue() == "a]0;title\tb2J\nc"
    assert pipe.getvalue() == hostile
    assert printable("é 漢 👩‍💻") == "é 漢 👩‍💻"


def test_json_is_one_line_that_every_encoding_can_hold() -> None:
    plain = Pipe()
    plain.encoding = "latin-1"  # type: ignore[misc]
    Output(plain, Pipe()).json({"text": "漢\n"})
    assert plain.getvalue().isascii()
    unicode = Pipe()
    Output(unicode, Pipe()).json({"text": "漢\n"})
    assert "漢" in unicode.getvalue()
    for written in (plain.getvalue(), unicode.getvalue()):
        assert written.count("\n") == 1
        assert json.loads(written) == {"text": "漢\n"}


def test_the_statistics_line_says_what_was_reused_and_read() -> None:
    statistics = Statistics(
        prompt_tokens=6450,
        reused_tokens=6412,
        prefilled_tokens=38,
        generated_tokens=8,
        time_to_first_token_seconds=0.213,
        prefill_seconds=0.2,
        decode_seconds=0.4,
        tokens_per_second=21.34,
    )
    assert statistics_line(statistics, PLAN) == (
        "Scripted model (BF16 on Scripted processor): 8 tokens, 21.3 tokens/s, first token after 0.21 s, "
        "reused 6,412, read 38 tokens"
    )


def test_the_statistics_line_of_slow_tokens_and_of_one() -> None:
    assert "2 tokens, 0.043 tokens/s," in statistics_line(Statistics(1, 0, 1, 2, 40.0, 40.0, 46.0, 0.043), PLAN)
    line = statistics_line(Statistics(1, 0, 1, 1, 40.0, 40.0, 0.0002, 5000.0), PLAN)
    assert ": 1 token, first token after" in line, "one comes in no time"
    assert line.endswith("read 1 token")


def test_the_statistics_line_says_where_reused_tokens_came_from() -> None:
    statistics = Statistics(6450, 6412, 38, 8, 0.2, 0.2, 0.4, 21.3, 6412, Tier.DISK, 0.21)
    assert statistics_line(statistics, PLAN).endswith("reused 6,412 (from disk in 0.21 s), read 38 tokens")


def test_the_statistics_line_says_what_was_guessed() -> None:
    statistics = Statistics(
        64, 12, 52, 80, 0.2, 0.2, 0.4, 21.3, proposed_tokens=90, accepted_tokens=60, speculation="prompt lookup"
    )
    assert statistics_line(statistics, PLAN).endswith("read 52 tokens, guessed ahead 60 of 90 right (prompt lookup)")


def test_a_phase_stays_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two lines could not be erased."""
    monkeypatch.setattr(Output, "columns", 20)
    err = Terminal()
    Output(io.StringIO(), err).phase("Reading " * 20)
    assert len(err.getvalue().removeprefix("\r\x1b[K")) == 19
