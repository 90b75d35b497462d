"""Quantised copies: exact, read instead of packing again, and never in the way when something is wrong with them."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import torch
from transformers import LlamaConfig, MixtralConfig, PreTrainedModel

from engine.api.cancellation import CancellationToken
from engine.api.checkpoint import CheckpointKind
from engine.api.errors import Cancelled, EngineError, ErrorKind
from engine.api.events import LoadPhase
from engine.api.plan import Precision, PrecisionChoice
from engine.checkpoints import conversion, copies, copy_folders, loader
from engine.checkpoints.files import CheckpointFiles
from engine.quantization import quantizers
from engine.quantization.experts import packed as packed_experts
from tests import tiny_checkpoints

PROMPT = torch.tensor([[3, 17, 44, 101, 250, 9, 12]])
# Wide enough for every kernel of 4-bit weights.
SHAPE = {
    "vocab_size": 384, "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 3, "num_attention_heads": 2,
    "num_key_value_heads": 1, "head_dim": 32, "max_position_embeddings": 2048, "tie_word_embeddings": False,
    "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0,
}  # fmt: skip
# Fused experts, transposed linears, tied heads, latent attention, recurrent layers.
ARCHITECTURES = ("llama", "gemma3", "gpt2", "bloom", "qwen3_moe", "gpt_oss", "deepseek_v3", "qwen3_next", "falcon_h1")
CHOICES = (PrecisionChoice.INT8, PrecisionChoice.INT4)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


@pytest.fixture
def llama(tiny_folder: Path, tmp_path: Path) -> Path:
    """A checkpoint of this test's own, to be changed."""
    kept = tiny_folder / "wide-llama"
    if not kept.exists():
        tiny_checkpoints.save(LlamaConfig(**SHAPE), kept)
    return Path(shutil.copytree(kept, tmp_path / "model"))


def load(
    path: Path,
    data: Path,
    choice: PrecisionChoice = PrecisionChoice.INT4,
    reports: list[tuple[LoadPhase, int, int]] | None = None,
    token: CancellationToken | None = None,
) -> loader.LoadedModel:
    told: list[tuple[LoadPhase, int, int]] = [] if reports is None else reports
    return loader.load(
        str(path), choice, 256, "cpu", data, token or CancellationToken(),
        lambda phase, done, total: told.append((phase, done, total)),
    )  # fmt: skip


def logits(loaded: loader.LoadedModel) -> torch.Tensor:
    with torch.inference_mode():
        result = loaded.model(PROMPT).logits.clone()
    loader.free(loaded)
    return result


def folders(data: Path) -> list[Path]:
    parent = data / copy_folders.FOLDER_NAME
    return sorted(parent.iterdir()) if parent.is_dir() else []


class PackedError(Exception):
    """Of no kind that loading takes for a fault of the model's code."""


