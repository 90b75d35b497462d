"""Loading: what comes out, how it is told, that it can be stopped, and that its memory comes back."""

import base64
import gc
import json
import subprocess
import sys
import weakref
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from transformers import AutoModelForCausalLM
from transformers.utils import logging as transformers_logging

from engine.api.cancellation import CancellationToken
from engine.api.errors import Cancelled, EngineError, ErrorKind
from engine.api.events import LoadPhase
from engine.api.plan import Precision, PrecisionChoice
from engine.bench import byte_tokenizer
from engine.checkpoints import loader
from tests import tiny_checkpoints

Report = tuple[LoadPhase, int, int]

ROOT = Path(__file__).parents[3]
# argv: model, folder for data.
WITHOUT_PACKAGES = """
import sys
sys.modules.update(dict.fromkeys(("bitsandbytes", "gguf")))  # as if they were not installed
from pathlib import Path
from engine.api.cancellation import CancellationToken
from engine.api.commands import PlanCheckpoint
from engine.api.errors import EngineError
from engine.api.plan import PrecisionChoice
from engine.bench import run
from engine.checkpoints import loader, planning
from engine.generation.chat_session import ChatSession
from tests.chat_probe import ask, user
model, folder = sys.argv[1], Path(sys.argv[2])
def load(choice):
    return loader.load(model, choice, 512, "cpu", folder, CancellationToken(), lambda *_: None)
print(len(ask(ChatSession(load(PrecisionChoice.BF16)), [user("Hello")], maximum_tokens=4).token_ids))
try:
    load(PrecisionChoice.INT4)
except EngineError as error:
    print(error.report.sentence())
"""


def load(
    reference: Path | str,
    data_folder: Path,
    choice: PrecisionChoice = PrecisionChoice.AUTO,
    context_tokens: int | None = None,
    device: str = "cpu",
    reports: list[Report] | None = None,
) -> loader.LoadedModel:
    told: list[Report] = [] if reports is None else reports
    return loader.load(
        str(reference), choice, context_tokens, device, data_folder, CancellationToken(),
        lambda phase, done, total: told.append((phase, done, total)),
    )  # fmt: skip


@pytest.fixture(scope="module")
def llama(tiny_folder: Path) -> Path:
    return tiny_checkpoints.make("llama", tiny_folder)


