"""Running the set-up's commands: the log, the plain words, what a failure says."""

import io
import os
import sys
from pathlib import Path

import pytest
import setup_console
from setup_console import Console, SetUpError, activity_of, cause_of


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


class Clock:
    """What the console takes for the time; only the test lets it pass."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def monotonic(self) -> float:
        return self.seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(setup_console, "time", clock)
    return clock


@pytest.fixture
def console(tmp_path: Path) -> Console:
    return Console(tmp_path / "log", io.StringIO())


def test_output_goes_to_the_log_and_back(console: Console, clock: Clock) -> None:
    with console.step("Working"):
        clock.seconds += 7
        output = console.run(python("import sys; print('one'); print('two', file=sys.stderr)"), os.environ)
    assert sorted(output.splitlines()) == ["one", "two"]
    assert "two" in console.log_path.read_text()
    assert console._out.getvalue().splitlines() == ["Working ...", "Working: done in 7 s"]


def test_a_failure_shows_the_last_lines_and_a_sentence(console: Console) -> None:
    code = "import sys\nfor n in range(40): print('line', n)\nsys.exit('No space left on device')"
    with pytest.raises(SetUpError) as caught, console.step("Installing things"):
        console.run(python(code), os.environ)
    text = str(caught.value)
    assert text.startswith("Installing things did not work.")
    assert "line 39" in text
    assert "line 3\n" not in text
    assert text.endswith("then run start.py again.")
    assert "disk is full" in text


def test_an_unchecked_failure_is_an_answer(console: Console) -> None:
    assert console.run(python("print('no'); raise SystemExit(3)"), os.environ, check=False) == "no\n"


def test_a_command_that_is_not_there(console: Console, tmp_path: Path) -> None:
    with pytest.raises(SetUpError, match="could not be started"):
        console.run([str(tmp_path / "absent")], os.environ)


def test_bytes_that_are_no_text_do_no_harm(console: Console) -> None:
    console.run(python("import sys; sys.stdout.buffer.write(b'\\xff\\xfe\\n')"), os.environ)
    assert console.log_path.exists()


def test_a_terminal_sees_what_is_going_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    monkeypatch.setattr(setup_console, "TICK_SECONDS", 0.01)
    seen = tmp_path / "seen"

    class Watched(Terminal):
        def write(self, text: str) -> int:
            if "downloading torch" in text:
                seen.touch()
            return super().write(text)

    console = Console(tmp_path / "log", Watched())
    code = (
        "import os, time; end = time.monotonic() + 30\n"
        "print('  Downloading torch-2.13.0-cp311-x.whl (526.6 MB)', flush=True)\n"
        f"while not os.path.exists({str(seen)!r}) and time.monotonic() < end: time.sleep(0.01)"
    )
    with console.step("Installing"):
        clock.seconds += 3
        console.run(python(code), os.environ)
    assert "Installing: downloading torch (526.6 MB) ... 3 s" in console._out.getvalue()


def test_the_watcher_sees_each_line(console: Console) -> None:
    seen: list[str] = []
    console.watch = seen.append
    console.run(python("print('a'); print('b')"), os.environ)
    assert seen == ["a\n", "b\n"]


def test_an_exception_ends_the_child(console: Console, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(setup_console, "_SECONDS_TO_END_CHILD", 0.1)

    def stop(line: str) -> None:
        raise KeyboardInterrupt

    console.watch = stop
    code = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
    with pytest.raises(KeyboardInterrupt):
        console.run(python(code), os.environ)
    assert not _runs(console)


def _runs(console: Console) -> bool:
    pids = [line for line in console.log_path.read_text().splitlines() if line.isdigit()]
    return any(Path("/proc", pid).exists() for pid in pids)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (
            "  Downloading PySide6_Essentials-6.11.3-cp310-abi3-x.whl (80.3 MB)\n",
            "downloading PySide6_Essentials (80.3 MB)",
        ),
        ("Installing collected packages: a, b\n", "unpacking"),
        ("Collecting torch==2.13.0\n", ""),
    ],
)
def test_plain_words_for_pips_lines(line: str, words: str) -> None:
    assert activity_of(line) == words


@pytest.mark.parametrize(
    ("output", "part"),
    [
        ("OSError: [Errno 28] No space left on device", "disk is full"),
        ("Temporary failure in name resolution", "network"),
        ("ERROR: No matching distribution found for torch==2.13.0", "does not offer"),
        ("Segmentation fault", "--repair"),
    ],
)
def test_a_failure_has_a_sentence_with_what_to_do(output: str, part: str) -> None:
    assert part in cause_of(output)


def test_the_live_line_goes_without_any_sequence(tmp_path: Path) -> None:
    """Older consoles of Windows show a sequence instead of obeying it."""
    out = Terminal()
    console = Console(tmp_path / "log", out)
    with console.step("Installing"):
        console.run(python("print('Installing collected packages: a')"), os.environ)
    assert "\x1b" not in out.getvalue()
    shown = ""
    for line in out.getvalue().split("\n")[0].split("\r"):
        shown = line + shown[len(line) :]
    assert shown.rstrip().startswith("Installing: done in")
    assert "..." not in shown
