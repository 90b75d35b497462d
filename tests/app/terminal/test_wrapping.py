"""What is told keeps to the width of the terminal: help of every command, and paragraphs."""

import pytest

from app import cli
from app.terminal.wrapping import wrapped

COMMANDS = ("ask", "chat", "models", "conversations", "plan", "bench", "doctor")
WORDS = "one two three four five six seven eight nine ten eleven twelve " * 4


@pytest.mark.parametrize("command", COMMANDS)
def test_help_is_no_wider_than_the_terminal(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    with pytest.raises(SystemExit):
        cli.build_parser().parse_args([command, "--help"])
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 60


def test_what_goes_on_of_a_listed_line_stands_below_its_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    with pytest.raises(SystemExit):
        cli.build_parser().parse_args(["bench", "--help"])
    listed = "\n  hardware   how fast memory is copied and matrices are\n             multiplied\n"
    assert listed in capsys.readouterr().out


@pytest.mark.parametrize(("columns", "widest"), [("70", 70), ("300", 100), ("7", 40)])
def test_a_paragraph(columns: str, widest: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    lines = wrapped(WORDS, 100, "    ")
    assert widest - 8 < max(map(len, lines)) <= widest
    assert all(line.startswith("    ") for line in lines)
    assert " ".join(line.strip() for line in lines) == WORDS.strip()
