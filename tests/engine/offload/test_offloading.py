"""Models whose layers and tables wait in main memory answer as they do whole, in every precision."""

import gc
import weakref
from pathlib import Path

import msgspec
import pytest
import torch
from transformers import AutoConfig

from engine.api.errors import EngineError, ErrorKind
from engine.api.plan import PrecisionChoice
from engine.checkpoints import copies, loader
from engine.generation.chat_session import ChatSession
from engine.kv import opening
from engine.offload import streaming
from engine.planning.placement import STREAMING_SLOTS, Aside
from tests import tiny_checkpoints, tiny_published
from tests.engine.offload.answers import answers
from tests.engine.offload.spreading import blocks_of, load, load_spread

# Full attention, a scaled and tied embedding, experts, sinks, states, two tables, positions by length.
_ARCHITECTURES = ("llama", "gemma3", "mixtral", "gpt_oss", "lfm2", "falcon_h1", "gpt2", "phi3_longrope")
_PACKED = (PrecisionChoice.INT8, PrecisionChoice.INT4)


@pytest.mark.parametrize("name", _ARCHITECTURES)
def test_answers_and_what_is_read_stay_the_same(
    name: str, tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tiny_checkpoints.make(name, tiny_folder)
    whole = ChatSession(load(path, tmp_path, PrecisionChoice.FP32))
    spread = ChatSession(load_spread(path, tmp_path, PrecisionChoice.FP32, monkeypatch))
    assert spread.plan.offloaded
    assert type(spread.loaded.model) is type(whole.loaded.model)
    assert answers(spread) == answers(whole)
    assert spread.plan.kv_reuse == whole.plan.kv_reuse
    assert spread.plan.decode == "eager"


@pytest.mark.parametrize("choice", _PACKED)
@pytest.mark.parametrize(
    ("name", "aside"), [("llama", Aside.LAYERS), ("mixtral", Aside.LAYERS), ("mixtral", Aside.EXPERTS)]
)
def test_packed_weights_wait_too_and_are_read_from_the_copy(
    name: str,
    aside: Aside,
    choice: PrecisionChoice,
    tiny_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = tiny_checkpoints.make(name, tiny_folder)
    monkeypatch.setattr(copies, "_stored_bytes", lambda model: 1)  # else none is kept of models as small as these
    expected = answers(ChatSession(load(path, tmp_path / "whole", choice)))
    for _ in ("packed while it is read", "from the copy"):
        spread = load_spread(path, tmp_path / "spread", choice, monkeypatch, aside)
        assert answers(ChatSession(spread)) == expected
        loader.free(spread)
    assert len(list((tmp_path / "spread").rglob("*.safetensors"))) == 1


@pytest.mark.parametrize("choice", [PrecisionChoice.BF16, *_PACKED])
@pytest.mark.parametrize("form", ["fp8", "gptq"])
def test_what_was_published_packed_waits_as_it_is_unpacked_or_packed_again(
    form: str, choice: PrecisionChoice, tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = AutoConfig.from_pretrained(tiny_checkpoints.make("llama", tiny_folder))
    config.hidden_size, config.intermediate_size, config.head_dim = 64, 128, 16  # GPTQ packs whole words
    source = tiny_checkpoints.save(config, tmp_path / "source")
    path, _ = tiny_published.publish(form, source, tmp_path / "published")
    whole = ChatSession(load(path, tmp_path, choice))
    spread = ChatSession(load_spread(path, tmp_path, choice, monkeypatch))
    assert spread.plan.offloaded
    assert answers(spread) == answers(whole)


def test_why_steps_are_not_recorded_tells_layers_from_tables(
    tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tiny_checkpoints.make("llama", tiny_folder)
    reasons = [
        ChatSession(load_spread(path, tmp_path, PrecisionChoice.FP32, monkeypatch, each)).plan.decode_reason
        for each in (Aside.LAYERS, Aside.TABLES)
    ]
    assert ["copied to the card" in reason for reason in reasons] == [True, False]
    assert "row of a table" in reasons[1]


def test_the_device_holds_two_layers_at_a_time(
    tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tiny_checkpoints.make("llama", tiny_folder)
    model = load_spread(path, tmp_path, PrecisionChoice.FP32, monkeypatch).model
    layers = model.get_submodule("model.layers").children()
    held = [{tensor.untyped_storage().data_ptr() for tensor in layer.parameters()} for layer in layers]
    assert held[0] == held[2]
    assert len(held[0] | held[1]) == STREAMING_SLOTS
    tables = {block.name for block in blocks_of(path, tmp_path) if block.is_table}
    assert tables == {"model.embed_tokens"}
    assert not list(model.get_submodule("model.embed_tokens").parameters())


@pytest.mark.parametrize("is_tied", [True, False])
def test_a_table_that_is_the_head_as_well_is_none(is_tied: bool, tiny_folder: Path, tmp_path: Path) -> None:
    config = AutoConfig.from_pretrained(tiny_checkpoints.make("gemma3", tiny_folder))
    config.tie_word_embeddings = is_tied
    path = tiny_checkpoints.save(config, tmp_path / "model")
    assert any(block.is_table for block in blocks_of(path, tmp_path)) is not is_tied


def test_all_memory_comes_back(tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pieces: list[weakref.ref[torch.Tensor]] = []
    original = streaming.kept

    def watched(content: torch.Tensor, device: torch.device) -> list[torch.Tensor]:
        found = original(content, device)
        pieces.extend(weakref.ref(piece) for piece in found)
        return found

    monkeypatch.setattr(streaming, "kept", watched)
    path = tiny_checkpoints.make("llama", tiny_folder)
    loaded = load_spread(path, tmp_path, PrecisionChoice.FP32, monkeypatch)
    table = weakref.ref(loaded.model.get_submodule("model.embed_tokens").__dict__["weight"])
    assert len(pieces) == 3
    loader.free(loaded)
    gc.collect()
    assert [each() for each in (*pieces, table)] == [None] * 4
    assert loaded.model is not None  # somebody may still hold what is left of it


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."), "GiB free on"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "were to wait there"),
    ],
)
def test_memory_that_runs_out_while_layers_are_put_aside_is_told_with_ways_out_and_leaves_nothing(
    error: Exception, words: str, tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tiny_checkpoints.make("llama", tiny_folder)
    weights: list[weakref.ref[torch.Tensor]] = []

    def out_of_memory(content: torch.Tensor, device: torch.device) -> list[torch.Tensor]:
        weights.append(weakref.ref(content))
        raise error

    monkeypatch.setattr(streaming, "kept", out_of_memory)
    with pytest.raises(EngineError, match=words) as caught:
        load_spread(path, tmp_path, PrecisionChoice.FP32, monkeypatch)
    assert caught.value.report.kind is ErrorKind.OUT_OF_MEMORY
    assert [remedy.precision for remedy in caught.value.report.remedies] == list(_PACKED)
    error.__traceback__ = None  # the test's own hold on it
    assert [each() for each in weights] == [None]


def test_kv_outlives_another_share_of_the_card(
    tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How many layers wait follows what other programs have taken of the card: what was read stays good."""
    path = tiny_checkpoints.make("llama", tiny_folder)
    loaded = load_spread(path, tmp_path, PrecisionChoice.FP32, monkeypatch)
    kv = ChatSession(loaded)._runner.kv
    fewer = dict(loaded.plan.device_map) | {"model.layers.0": "cpu:0"}
    maps = [loaded.plan.device_map, fewer, {}, {"model.layers.0": "cuda:0", "model.layers.1": "cuda:1"}]
    plans = [msgspec.structs.replace(loaded.plan, device_map=one) for one in maps]
    found = [opening.fingerprint_of("weights", plan, loaded.model.config, "", kv, "sdpa", "slab") for plan in plans]
    assert found[0] == found[1]
    assert len({*found}) == 3
