"""Real engines on one folder: one is killed in the middle of a file while another writes, and the next ones go on."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from engine.api.commands import LoadCheckpoint
from engine.api.events import CheckpointLoaded, GenerationFinished
from engine.api.message import PromptMessage, Role
from engine.api.plan import PrecisionChoice
from engine.api.warmth import Tier
from engine.generation.chat_session import ChatSession
from engine.kv.disk import folder as disk_folder
from tests import tiny_checkpoints
from tests.chat_probe import ask, cold_ids, command, user
from tests.faults.kv.folders import BUDGETS, OPENING, all_bytes, close, files, load
from tests.link_probe import PATIENCE_SECONDS, LinkProbe

ROOT = Path(__file__).resolve().parents[3]
SLOW = str(ROOT / "tests" / "faults" / "kv" / "slow_engine.py")
TOKENS = 6


@pytest.fixture
def probes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[LinkProbe]]:
    """Two engines with the same data; the first one stops while it writes."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.chdir(ROOT)
    data = ["--data", str(tmp_path), "--offline"]
    starts = [[SLOW, str(tmp_path / "once")], ["-m", "engine"]]
    made = [
        LinkProbe([sys.executable, *start, *data], tmp_path / f"{number}.log") for number, start in enumerate(starts)
    ]
    yield made
    stop(made)


def stop(probes: list[LinkProbe]) -> None:
    for probe in probes:
        probe.link.stop()
        probe._thread.join(PATIENCE_SECONDS)
    for probe in probes:
        probe.stop()


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 2 * PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def start(probe: LinkProbe, command_id: str, conversation: str, messages: list[PromptMessage]) -> None:
    wanted = command(messages, conversation, TOKENS)
    probe.submit(msgspec.structs.replace(wanted, command_id=command_id, message_id=command_id))


def finished(probe: LinkProbe, command_id: str) -> GenerationFinished:
    event = probe.terminal(command_id, 90)
    assert isinstance(event, GenerationFinished), event
    return event


def answer_of(event: GenerationFinished) -> PromptMessage:
    said = msgspec.structs.replace(user(event.text), role=Role.ASSISTANT)
    return msgspec.structs.replace(said, token_ids=event.token_ids, tokenizer_id=event.tokenizer_id)


def test_an_engine_killed_while_writing_beside_another_one(
    probes: list[LinkProbe], tmp_path: Path, tiny_folder: Path
) -> None:
    path = str(tiny_checkpoints.make("lfm2", tiny_folder))
    wanted = LoadCheckpoint(
        command_id="load", checkpoint=path, precision=PrecisionChoice.FP32, context_tokens=1024, device="cpu",
        budgets=BUDGETS,
    )  # fmt: skip
    for probe in probes:
        probe.submit(wanted)
    assert all(isinstance(probe.terminal("load", 90), CheckpointLoaded) for probe in probes)
    kv = disk_folder.folder_of(tmp_path)
    for probe in probes:
        start(probe, "g1", "shared", [OPENING])
        start(probe, "g2", "another", [user("Hello " * 90)])
    first = [finished(probe, "g1") for probe in probes]
    assert first[0].token_ids == first[1].token_ids
    wait_until((tmp_path / "once").exists)
    os.kill(probes[0].wait_for_process(), signal.SIGKILL)
    probes[0].wait_for_process(2)
    assert list(kv.rglob("*.part")), "killed in the middle of a file"

    messages = [OPENING, answer_of(first[0]), user("Go on")]
    for probe in probes:
        start(probe, "g3", "shared", messages)
    second = [finished(probe, "g3") for probe in probes]
    here = ChatSession(load("lfm2", tiny_folder))
    assert [event.token_ids for event in second] == 2 * [cold_ids(here, messages, TOKENS)]
    stop(probes)

    assert sum(found.size_bytes for found in files(kv)) <= BUDGETS.disk_bytes
    after = ChatSession(load("lfm2", tiny_folder), kv, BUDGETS)
    messages = [*messages, answer_of(second[0]), user("And then?")]
    result = ask(after, messages, conversation="shared", maximum_tokens=TOKENS)
    assert result.token_ids == cold_ids(after, messages, TOKENS)
    assert result.statistics.restored_from is Tier.DISK
    close(after)
    assert disk_folder.forget(kv, "shared") > 0
    assert b"shared" not in all_bytes(kv)
    assert not list(kv.rglob("*.part"))
