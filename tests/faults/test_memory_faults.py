"""Memory runs out or the card is lost (rows 20 to 23 of the fault catalogue): the real engine process, real limits.

What a card would do is raised inside the real process by faulty_engine.py; main memory is really taken away with
RLIMIT_AS while the process (returning_engine.py) runs.
"""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from pytestqt.qtbot import QtBot
from transformers import LlamaConfig

from app.controllers import notices
from app.conversations.records import MessageState
from app.worker.engine_state import EngineState
from engine.api.commands import Generate, LoadCheckpoint
from engine.api.errors import ErrorKind, ErrorReport, Remedy
from engine.api.events import CheckpointLoaded, CommandFailed, FinishReason, GenerationFinished, LoadProgress
from engine.api.message import PromptMessage, Role
from engine.api.plan import PrecisionChoice
from engine.api.sampling import Sampling
from tests import tiny_checkpoints
from tests.app.whole import Whole
from tests.engine_scripts import Script
from tests.link_probe import PATIENCE_SECONDS, LinkProbe, is_running

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs prlimit")
ROOT = Path(__file__).resolve().parents[2]
MIB = 2**20
FULL = "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 7.79 GiB"
LOST = "CUDA error: unspecified launch failure"
SHORT, LONG = "Hello", "word " * 40
StartEngine = Callable[..., LinkProbe]


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that is small, but whose step over 32 ids asks for 36.6 MiB at once."""
    shape = {**tiny_checkpoints._DENSE, "num_hidden_layers": 1, "hidden_size": 16, "intermediate_size": 300_000}
    return tiny_checkpoints.save(LlamaConfig(**shape), tmp_path_factory.mktemp("wide") / "wide")


@pytest.fixture
def start_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StartEngine]:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    probes: list[LinkProbe] = []

    def start(*faulty: str) -> LinkProbe:
        failing = ["tests/faults/faulty_engine.py", *faulty, str(tmp_path / "once")]
        program = failing if faulty else ["tests/faults/returning_engine.py"]
        argv = [sys.executable, *program, "--data", str(tmp_path), "--offline"]
        probes.append(LinkProbe(argv, tmp_path / "engine.log"))
        return probes[-1]

    monkeypatch.chdir(ROOT)
    yield start
    for probe in probes:
        probe.stop()


def load(path: Path, command_id: str = "load", context: int = 1024) -> LoadCheckpoint:
    return LoadCheckpoint(
        command_id=command_id,
        checkpoint=str(path),
        precision=PrecisionChoice.FP32,
        context_tokens=context,
        device="cpu",
    )


def ask(command_id: str, text: str, tokens: int = 24) -> Generate:
    return Generate(
        command_id=command_id,
        conversation_id="c",
        message_id=f"m-{command_id}",
        messages=(PromptMessage(Role.USER, text),),
        sampling=Sampling(temperature=0.0, maximum_tokens=tokens, repetition_penalty=1.0),
    )


def loaded(probe: LinkProbe, command: LoadCheckpoint) -> CheckpointLoaded:
    probe.submit(command)
    event = probe.terminal(command.command_id, 3 * PATIENCE_SECONDS)
    assert isinstance(event, CheckpointLoaded), event
    return event


def answered(probe: LinkProbe, command: Generate) -> GenerationFinished:
    probe.submit(command)
    event = probe.terminal(command.command_id, 2 * PATIENCE_SECONDS)
    assert isinstance(event, GenerationFinished), event
    return event


def failed(probe: LinkProbe, command: Generate | LoadCheckpoint, kind: ErrorKind) -> ErrorReport:
    probe.submit(command)
    event = probe.terminal(command.command_id, 2 * PATIENCE_SECONDS)
    assert isinstance(event, CommandFailed), event
    assert event.error.kind is kind, event.error
    return event.error


def leave_only(process_id: int, spare_bytes: int | None) -> None:
    """Let the process take only so much more address space; None lifts the limit."""
    process = psutil.Process(process_id)
    unlimited = psutil.RLIM_INFINITY
    limit = unlimited if spare_bytes is None else process.memory_info().vms + spare_bytes
    process.rlimit(psutil.RLIMIT_AS, (limit, unlimited))


def labels(report: ErrorReport) -> list[str]:
    return [remedy.label for remedy in report.remedies]


# ---- 20: at load ----------------------------------------------------------------------------------------------------


def test_a_full_memory_at_load_is_told_with_numbers_and_a_load_afterwards_works(
    start_engine: StartEngine, tiny_folder: Path
) -> None:
    probe = start_engine("load", FULL)
    checkpoint = tiny_checkpoints.make("llama", tiny_folder)
    report = failed(probe, load(checkpoint), ErrorKind.OUT_OF_MEMORY)
    assert "2.00 GiB more were needed at once" in report.message
    assert "Load in INT8" in labels(report)
    assert failed(probe, ask("none", SHORT), ErrorKind.NO_MODEL_LOADED).hint
    loaded(probe, load(checkpoint, "again"))
    answered(probe, ask("g", SHORT))
    assert len(probe.process_ids()) == 1


def test_a_limit_on_the_engine_refuses_a_load_with_its_numbers(start_engine: StartEngine, wide: Path) -> None:
    probe = start_engine()
    loaded(probe, load(wide, "first"))
    (process_id,) = probe.process_ids()
    leave_only(process_id, 100 * MIB)
    report = failed(probe, load(wide, "large", context=2048), ErrorKind.OUT_OF_MEMORY)
    assert "GiB" in report.message
    leave_only(process_id, None)
    loaded(probe, load(wide, "again"))
    answered(probe, ask("g", SHORT))
    assert len(probe.process_ids()) == 1


MEMORY = ErrorReport(
    kind=ErrorKind.OUT_OF_MEMORY,
    message="The memory of the card ran out: 1.50 GiB more were needed at once, 312.4 MiB were free.",
    hint="What was written is kept.",
    remedies=(
        Remedy(label="Load in INT4", precision=PrecisionChoice.INT4),
        Remedy(label="Use 4,096 tokens of context", context_tokens=4096),
        Remedy(label="Use the CPU", device="cpu"),
    ),
)


@pytest.fixture
def whole(qtbot: QtBot) -> Iterator[list[Whole]]:
    windows: list[Whole] = []
    yield windows
    for window in windows:
        window.end()


def press(window: Whole, label: str) -> None:
    (button,) = [button for row in window.notices.rows for button in row.choice_buttons if button.text() == label]
    button.click()


def test_the_window_offers_what_can_help_at_load_and_the_waiting_message_is_answered(
    qtbot: QtBot, whole: list[Whole], tmp_path: Path
) -> None:
    script = Script(fault="fail", fault_on="load_checkpoint", fault_after=1, error=MEMORY)
    window = Whole(qtbot, script, tmp_path / "once")
    whole.append(window)
    window.say("Hello")
    window.wait(lambda: bool(window.notices.rows))
    assert "1.50 GiB" in window.notices.rows[0].text.text()
    press(window, "Use 4,096 tokens of context")
    window.wait(lambda: window.states() == [MessageState.COMPLETE] * 2)
    plan = window.hearth.checkpoints.plan
    assert plan is not None
    assert plan.context_window == 4096


def test_the_window_loads_in_another_form_and_the_answer_goes_on(
    qtbot: QtBot, whole: list[Whole], tmp_path: Path
) -> None:
    window = Whole(qtbot, Script(fault="fail", error=MEMORY), tmp_path / "once")
    whole.append(window)
    window.say("Hello")
    window.wait(lambda: window.states() == [MessageState.COMPLETE, MessageState.FAILED])
    assert window.texts()[1] == "Paris is the"
    press(window, "Load in INT4")
    window.wait(lambda: any("INT4" in row.text.text() for row in window.notices.rows))
    (row,) = [row for row in window.notices.rows if row.notice.key == notices.ANSWER_KEY]
    row.action_button.click()
    window.wait(lambda: window.states() == [MessageState.COMPLETE] * 2)
    assert window.texts()[1].startswith("Paris is theParis"), "the script always begins at the beginning"


# ---- 21: in prefill and while decoding ------------------------------------------------------------------------------


def test_memory_that_is_really_gone_in_prefill_and_back_for_the_next_message(
    start_engine: StartEngine, wide: Path
) -> None:
    probe = start_engine()
    loaded(probe, load(wide))
    expected = answered(probe, ask("first", SHORT)).token_ids
    (process_id,) = probe.process_ids()
    process = psutil.Process(process_id)
    leave_only(process_id, 4 * MIB)
    report = failed(probe, ask("g", LONG), ErrorKind.OUT_OF_MEMORY)
    assert "36.6 MiB more were needed at once" in report.message
    assert "MiB were free" in report.message
    assert labels(report) == [], "in that little memory a load in INT8 would end for want of it, too"
    leave_only(process_id, None)
    assert answered(probe, ask("same", SHORT)).token_ids == expected
    baseline = process.memory_info().rss
    long = answered(probe, ask("next", LONG))
    assert long.statistics.prompt_tokens > 100
    leave_only(process_id, 4 * MIB)
    failed(probe, ask("g2", f"Another {LONG}"), ErrorKind.OUT_OF_MEMORY)
    assert process.memory_info().rss < baseline * 1.05 + 8 * MIB
    assert len(probe.process_ids()) == 1


def test_a_full_card_while_decoding_keeps_what_was_written(start_engine: StartEngine, tiny_folder: Path) -> None:
    probe = start_engine("decode", FULL)
    loaded(probe, load(tiny_checkpoints.make("llama", tiny_folder)))
    report = failed(probe, ask("g", LONG), ErrorKind.OUT_OF_MEMORY)
    assert "2.00 GiB more were needed at once" in report.message
    kept = [token for event in probe.pieces("g") for token in event.token_ids]
    assert len(kept) == 6
    again = answered(probe, ask("again", LONG))
    assert list(again.token_ids[:6]) == kept
    assert again.text.startswith(probe.text("g").rstrip("\ufffd"))
    assert again.statistics.reused_tokens >= again.statistics.prompt_tokens - 1, "its KV was kept"
    assert len(probe.process_ids()) == 1


# ---- 22: ended by the system ----------------------------------------------------------------------------------------


def test_a_kill_while_loading_says_memory_and_the_next_load_works(start_engine: StartEngine, wide: Path) -> None:
    probe = start_engine()
    probe.submit(load(wide))
    probe.wait_for(lambda: any(isinstance(event, LoadProgress) for event in probe.of("load")))
    os.kill(probe.wait_for_process(), signal.SIGKILL)
    ended = probe.terminal("load")
    assert isinstance(ended, CommandFailed), "killed too late"
    assert ended.error.kind is ErrorKind.ENGINE_DIED
    assert "memory ran out" in ended.error.message
    loaded(probe, load(wide, "again"))
    assert answered(probe, ask("g", SHORT)).reason in FinishReason
    assert len(probe.process_ids()) == 2
    assert not is_running(probe.process_ids()[0])


# ---- 23: the card is lost -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["decode", "load"])
def test_a_lost_card_means_one_restart_and_the_next_message_works(
    start_engine: StartEngine, tiny_folder: Path, where: str
) -> None:
    probe = start_engine(where, LOST)
    checkpoint = tiny_checkpoints.make("llama", tiny_folder)
    if where == "load":
        report = failed(probe, load(checkpoint), ErrorKind.DEVICE_LOST)
        loaded(probe, load(checkpoint, "again"))
    else:
        loaded(probe, load(checkpoint))
        report = failed(probe, ask("g", LONG), ErrorKind.DEVICE_LOST)
        kept = [token for event in probe.pieces("g") for token in event.token_ids]
        assert len(kept) == 6
    assert LOST in report.details
    assert report.hint
    after = answered(probe, ask("next", LONG))
    if where == "decode":
        assert list(after.token_ids[:6]) == kept
    assert len(probe.process_ids()) == 2
    assert probe.states().count(EngineState.RESTARTING) == 1
