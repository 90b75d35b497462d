"""What the real engine can't do anything with is one sentence, and it answers afterwards."""

import io
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest

from app import cli
from app.terminal import ask
from app.terminal.engine_session import EngineSession


def test_bad_input_to_the_real_engine_is_one_sentence_each(
    real_engine: EngineSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(ask, "session_for", lambda *_, **__: nullcontext(real_engine))
    monkeypatch.setattr(sys, "stdin", io.StringIO("word " * 9000))
    empty = tmp_path / "no model"
    empty.mkdir()
    for arguments in (
        ("Hello", "--model", "nobody/nothing"),
        ("Hello", "--model", str(empty)),
        ("-", "--conversation", "Geo"),
    ):
        assert cli.main(["ask", *arguments]) == 1
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.count("\n") == 1
        assert "Traceback" not in captured.err
    assert cli.main(["ask", "Hi", "--conversation", "Geo", "--max-tokens", "2"]) == 0
    assert capsys.readouterr().out.strip()
