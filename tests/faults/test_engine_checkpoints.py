"""Fault catalogue 12 to 16 and 19 through the engine: one error each, no code run, no request made, and it goes on."""

import json
import os
import pickle
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, BitsAndBytesConfig

from engine.api.cancellation import CancellationToken
from engine.api.commands import Generate, LoadCheckpoint, UnloadCheckpoint
from engine.api.errors import EngineError, ErrorKind, ErrorReport
from engine.api.events import CheckpointLoaded, Event, GenerationFinished
from engine.api.message import PromptMessage, Role
from engine.api.plan import PrecisionChoice
from engine.api.sampling import Sampling
from engine.chat_engine import ChatEngine
from tests import tiny_checkpoints

CANARY = "canary-of-code-that-ran"
Change = Callable[[Path], object]


class Engine:
    """The compute lane's handler with what it emitted."""

    def __init__(self, data_folder: Path) -> None:
        self._engine = ChatEngine(data_folder)
        self.events: list[Event] = []

    def load(self, folder: Path, precision: PrecisionChoice = PrecisionChoice.AUTO) -> CheckpointLoaded:
        command = LoadCheckpoint(command_id="l", checkpoint=str(folder), precision=precision, device="cpu")
        event = self._engine.handle(command, CancellationToken(), self.events.append)
        assert isinstance(event, CheckpointLoaded)
        return event

    def refuses(self, folder: Path) -> ErrorReport:
        with pytest.raises(EngineError) as caught:
            self.load(folder)
        return caught.value.report

    def answer(self) -> str:
        command = Generate(
            command_id="g",
            conversation_id="c",
            message_id="m",
            messages=(PromptMessage(role=Role.USER, content="Tell me a story"),),
            sampling=Sampling(temperature=0.0, maximum_tokens=4),
        )
        event = self._engine.handle(command, CancellationToken(), self.events.append)
        assert isinstance(event, GenerationFinished)
        return event.text

    def unload(self) -> None:
        self._engine.handle(UnloadCheckpoint(command_id="u"), CancellationToken(), self.events.append)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = Engine(tmp_path / "data")
    yield made
    made.unload()


@pytest.fixture(scope="module")
def healthy(tiny_folder: Path) -> Path:
    return tiny_checkpoints.make("llama", tiny_folder)


@pytest.fixture(scope="module")
def sized(tiny_folder: Path) -> Path:
    return tiny_checkpoints.save(tiny_checkpoints.llama_of_whole_blocks(), tiny_folder / "llama-64s")


@pytest.fixture
def broken(healthy: Path, tmp_path: Path) -> Path:
    """A copy of a healthy checkpoint that the test may break, with code lying beside that must not run."""
    folder = Path(shutil.copytree(healthy, tmp_path / "my-model"))
    code = f"open({str(folder / CANARY)!r}, 'w').close()\n"
    for name in ("modeling_evil.py", "configuration_evil.py", "tokenization_evil.py", "__init__.py"):
        (folder / name).write_text(code)
    (folder / "custom_generate").mkdir()
    (folder / "custom_generate" / "generate.py").write_text(code)
    return folder


