"""The command line: what is accepted, how it ends, and a few runs with the real engine and the starter model."""

import importlib
import json
import os
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from app import cli
from app.conversations.records import MessageState
from app.conversations.store import ConversationStore
from app.paths import locate
from engine.api.plan import PrecisionChoice
from tests.app.hearth_process import ROOT, start_hearth, wait_for


class Interrupted:
    """A finder of modules in which Ctrl+C is pressed."""

    def find_spec(self, name: str, *_: object) -> None:
        if name == "app.cli":
            raise KeyboardInterrupt


def test_ctrl_c_while_modules_are_loaded_leaves_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    script = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]["hearth"]
    module, _, name = script.partition(":")
    command = getattr(importlib.import_module(module), name)
    monkeypatch.delitem(sys.modules, "app.cli")
    monkeypatch.setattr(sys, "meta_path", [Interrupted(), *sys.meta_path])
    assert command() == 130


@pytest.mark.parametrize(
    "arguments",
    [
        ("ask",),
        ("ask", "x", "--temperature", "9"),
        ("ask", "x", "--temperature", "nan"),
        ("ask", "x", "--top-p", "1.5"),
        ("ask", "x", "--max-tokens", "0"),
        ("ask", "x", "--seed", "-1"),
        ("ask", "x", "--context", "many"),
        ("ask", "x", "--precision", "int2"),
        ("models",),
        ("models", "find", "x"),
        ("unknown",),
    ],
)
def test_wrong_usage_ends_with_status_two(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert ended.value.code == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "usage: hearth" in captured.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("--seed 1.5", "argument --seed: '1.5' is no whole number"),
        ("--context 4k", "argument --context: '4k' is no whole number"),
        ("--max-tokens 0", "argument --max-tokens: '0' is no whole number of at least 1"),
        ("--temperature nan", "argument --temperature: 'nan' is no number of at least 0"),
        ("--top-p 2", "argument --top-p: '2' is no number of at most 1"),
    ],
)
def test_a_number_that_can_not_be_is_told_for_people(
    arguments: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        cli.main(["ask", "x", *arguments.split()])
    assert capsys.readouterr().err.endswith(f"{words}\n")


def test_a_precision_may_be_written_as_it_is_shown() -> None:
    assert cli.build_parser().parse_args(["ask", "x", "--precision", "INT8"]).precision is PrecisionChoice.INT8


def test_every_option_of_the_contract_is_accepted() -> None:
    given = (
        "--model m --precision bf16 --context 512 --system s --conversation c --max-tokens 5 --temperature 0.5 "
        "--top-k 4 --top-p 0.9 --min-p 0.1 --repetition-penalty 1.1 --seed 7 --device cpu --json"
    )
    for command in (["ask", "x"], ["chat"]):
        options = cli.build_parser().parse_args([*command, *given.split()])
        assert (options.context, options.max_tokens, options.temperature, options.seed) == (512, 5, 0.5, 7)


def test_help_says_what_is_stored(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["ask", "--help"])
    assert "Nothing is stored unless --conversation" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(("library", "command"), [("msgspec", "doctor"), ("pygments", "")])
def test_a_missing_library_is_told_in_one_sentence(tmp_path: Path, library: str, command: str) -> None:
    (tmp_path / f"{library}.py").write_text("raise ImportError('libx.so.1: no such file')")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    done = subprocess.run(
        [sys.executable, "-m", "app", *command.split()],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "a library that it needs could not be loaded (libx.so.1: no such file)" in done.stderr


@pytest.mark.parametrize(
    ("environment", "platform", "expected"),
    [
        ({}, "linux", False),
        ({"DISPLAY": ""}, "linux", False),
        ({"DISPLAY": ":0"}, "linux", True),
        ({"WAYLAND_DISPLAY": "wayland-0"}, "linux", True),
        ({"QT_QPA_PLATFORM": "offscreen"}, "linux", True),
        ({}, "darwin", True),
        ({}, "win32", True),
    ],
)
def test_where_a_window_can_be_shown(environment: dict[str, str], platform: str, expected: bool) -> None:
    assert cli.has_display(environment, platform) is expected


def test_the_terminal_needs_neither_qt_nor_torch() -> None:
    check = "import sys, app.cli; print([name for name in ('PySide6', 'torch', 'transformers') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", check], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_without_a_display_the_chat_is_in_the_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    called: list[object] = []
    monkeypatch.setattr("app.terminal.chat.run", lambda *arguments: called.append(arguments) or 0)
    assert cli.main([]) == 0
    assert len(called) == 1
    assert "no display" in capsys.readouterr().err


# Ctrl+C


@pytest.fixture
def slow_ask() -> Iterator["subprocess.Popen[str]"]:
    process = start_hearth("slow", "ask", "Hello", "--conversation", "Rome")
    yield process
    if process.poll() is None:
        process.kill()
    process.communicate()


def answer_of(name: str) -> tuple[str, MessageState] | None:
    if not locate().database.exists():
        return None
    store = ConversationStore(locate().database)
    try:
        conversation = store.find_by_name(name)
        messages = store.load_messages(conversation.id) if conversation is not None else []
        return (messages[1].content, messages[1].state) if len(messages) == 2 else None
    finally:
        store.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_keeps_what_was_generated(slow_ask: "subprocess.Popen[str]", number: int) -> None:
    assert slow_ask.stdout is not None
    begun = slow_ask.stdout.read(6)
    slow_ask.send_signal(number)
    rest, errors = slow_ask.communicate(timeout=30)
    assert slow_ask.returncode == 130
    assert "Traceback" not in errors
    kept = answer_of("Rome")
    assert kept == ((begun + rest).rstrip("\n"), MessageState.STOPPED)


def test_a_killed_ask_leaves_its_partial_answer_interrupted(slow_ask: "subprocess.Popen[str]") -> None:
    wait_for(lambda: len((answer_of("Rome") or ("", None))[0]) > 20, slow_ask)
    slow_ask.kill()
    slow_ask.wait(30)
    kept = answer_of("Rome")
    assert kept is not None
    assert kept[1] is MessageState.INTERRUPTED


def test_a_reader_that_goes_away_is_no_crash() -> None:
    process = start_hearth("slow", "ask", "Hello")
    assert process.stdout is not None
    process.stdout.read(3)
    process.stdout.close()
    errors = process.stderr.read() if process.stderr is not None else ""
    assert process.wait(30) == 1
    assert "Traceback" not in errors
    assert process.stderr is not None
    process.stderr.close()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only some systems have a device that is always full")
def test_a_full_disk_behind_stdout_is_told_in_one_sentence() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "app", "models", "list"],
            cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False,
        )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith("The output could not be written (")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="a POSIX shell closes the streams")
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_streams_that_were_closed_before_the_start_are_no_crash(closed: str) -> None:
    done = subprocess.run(
        ["sh", "-c", f'"$0" -m app ask - {closed}', sys.executable],
        cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("The question is empty.") or "2>&-" in closed


def test_ctrl_c_in_a_chat_from_a_pipe_stops_it() -> None:
    process = start_hearth("slow", "chat", stdin=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("One\nTwo\n")
    process.stdin.flush()
    process.stdout.read(6)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in errors


# The real engine


def real(*arguments: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "app", *arguments], cwd=ROOT, input=stdin, capture_output=True, text=True, timeout=240
    )


def test_the_capital_of_france_and_a_follow_up_that_reads_only_what_is_new(starter_home: Path) -> None:
    questions = "What is the capital of France?\nAnd of Italy?\n"
    done = real("chat", "--temperature", "0", "--max-tokens", "24", "--json", "--conversation", "Geo", stdin=questions)
    assert done.returncode == 0, done.stderr
    first, second = (json.loads(line) for line in done.stdout.splitlines())
    assert "Paris" in first["text"]
    new_tokens = second["prompt_tokens"] - second["reused_tokens"]
    assert second["reused_tokens"] >= first["prompt_tokens"] + first["generated_tokens"] - 1
    assert second["prefilled_tokens"] <= new_tokens + 1
    third = real("ask", "Thanks.", "--temperature", "0", "--max-tokens", "4", "--json", "--conversation", "Geo")
    assert third.returncode == 0, third.stderr
    assert json.loads(third.stdout)["prompt_tokens"] > second["prompt_tokens"]


def test_the_doctor_with_the_real_engine(starter_home: Path) -> None:
    done = real("doctor", "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["hardware"]["cpu_name"]
    assert "torch" in report["hardware"]["versions"]