def test_16_bit_works_without_the_packages_of_other_formats(llama: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", WITHOUT_PACKAGES, str(llama), str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    tokens, sentence = done.stdout.splitlines()
    assert int(tokens) > 0
    assert sentence.startswith("INT4 does not work")


@pytest.mark.parametrize("name", sorted(tiny_checkpoints.ARCHITECTURES))
def test_every_architecture_loads_exactly(name: str, tiny_folder: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    path = tiny_checkpoints.make(name, tiny_folder)
    loaded = load(path, tmp_path)
    assert loaded.plan.precision is Precision.FP32
    assert loaded.dtype == torch.float32
    assert not loaded.model.training
    assert not any(parameter.requires_grad for parameter in loaded.model.parameters())
    assert loaded.model.config._attn_implementation in ("sdpa", "eager")
    assert loaded.tokenizer.chat_template == byte_tokenizer.CHAT_TEMPLATE
    assert loaded.model.generation_config.eos_token_id == byte_tokenizer.EOS_ID
    published = sum(float(tensor.double().abs().sum()) for tensor in load_file(path / "model.safetensors").values())
    kept = sum(float(tensor.double().abs().sum()) for tensor in loaded.model.state_dict().values())
    assert kept == pytest.approx(published, rel=1e-9)
    loader.free(loaded)


def test_plan_says_what_was_loaded(llama: Path, tmp_path: Path) -> None:
    loaded = load(llama, tmp_path, context_tokens=500)
    plan = loaded.plan
    assert (plan.checkpoint, plan.name) == (str(llama), "llama-0")
    assert plan.parameters == sum(parameter.numel() for parameter in loaded.model.parameters())
    assert plan.device == "cpu"
    assert plan.device_name
    assert plan.context_window == 500
    assert plan.precision_reason.endswith(".")
    assert plan.context_reason.endswith(".")
    loader.free(loaded)


def test_plan_says_how_long_loading_took(llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter((100.0, 107.5))
    monkeypatch.setattr(loader, "time", SimpleNamespace(perf_counter=lambda: next(times)))
    loaded = load(llama, tmp_path)
    assert loaded.plan.load_seconds == 7.5
    loader.free(loaded)


@pytest.mark.parametrize(
    ("choice", "precision", "dtype"),
    [
        (PrecisionChoice.BF16, Precision.BF16, torch.bfloat16),
        (PrecisionChoice.FP32, Precision.FP32, torch.float32),
    ],
)
def test_override(llama: Path, tmp_path: Path, choice: PrecisionChoice, precision: Precision, dtype: object) -> None:
    loaded = load(llama, tmp_path, choice)
    assert loaded.plan.precision is precision
    assert {parameter.dtype for parameter in loaded.model.parameters()} == {dtype}
    loader.free(loaded)


def test_progress_counts_bytes_and_reaches_the_end(llama: Path, tmp_path: Path) -> None:
    reports: list[Report] = []
    loaded = load(llama, tmp_path, reports=reports)
    counts = [(done, total) for phase, done, total in reports if phase is LoadPhase.LOADING]
    total = sum(parameter.nbytes for parameter in loaded.model.parameters())
    assert counts[0] == (0, total)
    assert counts[-1] == (total, total)
    assert [done for done, _ in counts] == sorted(done for done, _ in counts)
    assert len(counts) > 10
    assert reports[-1][0] is LoadPhase.CHECKING
    loader.free(loaded)


def test_progress_of_fused_experts_reaches_the_end(tiny_folder: Path, tmp_path: Path) -> None:
    reports: list[Report] = []
    loader.free(load(tiny_checkpoints.make("mixtral", tiny_folder), tmp_path, reports=reports))
    done = [done for phase, done, _ in reports if phase is LoadPhase.LOADING]
    assert done == sorted(done)
    assert done[-1] == reports[-2][2]


def test_cancel_between_tensors_leaves_nothing(llama: Path, tmp_path: Path) -> None:
    token = CancellationToken()
    seen: list[int] = []

    def report(phase: LoadPhase, done: int, total: int) -> None:
        if phase is LoadPhase.LOADING and done > 0:
            seen.append(done)
            token.cancel()

    hook_before = transformers_logging.set_tqdm_hook(None)
    gc.collect()
    before = {id(item) for item in gc.get_objects() if issubclass(type(item), torch.nn.Module)}
    with pytest.raises(Cancelled):
        loader.load(str(llama), PrecisionChoice.AUTO, None, "cpu", tmp_path, token, report)
    assert len(seen) == 1
    gc.collect()
    left = [item for item in gc.get_objects() if issubclass(type(item), torch.nn.Module) and id(item) not in before]
    assert left == []
    assert transformers_logging.set_tqdm_hook(hook_before) is None
    loader.free(load(llama, tmp_path))


def test_cancel_before_the_start_still_counts(llama: Path, tmp_path: Path) -> None:
    token = CancellationToken()
    token.cancel()
    with pytest.raises(Cancelled):
        loader.load(str(llama), PrecisionChoice.AUTO, None, "cpu", tmp_path, token, lambda *_: None)


def test_free_gives_memory_back_even_while_the_model_is_named(llama: Path, tmp_path: Path) -> None:
    loaded = load(llama, tmp_path)
    references = [weakref.ref(parameter.untyped_storage()) for parameter in loaded.model.parameters()]
    loader.free(loaded)
    assert [reference() for reference in references if reference() is not None] == []


@pytest.mark.parametrize("device", ["gpu", "cuda:99", "cpu:3", "", "meta", "/etc", "xpu"])
def test_unknown_device_is_one_sentence(llama: Path, tmp_path: Path, device: str) -> None:
    with pytest.raises(EngineError) as caught:
        load(llama, tmp_path, device=device)
    assert caught.value.report.kind is ErrorKind.INVALID_COMMAND
    assert "cpu" in caught.value.report.hint


def test_automatic_device_is_there(llama: Path, tmp_path: Path) -> None:
    loaded = load(llama, tmp_path, device="auto")
    if torch.cuda.is_available():
        assert loaded.device == torch.device("cuda", 0)
    assert next(loaded.model.parameters()).device == loaded.device
    loader.free(loaded)


def test_out_of_memory_on_the_device_is_told(llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(AutoModelForCausalLM, "from_pretrained", fail)
    with pytest.raises(EngineError) as caught:
        load(llama, tmp_path)
    assert caught.value.report.kind is ErrorKind.OUT_OF_MEMORY


def test_sharded_checkpoint(tmp_path: Path) -> None:
    path = tiny_checkpoints.save(tiny_checkpoints.ARCHITECTURES["llama"](), tmp_path / "sharded", shard_size="100KB")
    assert len(list(path.glob("*.safetensors"))) > 2
    loaded = load(path, tmp_path)
    assert loaded.plan.parameters == sum(parameter.numel() for parameter in loaded.model.parameters())
    loader.free(loaded)


def test_tokenizer_identity_follows_the_vocabulary_only(llama: Path, tiny_folder: Path, tmp_path: Path) -> None:
    first = load(llama, tmp_path)
    second = load(tiny_checkpoints.make("qwen3", tiny_folder), tmp_path)
    assert first.plan.tokenizer_id == second.plan.tokenizer_id
    loader.free(first)
    loader.free(second)
    changed = tiny_checkpoints.save(tiny_checkpoints.ARCHITECTURES["llama"](), tmp_path / "changed")
    file = changed / "tokenizer.json"
    content = json.loads(file.read_text())
    content["added_tokens"].append({**content["added_tokens"][-1], "id": 384, "content": "<new>"})
    file.write_text(json.dumps(content))
    third = load(changed, tmp_path)
    assert third.plan.tokenizer_id != first.plan.tokenizer_id
    loader.free(third)


def test_the_last_tokenizer_is_kept_until_one_of_its_files_is_written(tmp_path: Path) -> None:
    path = tiny_checkpoints.save(tiny_checkpoints.ARCHITECTURES["llama"](), tmp_path / "kept")
    first, again = load(path, tmp_path), load(path, tmp_path)
    assert again.tokenizer is first.tokenizer
    (path / "chat_template.jinja").write_text("other {{ messages }}")
    assert load(path, tmp_path).tokenizer.chat_template == "other {{ messages }}"
    templates = path / "additional_chat_templates"
    templates.mkdir()
    (templates / "tools.jinja").write_text("with tools")
    assert load(path, tmp_path).tokenizer is not first.tokenizer
    loader.free(first)


def test_a_tokenizer_that_only_other_software_reads_is_not_called_incomplete(tmp_path: Path) -> None:
    path = tiny_checkpoints.save(tiny_checkpoints.ARCHITECTURES["mistral"](), tmp_path / "tekken")
    (path / "tokenizer.json").unlink()
    words = [{"rank": byte, "token_bytes": base64.b64encode(bytes([byte])).decode()} for byte in range(256)]
    settings = {"pattern": ".", "num_vocab_tokens": 256, "default_vocab_size": 266, "default_num_special_tokens": 10}
    (path / "tekken.json").write_text(json.dumps({"config": settings, "vocab": words}))
    with pytest.raises(EngineError) as caught:
        load(path, tmp_path)
    report = caught.value.report
    assert report.kind is ErrorKind.CHECKPOINT_UNSUPPORTED, "it was to be downloaded again, for nothing"
    assert report.message.endswith("it needs software that does not come with Hearth.")
    assert "mistral-common" in report.details
    (path / "tekken.json").write_text("{")
    with pytest.raises(EngineError, match="its tokenizer cannot be read") as caught:
        load(path, tmp_path)
    assert caught.value.report.kind is ErrorKind.CHECKPOINT_INCOMPLETE


def test_template_beside_the_processor_and_named_ones_are_found(tmp_path: Path) -> None:
    path = tiny_checkpoints.save(tiny_checkpoints.ARCHITECTURES["llama"](), tmp_path / "multimodal")
    (path / "chat_template.jinja").unlink()
    (path / "chat_template.json").write_text(json.dumps({"chat_template": "beside {{ messages }}"}))
    loaded = load(path, tmp_path)
    assert loaded.tokenizer.chat_template == "beside {{ messages }}"
    loader.free(loaded)
    (path / "chat_template.json").unlink()
    file = path / "tokenizer_config.json"
    named = [{"name": "tool_use", "template": "tools"}, {"name": "default", "template": "plain {{ messages }}"}]
    file.write_text(json.dumps(json.loads(file.read_text()) | {"chat_template": named}))
    loaded = load(path, tmp_path)
    assert loaded.tokenizer.chat_template == "plain {{ messages }}"
    loader.free(loaded)


def test_a_draft_model_that_is_refused_is_called_so(llama: Path, tmp_path: Path) -> None:
    with pytest.raises(EngineError) as caught:
        loader.load(
            str(llama), PrecisionChoice.AUTO, None, "cpu", tmp_path, CancellationToken(), lambda *_: None,
            draft="publisher/gone",
        )  # fmt: skip
    report = caught.value.report
    assert report.kind is ErrorKind.CHECKPOINT_NOT_FOUND
    assert report.message.startswith("The draft model can't be used. There is no model “publisher/gone”")
    assert [remedy.draft for remedy in report.remedies] == [""]
