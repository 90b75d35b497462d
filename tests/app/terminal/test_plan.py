"""`hearth plan` on the real engine: once in processes of its own, and then on one engine for all."""

import json
import os
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest

from app import cli
from app.terminal import one_command
from app.terminal.engine_session import EngineSession
from tests import tiny_wholes
from tests.app.terminal.conftest import Result, Run

ROOT = Path(__file__).resolve().parents[3]
GIB = 2**30


@pytest.fixture
def plan(real_engine: EngineSession, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run `hearth plan` in this process, on the engine that is there."""
    monkeypatch.setattr(one_command, "session_for", lambda _: nullcontext(real_engine))

    def run(*arguments: str) -> Result:
        capsys.readouterr()  # a model that is written says so
        status = cli.main(["plan", *arguments])
        captured = capsys.readouterr()
        return Result(status, captured.out, captured.err)

    return run


def test_the_starter_model_on_a_card_that_nobody_has(starter_home: Path) -> None:
    arguments = ("starter", "--vram", "8GiB", "--compute-capability", "8.6", "--json")
    result = subprocess.run(
        [sys.executable, "-m", "app.cli", "plan", *arguments],
        cwd=ROOT, env=os.environ | {"HF_HUB_OFFLINE": "1"}, capture_output=True, text=True, timeout=240,
    )  # fmt: skip
    assert (result.returncode, result.stderr) == (0, "")
    found = json.loads(result.stdout)
    assert (found["checkpoint"], found["precision"], found["device"], found["fit"]) == (
        "starter", "bf16", "cuda:0", "fits",
    )  # fmt: skip
    assert found["fits"] is True
    assert found["source"] == "files"
    assert found["notes"] == []
    parts = found["parts"]
    asked = ("weights_bytes", "kv_bytes", "working_bytes", "overhead_bytes", "reserve_bytes")
    assert found["needed_bytes"] == sum(parts[name] for name in asked) < parts["free_bytes"] < 8 * GIB
    assert [card["total_bytes"] for card in found["hardware"]["gpus"]] == [8 * GIB]
    assert str(starter_home) not in result.stdout


def test_a_known_shape_without_the_network_says_what_it_is(plan: Run) -> None:
    result = plan("meta-llama/llama-3.1-8b-instruct", "--vram", "8")
    assert (result.status, result.err) == (0, "")
    assert "Planned by the known shape of Llama 3.1 8B" in result.out.replace("\n", " ")
    assert "compute capability 8.6" in result.out.replace("\n", " ")
    assert "INT4 because" in result.out
    rows = [line.split() for line in result.out.partition("Memory in GiB\n")[2].splitlines()]
    sizes = {row[0]: float(row[-1]) for row in rows}
    free, needed = sizes.pop("free"), sizes.pop("needed")
    assert round(sum(sizes.values()), 2) == needed < free


def test_what_is_left_out_of_a_model_is_said(plan: Run, tmp_path: Path) -> None:
    whole, _ = tiny_wholes.make("gemma3n", tmp_path)
    result = plan(str(whole), "--vram", "8")
    assert (result.status, result.err) == (0, "")
    assert "its parts for pictures and sounds are left out." in result.out.replace("\n", " ")


def test_too_big_is_a_report_and_one_sentence(plan: Run) -> None:
    result = plan("deepseek-v3", "--vram", "24", "--ram", "32", "--json")
    assert result.status == 1
    found = json.loads(result.out)
    assert (found["fit"], found["fits"], found["source"]) == ("too_big", False, "known_shape")
    assert found["parts"]["free_bytes"] < 24 * GIB
    assert result.err.count("\n") == 1
    assert "does not fit" in result.err


def test_a_precision_that_does_not_fit_leads_back_to_auto(plan: Run) -> None:
    result = plan("meta-llama/llama-3.1-8b-instruct", "--vram", "4", "--ram", "4", "--precision", "int8")
    assert result.status == 1
    assert result.err.strip().endswith("Leave the precision to Hearth (auto), or choose a smaller model.")


def test_a_draft_model_is_planned_before_the_model(plan: Run) -> None:
    arguments = ("meta-llama/llama-3.1-8b-instruct", "--vram", "24", "--draft", "meta-llama/llama-3.2-1b-instruct")
    alone, result = plan(*arguments[:3], "--json"), plan(*arguments, "--json")
    assert (result.status, result.err) == (0, "")
    without, found = json.loads(alone.out), json.loads(result.out)
    drafted, parts = found["draft_plan"], found["parts"]
    assert without["draft_plan"] is None
    assert found["draft"] == drafted["name"]
    assert found["draft_bytes"] > drafted["parts"]["weights_bytes"] > 2 * GIB
    assert found["needed_bytes_together"] == found["needed_bytes"] + found["draft_bytes"]
    assert parts["free_bytes"] + found["draft_bytes"] == without["parts"]["free_bytes"]
    assert drafted["context_window"] == found["context_window"]
    assert found["notes"][-1].startswith("Whether model and draft model have the same vocabulary")
    shown = plan(*arguments)
    assert (shown.status, shown.err) == (0, "")
    rows = {line[:30].strip(): line[30:] for line in shown.out.partition("Memory in GiB, both\n")[2].splitlines()}
    assert list(rows)[2:] == ["needed", "free"]
    assert float(rows["needed"]) == pytest.approx(found["needed_bytes_together"] / GIB, abs=0.01)


def test_a_draft_model_that_does_not_fit_is_one_sentence(plan: Run) -> None:
    result = plan("starter", "--vram", "8", "--ram", "4", "--draft", "meta-llama/llama-3.1-70b-instruct")
    assert result.status == 1
    assert "does not fit as draft model" in result.err
    assert result.err.count("\n") == 1


def test_an_unknown_name_offline_is_the_sentence_of_downloads(plan: Run) -> None:
    result = plan("publisher/no-such-model", "--vram", "8")
    assert (result.status, result.out) == (1, "")
    assert result.err.startswith("Hearth is set to work offline, so the Hub is not asked. ")
    assert result.err.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("--vram", "many"),
        ("--vram=-8",),
        ("--vram", "1e99"),
        ("--ram", "0"),
        ("--vram", "8", "--compute-capability", "86"),
        ("--compute-capability", "8.6"),
        ("--gpus", "2"),
        ("--vram", "0", "--gpus", "2"),
        ("--vram", "8", "--gpus", "0"),
        ("--vram", "8", "--context", "0"),
        ("--vram", "8", "--precision", "int3"),
    ],
)
def test_wrong_usage_ends_with_status_2_and_one_sentence(
    arguments: tuple[str, ...], hearth: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        hearth("plan", "starter", *arguments)
    assert ended.value.code == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("error:") == 1