def forbid_packing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every way in which weights are packed fail."""

    def packs(*_: object, **__: object) -> None:
        raise PackedError

    for quantizer in (quantizers.PackedInt4Quantizer, quantizers.PackedInt8Quantizer):
        monkeypatch.setattr(quantizer, "get_quantize_ops", packs)
    monkeypatch.setattr(quantizers, "pack", packs)
    monkeypatch.setattr(packed_experts, "pack", packs)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("choice", CHOICES)
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_second_load_has_the_same_weights_without_packing(
    name: str, choice: PrecisionChoice, tiny_folder: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quantizers, "finish", lambda model, **_: None)  # what comes after is the same for equal weights
    path = tiny_checkpoints.make(name, tiny_folder)
    first = load(path, data, choice)
    assert first.plan.precision.value == choice.value
    assert len(folders(data)) == 1
    forbid_packing(monkeypatch)
    second = load(path, data, choice)
    assert second.model.generation_config.to_dict() == first.model.generation_config.to_dict()
    assert first.model.config.dtype is second.model.config.dtype, "saving writes into it"
    expected, state = first.model.state_dict(), second.model.state_dict()
    assert expected.keys() == state.keys()
    for key, value in expected.items():
        if isinstance(value, torch.Tensor):
            assert state[key].dtype == value.dtype, key
            assert torch.equal(state[key], value), key
    for loaded in (first, second):
        loader.free(loaded)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("choice", CHOICES)
@pytest.mark.parametrize("kind", ["dense", "experts"])
def test_second_load_computes_the_same(
    kind: str, choice: PrecisionChoice, tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = LlamaConfig(**SHAPE) if kind == "dense" else MixtralConfig(**SHAPE, num_local_experts=4)
    path = tiny_checkpoints.save(config, tmp_path / "model")
    first = logits(load(path, data, choice))
    forbid_packing(monkeypatch)
    assert torch.equal(logits(load(path, data, choice)), first)


@pytest.mark.usefixtures("small")
def test_spy_sees_packing_of_a_first_load(llama: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forbid_packing(monkeypatch)
    with pytest.raises(PackedError):
        load(llama, data)


@pytest.mark.usefixtures("small")
def test_precisions_have_copies_of_their_own_and_dense_models_none(llama: Path, data: Path) -> None:
    for choice in (*CHOICES, PrecisionChoice.FP32, PrecisionChoice.BF16):
        loader.free(load(llama, data, choice))
    names = [folder.name for folder in folders(data)]
    assert [name.split("-")[1] for name in names] == ["int4", "int8"]
    assert copy_folders.used_bytes(data) == sum(
        path.stat().st_size for folder in folders(data) for path in folder.iterdir()
    )


def test_no_copy_that_is_as_large_as_the_original(llama: Path, data: Path) -> None:
    loader.free(load(llama, data))
    assert folders(data) == []


def _change_weights(path: Path) -> None:
    file = path / "model.safetensors"
    times = file.stat()
    content = bytearray(file.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 64] = bytes(64)
    file.write_bytes(content)
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns + 1))


def _exchange_quietly(path: Path) -> None:
    """Other weights of the same size and date."""
    file = path / "model.safetensors"
    times = file.stat()
    content = bytearray(file.read_bytes())
    content[-2048:] = bytes(2048)
    file.write_bytes(content)
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))


def _change_config(path: Path) -> None:
    tiny_checkpoints.edit_config(path, rms_norm_eps=1e-3)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("change", [_change_weights, _exchange_quietly, _change_config])
def test_changed_original_is_packed_anew_and_the_old_copy_goes(change: object, llama: Path, data: Path) -> None:
    loader.free(load(llama, data))
    before = folders(data)
    assert callable(change)
    change(llama)
    loader.free(load(llama, data))
    after = folders(data)
    assert len(before) == len(after) == 1
    assert before != after


@pytest.mark.usefixtures("small")
def test_other_versions_of_the_libraries_make_a_new_copy(
    llama: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loader.free(load(llama, data))
    before = folders(data)
    monkeypatch.setattr(copies, "_versions", lambda: ["2.99", "5.99.0", "0.99.0"])
    loader.free(load(llama, data))
    assert len(folders(data)) == 1
    assert folders(data) != before


def _weights(folder: Path) -> Path:
    return folder / "model.safetensors"


def _cut(folder: Path) -> None:
    _weights(folder).write_bytes(_weights(folder).read_bytes()[:-100])


def _zero_page(folder: Path) -> None:
    content = bytearray(_weights(folder).read_bytes())
    content[-4096:] = bytes(4096)
    _weights(folder).write_bytes(content)


def _other_header(folder: Path) -> None:
    content = _weights(folder).read_bytes()
    _weights(folder).write_bytes(content[:8] + content[8:].replace(b"q_proj", b"k_proj", 1))


def _no_record(folder: Path) -> None:
    (folder / conversion.RECORD_NAME).unlink()


def _odd_record(folder: Path) -> None:
    (folder / conversion.RECORD_NAME).write_text("[1, 2]")


def _no_weights(folder: Path) -> None:
    _weights(folder).unlink()


def _rewrite(folder: Path, drop: str) -> None:
    """Leave tensors out, and let the record agree: only loading can tell."""
    from safetensors.torch import load_file, save_file

    kept = {name: tensor.clone() for name, tensor in load_file(_weights(folder)).items() if drop not in name}
    save_file(kept, _weights(folder), metadata={"format": "pt"})
    source = json.loads((folder / conversion.RECORD_NAME).read_text())["source"]
    (folder / conversion.RECORD_NAME).unlink()
    copy_folders._write_record(folder, source)


def _lost_tensor(folder: Path) -> None:
    _rewrite(folder, "layers.1.mlp.down_proj.weight")


def _lost_scales(folder: Path) -> None:
    _rewrite(folder, "layers.1.self_attn.q_proj.weight.absmax")


def _lost_state(folder: Path) -> None:
    _rewrite(folder, "layers.2.self_attn.q_proj.weight.quant_state")


def _odd_config(folder: Path) -> None:
    (folder / "config.json").write_text("{}")
    source = json.loads((folder / conversion.RECORD_NAME).read_text())["source"]
    (folder / conversion.RECORD_NAME).unlink()
    copy_folders._write_record(folder, source)


DAMAGES = (
    _cut, _zero_page, _other_header, _no_record, _odd_record, _no_weights, _lost_tensor, _lost_scales, _lost_state,
    _odd_config,
)  # fmt: skip


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_copy_is_made_anew(damage: object, llama: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = logits(load(llama, data))
    assert callable(damage)
    damage(folders(data)[0])
    assert torch.equal(logits(load(llama, data)), first)
    forbid_packing(monkeypatch)
    assert torch.equal(logits(load(llama, data)), first)
    assert len(folders(data)) == 1


@pytest.mark.usefixtures("small")
def test_lost_scales_of_int8_are_seen(llama: Path, data: Path) -> None:
    first = logits(load(llama, data, PrecisionChoice.INT8))
    _rewrite(folders(data)[0], "layers.1.self_attn.q_proj.SCB")
    assert torch.equal(logits(load(llama, data, PrecisionChoice.INT8)), first)


@pytest.mark.usefixtures("small")
def test_unwritable_data_folder_is_no_error(llama: Path, data: Path) -> None:
    (data / copy_folders.FOLDER_NAME).write_text("a file stands where the folder should be")
    assert logits(load(llama, data)).isfinite().all()


@pytest.mark.usefixtures("small")
def test_weights_that_cannot_be_saved_are_no_error(llama: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of packed weights transformers takes rows that there are none of, where a publisher orders them otherwise."""

    def fails(*_: object, **__: object) -> None:
        raise IndexError("tuple index out of range")

    monkeypatch.setattr(PreTrainedModel, "save_pretrained", fails)
    assert logits(load(llama, data)).isfinite().all()
    assert not folders(data)