@pytest.fixture
def tripwire(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Every attempt to look up a name or to connect, none of which succeeds."""
    attempts: list[object] = []

    def refuse(*arguments: object, **_: object) -> None:
        attempts.append(arguments)
        raise OSError("no network in this test")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "connect_ex", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    return attempts


class Bomb:
    """A pickle that makes a folder when it is read."""

    def __init__(self, canary: Path) -> None:
        self._canary = canary

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (os.mkdir, (str(self._canary),))


def half(folder: Path) -> None:
    path = folder / "model.safetensors"
    os.truncate(path, path.stat().st_size // 2)


def eight_bytes(folder: Path) -> None:
    os.truncate(folder / "model.safetensors", 8)


def pipe(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    os.mkfifo(folder / "model.safetensors")


def pickled(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Bomb(folder / CANARY)))


def pickle_by_name(folder: Path) -> None:
    pickled(folder)
    tiny_checkpoints.edit_config(folder, transformers_weights="pytorch_model.bin")


def fp8_without_scales(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    packed = {name: _as_fp8(name, tensor) for name, tensor in tensors.items()}
    save_file(packed, folder / "model.safetensors", metadata={"format": "pt"})
    tiny_checkpoints.edit_config(folder, quantization_config={"quant_method": "fp8"})


def _as_fp8(name: str, tensor: torch.Tensor) -> torch.Tensor:
    return tensor.to(torch.float8_e4m3fn) if name.endswith("_proj.weight") else tensor


def config(**changes: object) -> Change:
    return lambda folder: tiny_checkpoints.edit_config(folder, **changes)


def config_text(text: str) -> Change:
    return lambda folder: (folder / "config.json").write_text(text)


def kind_of_model(model_type: str, architecture: str) -> Change:
    return config_text(json.dumps({"model_type": model_type, "architectures": [architecture]}))


INCOMPLETE, UNSAFE, UNSUPPORTED = (
    ErrorKind.CHECKPOINT_INCOMPLETE, ErrorKind.CHECKPOINT_UNSAFE, ErrorKind.CHECKPOINT_UNSUPPORTED,
)  # fmt: skip
CASES: dict[str, tuple[Change, ErrorKind, str]] = {
    "12 cut at half": (half, INCOMPLETE, "model.safetensors"),
    "12 cut at 8 bytes": (eight_bytes, INCOMPLETE, "model.safetensors"),
    "12 a pipe": (pipe, INCOMPLETE, "model.safetensors"),
    "13 a layer is missing": (config(num_hidden_layers=4), INCOMPLETE, "model.layers.3."),
    "13 other sizes": (config(intermediate_size=128), INCOMPLETE, "mlp"),
    "14 garbage": (config_text("{]"), INCOMPLETE, "config.json"),
    "14 a list": (config_text("[]"), INCOMPLETE, "config.json"),
    "14 unknown": (config(model_type="model_of_tomorrow"), UNSUPPORTED, "model_of_tomorrow"),
    "14 a billion layers": (config(num_hidden_layers=10**9), INCOMPLETE, "num_hidden_layers"),
    "14 negative": (config(hidden_size=-1), INCOMPLETE, "hidden_size"),
    "15 auto_map": (config(auto_map={"AutoConfig": "configuration_evil.Config"}), UNSAFE, "program code"),
    "15 attention": (config(_attn_implementation_internal="evil/kernel"), UNSAFE, "program code"),
    "15 trust": (config(text_config={"trust_remote_code": True}), UNSAFE, "program code"),
    "15 quantization code": (
        config(quantization_config={"quant_method": "fp8", "kernel": "evil/kernel"}), UNSAFE, "program code",
    ),
    "15 unknown quantization": (config(quantization_config={"quant_method": "evil"}), UNSUPPORTED, "evil"),
    "15 packages lacking": (config(quantization_config={"quant_method": "gptq", "bits": 3}), UNSUPPORTED, "gptqmodel"),
    "15 code from the Hub": (config(quantization_config={"quant_method": "eetq"}), UNSUPPORTED, "internet"),
    "16 only pickle": (pickled, UNSAFE, "pytorch_model.bin"),
    "16 pickle by name": (pickle_by_name, UNSAFE, "file"),
    "16 scales are missing": (fp8_without_scales, UNSUPPORTED, "scale"),
    "19 encoder": (kind_of_model("bert", "BertForMaskedLM"), UNSUPPORTED, "BertForMaskedLM"),
    "19 vision": (kind_of_model("vit", "ViTForImageClassification"), UNSUPPORTED, "ViTForImageClassification"),
    "19 speech": (kind_of_model("whisper", "WhisperForConditionalGeneration"), UNSUPPORTED, "whisper"),
    "19 base model": (lambda folder: (folder / "chat_template.jinja").unlink(), ErrorKind.NO_CHAT_TEMPLATE, "template"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_one_error_no_code_and_no_request(engine: Engine, broken: Path, case: str, tripwire: list[object]) -> None:
    change, kind, words = CASES[case]
    change(broken)
    report = engine.refuses(broken)
    assert (report.kind, words in report.message) == (kind, True), report
    assert report.hint
    assert "my-model" in report.message
    assert "\n" not in report.sentence()
    assert len(report.message) < 400
    assert not (broken / CANARY).exists()
    assert tripwire == []


@pytest.mark.parametrize("case", ["12 cut at half", "13 a layer is missing", "14 a billion layers", "16 only pickle"])
def test_the_model_from_before_and_the_next_one_answer(engine: Engine, healthy: Path, broken: Path, case: str) -> None:
    before = engine.load(healthy)
    CASES[case][0](broken)
    engine.refuses(broken)
    again = engine.load(healthy)
    assert again.plan.parameters == before.plan.parameters
    assert engine.answer()


def test_gguf_of_an_unknown_architecture(engine: Engine, tmp_path: Path, tripwire: list[object]) -> None:
    path = tmp_path / "my-model.gguf"
    key, value = b"general.architecture", b"architecture-of-tomorrow"
    entry = len(key).to_bytes(8, "little") + key + (8).to_bytes(4, "little") + len(value).to_bytes(8, "little") + value
    counts = (3).to_bytes(4, "little") + (0).to_bytes(8, "little") + (1).to_bytes(8, "little")
    path.write_bytes(b"GGUF" + counts + entry + b"\0" * 64)
    report = engine.refuses(path)
    assert report.kind in (UNSUPPORTED, INCOMPLETE)
    assert "my-model" in report.message
    assert tripwire == []


# ---- checkpoints that their publisher quantised ---------------------------------------------------------------------


@pytest.mark.parametrize("bits", [4, 8])
def test_bitsandbytes_loads_as_published(
    engine: Engine, sized: Path, tmp_path: Path, bits: int, tripwire: list[object]
) -> None:
    recipe = BitsAndBytesConfig(load_in_4bit=bits == 4, load_in_8bit=bits == 8)  # type: ignore[no-untyped-call]
    model = AutoModelForCausalLM.from_pretrained(str(sized), quantization_config=recipe, device_map={"": "cpu"})
    folder = Path(shutil.copytree(sized, tmp_path / "packed"))
    model.save_pretrained(folder)
    plan = engine.load(folder).plan
    assert plan.precision == ("int4" if bits == 4 else "int8")
    assert engine.answer()
    assert plan.parameters == engine.load(sized).plan.parameters
    assert tripwire == []


def test_fp8_answers_as_its_unpacked_weights(engine: Engine, healthy: Path, broken: Path) -> None:
    plain = Path(shutil.copytree(healthy, broken.parent / "plain"))
    tensors = load_file(broken / "model.safetensors")
    packed, unpacked = {}, {}
    for name, tensor in tensors.items():
        packed[name] = unpacked[name] = tensor
        if name.endswith("_proj.weight"):
            scale = tensor.abs().max() / 448
            packed[name] = (tensor / scale).to(torch.float8_e4m3fn)
            packed[name + "_scale_inv"] = scale.clone()
            unpacked[name] = packed[name].float() * scale
    save_file(packed, broken / "model.safetensors", metadata={"format": "pt"})
    save_file(unpacked, plain / "model.safetensors", metadata={"format": "pt"})
    tiny_checkpoints.edit_config(broken, quantization_config={"quant_method": "fp8", "weight_block_size": None})
    wanted_plan = engine.load(plain, PrecisionChoice.BF16).plan
    wanted = engine.answer()
    plan = engine.load(broken, PrecisionChoice.BF16).plan
    assert plan.parameters == wanted_plan.parameters
    assert engine.answer() == wanted
