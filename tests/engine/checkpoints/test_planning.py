"""Plans of what is on this computer, without loading or converting it; the memory of the model to be replaced."""

import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
import torch
from safetensors.torch import load_file, save_file

from engine.api.cancellation import CancellationToken
from engine.api.checkpoint import CheckpointKind
from engine.api.commands import PlanCheckpoint, SupposedMachine
from engine.api.errors import Cancelled, EngineError, ErrorKind
from engine.api.events import CheckpointPlanned, PlanSource
from engine.api.hardware import Gpu
from engine.api.plan import Fit, MemoryParts, PrecisionChoice
from engine.checkpoints import loader, planning
from engine.checkpoints.files import CheckpointFiles
from engine.checkpoints.inspection import inspect
from engine.checkpoints.loader import LoadedModel
from engine.checkpoints.machines import freed_bytes, supposed_hardware, with_freed
from engine.checkpoints.remote_files import RemoteFiles
from engine.checkpoints.safety import check
from engine.hardware import machine
from engine.planning import shapes
from engine.quantization.published.config import read
from engine.quantization.published.environment import Environment
from tests import tiny_checkpoints, tiny_gguf, tiny_published

GIB = 2**30


def plan(reference: str, data_folder: Path, **fields: object) -> CheckpointPlanned:
    options: dict[str, object] = {"supposed": SupposedMachine(cards=1, vram_bytes=8 * GIB), **fields}
    command = PlanCheckpoint(command_id="p", checkpoint=reference, **options)  # type: ignore[arg-type]
    return planning.plan_checkpoint(command, (None, None), None, data_folder, CancellationToken())


def load(folder: Path, data_folder: Path) -> LoadedModel:
    return loader.load(
        str(folder), PrecisionChoice.AUTO, None, "cpu", data_folder, CancellationToken(), lambda *_: None
    )


def test_a_gguf_file_is_planned_by_its_description_as_its_copy_would_be(tiny_folder: Path, tmp_path: Path) -> None:
    path = tiny_gguf.write_gguf(tiny_checkpoints.make("llama", tiny_folder), tmp_path / "tiny.gguf")
    before = plan(str(path), tmp_path / "data")
    assert before.source is PlanSource.GGUF
    assert "converted when it is loaded" in before.notes[0]
    assert not (tmp_path / "data" / "checkpoints").exists()
    loader.free(load(path, tmp_path / "data"))
    after = plan(str(path), tmp_path / "data")
    assert after.source is PlanSource.FILES
    assert after.plan == before.plan


@pytest.mark.parametrize("choice", [PrecisionChoice.INT8, PrecisionChoice.INT4])
def test_what_was_published_in_another_form_is_planned_from_a_folder_and_from_the_hub_as_it_will_be_loaded(
    choice: PrecisionChoice, tiny_folder: Path, tmp_path: Path
) -> None:
    folder, _ = tiny_published.publish("fp8", tiny_checkpoints.make("qwen3_moe", tiny_folder), tmp_path)
    here = plan(str(folder), tmp_path / "data", supposed=None, device="cpu", precision=choice)
    assert here.plan.precision_reason.startswith(f"{choice.name}, packed again from FP8 because you asked for it. ")
    assert (here.plan.packed_here, here.notes) == (True, ())
    loaded = loader.load(str(folder), choice, None, "cpu", tmp_path / "data", CancellationToken(), lambda *_: None)
    loader.free(loaded)
    assert (loaded.plan.precision, loaded.plan.weight_bytes) == (here.plan.precision, here.plan.weight_bytes)
    files = CheckpointFiles("owner/model", "model", CheckpointKind.HUB_CACHE, folder, "main")
    looked_up = RemoteFiles(files, check(files), (folder / "config.json").read_bytes())
    command = PlanCheckpoint(command_id="p", checkpoint="owner/model", device="cpu", precision=choice)
    there = planning.plan_checkpoint(command, (looked_up, None), None, tmp_path / "data", CancellationToken())
    assert there.source is PlanSource.HUB
    assert (there.plan.precision, there.plan.weight_bytes) == (here.plan.precision, here.plan.weight_bytes)