@pytest.mark.usefixtures("small")
def test_copy_in_a_folder_that_became_read_only_is_used(
    llama: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = logits(load(llama, data))

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    for name in ("utime", "mkdir", "unlink", "rename", "rmdir"):
        monkeypatch.setattr(os, name, refuse)
    forbid_packing(monkeypatch)
    assert torch.equal(logits(load(llama, data)), first)


@pytest.mark.usefixtures("small")
def test_cancel_while_saving_leaves_nothing(llama: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copies, "_SHARD_BYTES", 20_000)
    token = CancellationToken()
    written: list[str] = []

    def report(phase: LoadPhase, done: int, total: int) -> None:
        if phase is LoadPhase.CHECKING and 0 < done < total:
            written.extend(path.name for path in folders(data)[0].iterdir())
            token.cancel()

    with pytest.raises(Cancelled):
        loader.load(str(llama), PrecisionChoice.INT4, 256, "cpu", data, token, report)
    assert any(name.endswith(".safetensors") for name in written)
    assert folders(data) == []


@pytest.mark.usefixtures("small")
def test_saving_is_told_in_bytes(llama: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copies, "_SHARD_BYTES", 20_000)
    reports: list[tuple[LoadPhase, int, int]] = []
    loader.free(load(llama, data, reports=reports))
    told = [(done, total) for phase, done, total in reports if phase is LoadPhase.CHECKING][:-1]
    assert len(told) > 4
    assert told == sorted(told)
    assert {total for _, total in told} == {told[-1][0]}


@pytest.fixture
def full_disk(small: None) -> Iterator[None]:
    """No file can grow beyond a part of a copy, as on a disk that has no more room."""
    resource = pytest.importorskip("resource", reason="no limit on a file's size there")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (90_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_full_disk_is_no_error(llama: Path, data: Path, full_disk: None) -> None:
    assert logits(load(llama, data)).isfinite().all()
    assert folders(data) == []


SAVING = """
import sys, time
from pathlib import Path
import torch
torch.set_num_threads(1)
from engine.api.cancellation import CancellationToken
from engine.api.events import LoadPhase
from engine.api.plan import PrecisionChoice
from engine.checkpoints import copies, loader
copies._SMALL_FILES_BYTES = copies._HEADER_BYTES_PER_TENSOR = 0
copies._SHARD_BYTES = 20_000
stays = sys.argv[3] == "stays"
told = []
def report(phase, done, total):
    if phase is LoadPhase.CHECKING and 0 < done < total and not told:
        told.append(1)
        print("saving", flush=True)
        if stays:
            time.sleep(600)
        sys.stdin.readline()
loaded = loader.load(sys.argv[1], PrecisionChoice.INT4, 256, "cpu", Path(sys.argv[2]), CancellationToken(), report)
print("done", flush=True)
"""


def _start(llama: Path, data: Path, how: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", SAVING, str(llama), str(data), how]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def _line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9")
@pytest.mark.usefixtures("small")
def test_killed_while_saving(llama: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with _start(llama, data, "stays") as process:
        assert _line(process) == "saving"
        process.send_signal(signal.SIGKILL)
        process.wait()
    left = folders(data)
    assert [conversion.is_temporary(folder) for folder in left] == [True]
    assert any(left[0].iterdir())
    first = logits(load(llama, data))
    assert [conversion.is_temporary(folder) for folder in folders(data)] == [False]
    forbid_packing(monkeypatch)
    assert torch.equal(logits(load(llama, data)), first)


@pytest.mark.usefixtures("small")
def test_two_processes_at_once(llama: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copies, "_SHARD_BYTES", 20_000)
    begun: list[int] = []

    def go_on_together(phase: LoadPhase, done: int, total: int) -> None:
        if phase is LoadPhase.CHECKING and 0 < done < total and not begun:
            begun.append(len(folders(data)))
            assert other.stdin is not None
            other.stdin.write("\n")
            other.stdin.flush()

    with _start(llama, data, "waits") as other:
        assert _line(other) == "saving"
        here = loader.load(str(llama), PrecisionChoice.INT4, 256, "cpu", data, CancellationToken(), go_on_together)
        assert begun == [2]
        assert _line(other) == "done"
    loader.free(here)
    assert [conversion.is_temporary(folder) for folder in folders(data)] == [False]
    forbid_packing(monkeypatch)
    assert logits(load(llama, data)).isfinite().all()


LOST = "CUDA error: an illegal memory access was encountered"


@pytest.mark.parametrize(
    "error",
    [
        EngineError(ErrorKind.OUT_OF_MEMORY, "The card is full.", ""),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError(LOST),
    ],
)
def test_a_copy_outlives_what_would_happen_to_the_original_too(
    error: Exception, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Making it anew may take minutes."""

    def fail(*_: object) -> None:
        raise error

    identity = copies.CopyIdentity("copy", "model as int4 for bf16")
    assert copy_folders.add(
        data, "copy", identity.source, 1000, lambda folder: (folder / "w").write_bytes(b"1") and None
    )
    monkeypatch.setattr(copies, "_load", fail)
    with pytest.raises(type(error)):
        copies.load(None, identity, data, lambda *_: None, CancellationToken())  # type: ignore[arg-type]
    assert [folder.name for folder in folders(data)] == ["copy"]


def test_a_card_that_is_lost_while_its_weights_are_saved_is_told(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError(LOST)

    monkeypatch.setattr(copies, "_stored_bytes", lambda _: 1)
    monkeypatch.setattr(copies, "_save", fail)
    with pytest.raises(EngineError) as caught:
        copies.keep(None, copies.CopyIdentity("c", "s"), 2, data, lambda *_: None, CancellationToken())  # type: ignore[arg-type]
    assert caught.value.report.kind is ErrorKind.DEVICE_LOST
    assert folders(data) == []


def test_recipe_is_part_of_the_identity(llama: Path, data: Path) -> None:
    loaded = load(llama, data)
    files = CheckpointFiles(str(llama), "model", CheckpointKind.FOLDER, llama)
    plans = [
        msgspec.structs.replace(loaded.plan, precision=precision, compute=compute)
        for precision in (Precision.INT4, Precision.INT8)
        for compute in (Precision.FP32, Precision.BF16, Precision.FP16)
    ]
    identities = [copies.identify(files, plan) for plan in plans]
    assert len({identity.folder_name for identity in identities if identity}) == 6
    hub = [
        copies.identify(CheckpointFiles("a/b", "b", CheckpointKind.HUB_CACHE, llama, revision), loaded.plan)
        for revision in ("1", "2", "2")
    ]
    assert len({identity.folder_name for identity in hub if identity}) == 2
    assert len({identity.source for identity in hub if identity}) == 1
    offloaded = msgspec.structs.replace(loaded.plan, device_map={"model.layers.0": "cuda:0", "lm_head": "cpu"})
    assert copies.identify(files, offloaded) == copies.identify(files, loaded.plan)
    loader.free(loaded)


@pytest.mark.parametrize("kind", [CheckpointKind.STARTER, CheckpointKind.GGUF])
def test_a_conversion_is_the_same_wherever_the_data_folder_was_copied_to(
    kind: CheckpointKind, llama: Path, tmp_path: Path
) -> None:
    """Or nothing that was kept of it would be found: packed copies, KV, rates, what the check found."""
    (llama / conversion.RECORD_NAME).write_text('{"sizes": {}, "made": "1"}')
    copied = tmp_path / "elsewhere" / llama.name
    shutil.copytree(llama, copied, copy_function=shutil.copyfile)
    here, there = (copies.source_of(CheckpointFiles("m", "m", kind, folder)) for folder in (llama, copied))
    assert here == there
    (copied / conversion.RECORD_NAME).write_text('{"sizes": {}, "made": "2"}')
    assert copies.source_of(CheckpointFiles("m", "m", kind, copied)) != here
