"""`hearth models search` on the real engine and a small Hub, each in a process or thread of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.planning.shapes import shape_of
from tests.loopback_api import LoopbackApi, model, refused, small_config

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def api() -> Iterator[LoopbackApi]:
    with LoopbackApi() as running:
        running.models = {
            "owner/chat": model("owner/chat", 800_000, downloads=30),
            "owner/chat-huge-with-a-very-long-name-indeed": model(
                "owner/chat-huge-with-a-very-long-name-indeed", shape_of("deepseek-v3").parameters * 2, downloads=20,
                gated="auto",
            ),
            "owner/chat-GGUF": model(
                "owner/chat-GGUF", downloads=10, siblings=[{"rfilename": "chat.Q4_K_M.gguf", "size": 9}],
                safetensors=None,
            ),
        }  # fmt: skip
        running.configs = {
            "owner/chat": small_config(),
            "owner/chat-huge-with-a-very-long-name-indeed": shape_of("llama-3.1-70b").config,
        }
        yield running


def search(api: LoopbackApi, *arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HF_HUB_OFFLINE")}
    return subprocess.run(
        [sys.executable, "-m", "app.cli", "models", "search", *arguments],
        cwd=ROOT,
        env=environment | {"HF_ENDPOINT": api.endpoint, "COLUMNS": "120"} | variables,
        capture_output=True,
        text=True,
        timeout=240,
    )


def test_a_table_with_a_plan_for_each(api: LoopbackApi) -> None:
    result = search(api, "chat")
    assert (result.returncode, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert lines[0].split() == ["Model", "Size", "Download", "Context", "Licence", "On", "this", "computer"]
    assert max(map(len, lines)) <= 120
    (own,) = [line for line in lines if line.startswith("owner/chat ")]
    assert own.split()[:7] == ["owner/chat", "400K", "810", "kB", "8k", "apache-2.0", "Fits"]
    (huge,) = [line for line in lines if "very-long-name" in line]
    assert huge.split()[1] == "671.0B"
    assert "apache-2.0, terms" in huge
    assert huge.endswith("Too big")
    (gguf,) = [number for number, line in enumerate(lines) if line.startswith("owner/chat-GGUF")]
    assert lines[gguf].endswith("not usable")
    assert lines[gguf + 1] == "  It is only there as GGUF files; Hearth downloads .safetensors files only."


def test_a_narrow_terminal_gets_two_lines_for_each(api: LoopbackApi) -> None:
    result = search(api, "chat", "--no-plan", COLUMNS="60")
    lines = result.stdout.splitlines()
    assert "owner/chat-huge-with-a-very-long-name-indeed" in lines
    assert "plan" not in "".join(api.paths())


def test_json_has_every_field_and_the_plan(api: LoopbackApi) -> None:
    result = search(api, "chat", "--json", "--sort", "downloads", "--limit", "3", "--max-parameters", "700B")
    found = json.loads(result.stdout)
    assert found["is_exact"] is False
    own, huge, gguf = found["results"]
    assert own["hub_id"] == "owner/chat"
    assert {"parameters", "download_bytes", "license", "gating", "context_tokens", "has_chat_template", "quantization",
            "downloads", "likes", "updated_at", "unusable", "revision", "architecture"} <= set(own)  # fmt: skip
    assert own["fit"] in ("fits", "slow", "less_context")
    assert own["plan"]
    assert own["needed_bytes"] > 0
    assert (huge["fit"], huge["plan"]) == ("too_big", "Too big")
    assert (gguf["fit"], gguf["plan"]) == (None, None)
    assert "GGUF" in gguf["plan_problem"]
    query = api.requests[0].query
    assert (query["num_parameters"], query["limit"], query["sort"]) == (["max:700B"], ["3"], ["downloads"])


def test_an_id_is_exact(api: LoopbackApi) -> None:
    found = json.loads(search(api, "owner/chat", "--json", "--no-plan").stdout)
    assert found["is_exact"] is True
    assert [result["hub_id"] for result in found["results"]] == ["owner/chat"]


def test_nothing_found_is_said_and_no_failure(api: LoopbackApi) -> None:
    result = search(api, "no", "such", "thing")
    assert (result.returncode, result.stdout) == (0, "")
    assert result.stderr == "The Hub has nothing that matches.\n"
    assert json.loads(search(api, "nothing", "--json").stdout)["results"] == []


def test_a_failure_is_one_sentence(api: LoopbackApi) -> None:
    api.rule = lambda _request: refused("", 503)
    result = search(api, "chat")
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == "The Hub has a problem of its own (503). Try again in a few minutes.\n"


def test_who_is_sent_to_the_settings_is_told_where_they_are(api: LoopbackApi, tmp_path: Path) -> None:
    file = tmp_path / "config" / "settings.json"
    file.parent.mkdir()
    file.write_text('{"work_offline": true}', encoding="utf-8")
    result = search(api, "chat", HEARTH_HOME=str(tmp_path))
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.endswith(f"Switch “Work offline” off in the settings. They are in the window, or in {file}.\n")
    assert result.stderr.count("\n") == 1


def test_offline_it_asks_nothing(api: LoopbackApi) -> None:
    result = search(api, "chat", TRANSFORMERS_OFFLINE="1")
    assert result.returncode == 1
    assert "offline" in result.stderr
    assert api.requests == []


@pytest.mark.parametrize(
    "arguments", [["--limit", "0"], ["--limit", "101"], ["--sort", "size"], ["--min-parameters", "x"]]
)
def test_wrong_usage(api: LoopbackApi, arguments: list[str]) -> None:
    assert search(api, "chat", *arguments).returncode == 2
