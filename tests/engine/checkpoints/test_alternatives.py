"""A way out is offered only where it leads somewhere: its kernels work on this machine, and there is memory for it."""

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from transformers import AutoModelForCausalLM

from engine.api.cancellation import CancellationToken
from engine.api.commands import LoadCheckpoint
from engine.api.errors import EngineError, ErrorKind, Remedy
from engine.api.events import Event, LoadProgress
from engine.api.hardware import Hardware
from engine.api.plan import Precision, PrecisionChoice
from engine.chat_engine import ChatEngine
from engine.checkpoints.alternatives import Alternatives, lighter
from engine.generation.model_runner import ModelRunner
from engine.hardware import machine
from engine.planning.ladder import Wishes
from tests import tiny_checkpoints
from tests.engine.planning.test_precision import machine as supposed
from tests.plan_table import facts_for

ON_PROCESSOR = Remedy("Use the CPU", device="cpu")
SMALLER = Remedy("Use 4,096 tokens of context", context_tokens=4096)
ALL = (*lighter(Precision.BF16), SMALLER, ON_PROCESSOR)


def possible(hardware: Hardware, *, packs: bool = True, wishes: Wishes | None = None) -> list[str]:
    facts = replace(facts_for("llama-3.1-8b"), packs=packs)
    alternatives = Alternatives(wishes or Wishes(), lambda device, hardware: facts)
    return [remedy.label for remedy in alternatives.possible(ALL, hardware)]


def test_lighter_is_what_needs_less() -> None:
    assert [one.precision for one in lighter(Precision.FP16)] == [PrecisionChoice.INT8, PrecisionChoice.INT4]
    assert [one.precision for one in lighter(Precision.INT8)] == [PrecisionChoice.INT4]
    assert lighter(Precision.INT4) == ()


def test_each_way_out_is_planned() -> None:
    assert possible(supposed(24)) == [remedy.label for remedy in ALL]
    assert possible(supposed(24, ram_gib=2)) == [remedy.label for remedy in ALL[:-1]], "no room in main memory"
    only_8_bit = supposed(24, kernels=("cpu int8", "cuda int8"))
    assert possible(only_8_bit) == ["Load in INT8", SMALLER.label, ON_PROCESSOR.label]
    assert possible(supposed(24, kernels=())) == [SMALLER.label, ON_PROCESSOR.label]
    assert possible(supposed(24), packs=False) == [SMALLER.label, ON_PROCESSOR.label]


def test_what_was_wished_for_goes_along() -> None:
    in_4_bit = Wishes(precision=PrecisionChoice.INT4)
    no_processor = supposed(24, kernels=("cuda int8", "cuda nf4"))
    assert ON_PROCESSOR.label not in possible(no_processor, wishes=in_4_bit)
    assert ON_PROCESSOR.label in possible(no_processor)


def test_a_draft_that_has_no_room_can_be_left_out() -> None:
    model, larger = facts_for("smollm2-135m"), facts_for("llama-3.1-70b")
    alternatives = Alternatives(Wishes(), lambda device, hardware: model, draft=larger)
    without_draft = Remedy("Load without a draft model", draft="")
    assert alternatives.possible((without_draft, SMALLER), supposed(8, ram_gib=8)) == (without_draft,)


@pytest.fixture
def without_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this machine be one where bitsandbytes doesn't work."""
    describe = machine.describe

    def described(*arguments: object, **named: object) -> Hardware:
        return msgspec.structs.replace(describe(*arguments, **named), quantization_kernels=())  # type: ignore[arg-type]

    monkeypatch.setattr(machine, "describe", described)


def load_command(path: Path) -> LoadCheckpoint:
    return LoadCheckpoint(
        command_id="l", checkpoint=str(path), precision=PrecisionChoice.AUTO, context_tokens=256, device="cpu"
    )


def no_memory(*_: object, **__: object) -> None:
    raise MemoryError


@pytest.mark.usefixtures("without_kernels")
@pytest.mark.parametrize("place", [(AutoModelForCausalLM, "from_pretrained"), (ModelRunner, "choose_mode")])
def test_a_shortage_offers_no_precision_without_kernels(
    place: tuple[type, str], tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tiny_checkpoints.make("llama", tiny_folder)
    monkeypatch.setattr(*place, no_memory)
    with pytest.raises(EngineError) as caught:
        ChatEngine(tmp_path).handle(load_command(path), CancellationToken(), lambda event: None)
    assert caught.value.report.kind is ErrorKind.OUT_OF_MEMORY
    assert caught.value.report.remedies == ()


def announced(path: Path, data_folder: Path) -> list[tuple[Remedy, ...]]:
    events: list[Event] = []
    engine = ChatEngine(data_folder)
    engine.handle(load_command(path), CancellationToken(), events.append)
    engine.close()
    return [event.lighter for event in events if isinstance(event, LoadProgress) and event.lighter is not None]


def test_what_would_need_less_is_told_before_memory_is_taken(tiny_folder: Path, tmp_path: Path) -> None:
    path = tiny_checkpoints.make("llama", tiny_folder)
    assert announced(path, tmp_path) == [lighter(Precision.BF16)]


@pytest.mark.usefixtures("without_kernels")
def test_nothing_is_told_to_need_less_without_kernels(tiny_folder: Path, tmp_path: Path) -> None:
    assert announced(tiny_checkpoints.make("llama", tiny_folder), tmp_path) == [()]
