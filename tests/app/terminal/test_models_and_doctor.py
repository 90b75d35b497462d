import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.app.terminal.conftest import Run
from tests.engine_scripts import CHECKPOINTS, Script


def test_models_are_listed(hearth: Run) -> None:
    result = hearth("models", "list")
    assert result.status == 0
    assert [line.split()[0] for line in result.out.splitlines()] == [each.reference for each in CHECKPOINTS]
    listed = json.loads(hearth("models", "list", "--json").out)["models"]
    assert [each["reference"] for each in listed] == [each.reference for each in CHECKPOINTS]


def test_a_model_is_downloaded(hearth: Run) -> None:
    result = hearth("models", "download", "someone/model")
    assert result.status == 0
    assert "someone/model" in result.out
    assert json.loads(hearth("models", "download", "someone/model", "--json").out)["model"] == "someone/model"


def test_a_failed_download_is_one_sentence(hearth: Run, use_script: Callable[..., None]) -> None:
    use_script(Script(fault="fail", fault_on="download_checkpoint", fault_after=1))
    result = hearth("models", "download", "someone/model")
    assert (result.status, result.out) == (1, "")
    assert result.err.count("\n") == 1


def test_the_doctor_says_what_there_is_and_nothing_about_the_person(
    hearth: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    home = tmp_path / "ada"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("HEARTH_HOME", str(home / "hearth"))
    text = hearth("doctor")
    assert text.status == 0
    assert "Scripted processor" in text.out
    assert "~/hearth" in text.out
    report = json.loads(hearth("doctor", "--json").out)
    assert set(report) == {"versions", "paths", "hardware", "problem"}
    assert report["hardware"]["cpu_name"] == "Scripted processor"
    assert report["problem"] is None
    for out in (text.out, json.dumps(report)):
        assert "/ada" not in out


def test_the_doctor_works_without_an_engine(hearth: Run, use_script: Callable[..., None]) -> None:
    use_script("die_at_start")
    result = hearth("doctor")
    assert result.status == 1
    assert "PySide6" in result.out
    assert "engine" in result.err.lower()