class _Hanging:
    """A disk that answers nothing for as long as the test runs."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.is_asked, self._ends = threading.Event(), threading.Event()
        monkeypatch.setattr(planning, "check", self._check)

    def _check(self, files: CheckpointFiles) -> None:
        self.is_asked.set()
        self._ends.wait()
        raise OSError

    def end(self) -> None:
        self._ends.set()


@pytest.fixture
def hanging(monkeypatch: pytest.MonkeyPatch) -> Iterator[_Hanging]:
    found = _Hanging(monkeypatch)
    yield found
    found.end()


@pytest.mark.timeout(60)
@pytest.mark.usefixtures("hanging")
def test_files_that_hang_are_told_and_hold_nobody_up(
    tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "_FILES_SECONDS", 0.2)
    with pytest.raises(EngineError, match="disk or file server with the model llama-0 doesn't answer") as caught:
        plan(str(tiny_checkpoints.make("llama", tiny_folder)), tmp_path)
    assert caught.value.report.kind is ErrorKind.DISK


@pytest.mark.timeout(60)
def test_a_plan_of_files_that_hang_is_stopped_at_once(hanging: _Hanging, tiny_folder: Path, tmp_path: Path) -> None:
    cancellation = CancellationToken()

    def stop() -> None:
        assert hanging.is_asked.wait(30)
        cancellation.cancel()

    thread = threading.Thread(target=stop)
    thread.start()
    command = PlanCheckpoint(command_id="p", checkpoint=str(tiny_checkpoints.make("llama", tiny_folder)))
    with pytest.raises(Cancelled):
        planning.plan_checkpoint(command, (None, None), None, tmp_path, cancellation)
    thread.join()


def test_the_starter_model_is_planned_before_it_is_converted(converted_starter: Path, tmp_path: Path) -> None:
    before, after = plan("starter", tmp_path), plan("starter", converted_starter)
    assert (before.source, after.source) == (PlanSource.GGUF, PlanSource.FILES)
    assert before.plan == after.plan
    assert before.plan.parameters == 134_515_008


def test_a_model_whose_class_needs_another_library_is_one_sentence(
    tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def without_library(config: object) -> None:
        raise ImportError("TimmWrapperModel requires the timm library but it was not found")

    monkeypatch.setattr("engine.checkpoints.inspection.skeleton_of", without_library)
    with pytest.raises(EngineError) as caught:
        plan(str(tiny_checkpoints.make("llama", tiny_folder)), tiny_folder)
    assert caught.value.report.kind is ErrorKind.CHECKPOINT_UNSUPPORTED
    assert caught.value.report.message.endswith("it needs software that does not come with Hearth.")
    assert "timm" in caught.value.report.details


def test_a_damaged_gguf_file_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "cut.gguf"
    path.write_bytes(b"GGUF" + b"\x03\0\0\0" + b"\xff" * 40)
    with pytest.raises(EngineError) as refused:
        plan(str(path), tmp_path / "data")
    assert refused.value.report.kind is ErrorKind.CHECKPOINT_UNSUPPORTED


@pytest.mark.parametrize("name", shapes.names())
def test_every_known_shape_can_be_planned(name: str, tmp_path: Path) -> None:
    planned = plan(name, tmp_path, supposed=SupposedMachine(cards=1, vram_bytes=2048 * GIB))
    assert planned.source is PlanSource.KNOWN_SHAPE
    assert planned.plan.fit is Fit.FITS
    assert planned.plan.parameters == pytest.approx(shapes.shape_of(name).parameters, rel=0.005)


def test_what_a_supposed_card_would_need_is_a_note_and_on_this_computer_a_refusal(
    tiny_folder: Path, tmp_path: Path
) -> None:
    inspection = inspect(
        str(tiny_checkpoints.make("llama", tiny_folder)), tmp_path, CancellationToken(), lambda *_: None
    )
    published = read({"quantization_config": {"quant_method": "gptq", "bits": 3, "group_size": 128}})
    quantized = replace(inspection, published=published)
    card = Environment("cuda", (8, 6))
    assert "pip install" in planning.lacking_parts(quantized, card, is_supposed=True)
    with pytest.raises(EngineError, match=r"cannot be loaded: it is .* needs") as refused:
        planning.lacking_parts(quantized, card, is_supposed=False)
    assert "not quantized" in refused.value.report.hint, "nothing is wrong with the kind of model"
    cards_only = replace(inspection, published=read({"quantization_config": {"quant_method": "hqq"}}))
    with pytest.raises(EngineError, match="graphics cards only"):
        planning.lacking_parts(cards_only, Environment("cpu"), is_supposed=True)
    assert planning.lacking_parts(inspection, card, is_supposed=False) == ""


def test_supposed_cards_take_the_place_of_real_ones(tmp_path: Path) -> None:
    real = machine.describe(tmp_path, try_kernels=False, measure=False)
    two = supposed_hardware(real, SupposedMachine(cards=2, vram_bytes=8 * GIB, ram_bytes=32 * GIB))
    assert [(gpu.index, gpu.total_bytes) for gpu in two.gpus] == [(0, 8 * GIB), (1, 8 * GIB)]
    assert two.ram_available_bytes == 32 * GIB
    assert {"cuda int8", "cuda nf4"} <= set(two.quantization_kernels)
    none = supposed_hardware(two, SupposedMachine(cards=0))
    assert none.gpus == ()
    assert not any(kernel.startswith("cuda") for kernel in none.quantization_kernels)
    assert supposed_hardware(real, SupposedMachine(ram_bytes=GIB)).gpus == real.gpus
    assert supposed_hardware(real, None) is real


def test_the_memory_of_the_model_to_be_replaced_counts_as_free(tiny_folder: Path, tmp_path: Path) -> None:
    loaded = load(tiny_checkpoints.make("llama", tiny_folder), tmp_path)
    parts = MemoryParts(weights_bytes=3 * GIB, kv_bytes=GIB, offloaded_bytes=2 * GIB)
    plan_on_card = msgspec.structs.replace(loaded.plan, device="cuda:1", parts=parts)
    on_card = LoadedModel(loaded.model, loaded.tokenizer, plan_on_card, torch.device("cpu"), loaded.dtype)
    assert freed_bytes(on_card) == {"cuda:1": 4 * GIB, "cpu": 2 * GIB}
    real = machine.describe(tmp_path, try_kernels=False, measure=False)
    card = Gpu(0, "card", (8, 6), 8 * GIB, 2 * GIB, True)
    cards = (card, msgspec.structs.replace(card, index=1), msgspec.structs.replace(card, index=2))
    with_cards = msgspec.structs.replace(real, gpus=cards)
    free = [gpu.free_bytes for gpu in with_freed(with_cards, on_card).gpus]
    assert free == [2 * GIB, 6 * GIB, 2 * GIB]
    huge = msgspec.structs.replace(plan_on_card, parts=MemoryParts(weights_bytes=100 * GIB))
    replaced = LoadedModel(loaded.model, loaded.tokenizer, huge, torch.device("cpu"), loaded.dtype)
    assert with_freed(with_cards, replaced).gpus[1].free_bytes == 8 * GIB
    loader.free(loaded)


def test_on_the_processor_no_more_counts_as_free_than_this_process_holds(tiny_folder: Path, tmp_path: Path) -> None:
    loaded = load(tiny_checkpoints.make("llama", tiny_folder), tmp_path)
    real = machine.describe(tmp_path, try_kernels=False, measure=False)
    real = msgspec.structs.replace(real, ram_total_bytes=2**50, ram_available_bytes=GIB)
    small = with_freed(real, loaded).ram_available_bytes - GIB
    assert small == loaded.plan.parts.weights_bytes + loaded.plan.parts.kv_bytes
    huge = msgspec.structs.replace(loaded.plan, parts=MemoryParts(weights_bytes=2**45))
    replaced = LoadedModel(loaded.model, loaded.tokenizer, huge, loaded.device, loaded.dtype)
    assert with_freed(real, replaced).ram_available_bytes < 2**40
    loader.free(loaded)


def _without_one(tensors: dict[str, torch.Tensor]) -> None:
    del tensors["model.layers.1.mlp.up_proj.weight"]


def _with_a_narrower_one(tensors: dict[str, torch.Tensor]) -> None:
    tensors["model.layers.1.self_attn.k_proj.weight"] = torch.zeros(8, 32)


def _under_other_names(tensors: dict[str, torch.Tensor]) -> None:
    """As Emu3's whole has them, for which transformers takes the class of its text part."""
    for name in list(tensors):
        tensors[f"other.{name}"] = tensors.pop(name)


_NOT_WHOLE = "is incomplete: parts of it are missing or have the wrong size (model.layers.1."


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (_without_one, _NOT_WHOLE),
        (_with_a_narrower_one, _NOT_WHOLE),
        (_under_other_names, "cannot be used for chatting: none of its weights has a name that this version knows."),
    ],
)
def test_tensors_that_are_not_the_model_s_are_told_by_the_plan_as_by_the_load(
    change: Callable[[dict[str, torch.Tensor]], None], told: str, tiny_folder: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(tiny_checkpoints.make("llama", tiny_folder), tmp_path / "model"))
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(EngineError) as loading:
        load(folder, tmp_path / "data")
    with pytest.raises(EngineError) as planning:
        plan(str(folder), tmp_path / "data")
    assert told in planning.value.report.message
    assert planning.value.report == loading.value.report
