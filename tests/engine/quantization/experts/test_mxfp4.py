"""MXFP4 experts that stay as they are published: same answers as unpacked ones, in the bytes of the files."""

import dataclasses
import logging
from pathlib import Path

import msgspec
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import AutoModelForCausalLM, GptOssConfig, PreTrainedModel
from transformers.integrations.mxfp4 import convert_moe_packed_tensors

from engine.api.cancellation import CancellationToken
from engine.api.errors import EngineError, ErrorKind
from engine.api.plan import Precision, PrecisionChoice
from engine.checkpoints import loader
from engine.generation.chat_session import ChatSession
from engine.planning.placement import Aside
from engine.quantization.experts import mxfp4, mxfp4_quantizer
from engine.quantization.experts.packed import (
    IMPLEMENTATION,
    _all_at_once,
    _expert_by_expert,
    is_packed,
)
from engine.quantization.published.config import read as read_config
from engine.quantization.published.environment import Environment, unpacks
from engine.quantization.published.kinds import KEPT_MXFP4
from engine.quantization.published.load_options import load_options
from tests import tiny_checkpoints
from tests.chat_probe import ask, user
from tests.engine.offload.spreading import load_spread
from tests.resident_bytes import resident_bytes

SETTINGS = {"quant_method": "mxfp4", "modules_to_not_convert": ["model.layers.*.self_attn", "lm_head"]}
EXPERTS = ("gate_up_proj", "down_proj")
DTYPES = (torch.float32, torch.bfloat16)


def packed_like(tensor: torch.Tensor, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Random blocks and scales for dense experts (experts, columns, rows), of about the size of real weights."""
    experts, columns, rows = tensor.shape
    blocks = torch.randint(0, 256, (experts, rows, columns // 32, 16), dtype=torch.uint8, generator=generator)
    return blocks, torch.randint(122, 126, blocks.shape[:3], dtype=torch.uint8, generator=generator)


def write(path: Path, tensors: dict[str, torch.Tensor], source: Path, settings: dict[str, object] | None) -> Path:
    path.mkdir()
    for file in source.iterdir():
        if file.name != "model.safetensors":
            (path / file.name).write_bytes(file.read_bytes())
    save_file(
        {name: tensor.contiguous() for name, tensor in tensors.items()}, path / "model.safetensors", {"format": "pt"}
    )
    if settings is not None:
        tiny_checkpoints.edit_config(path, quantization_config=settings)
    return path


@pytest.fixture(scope="module", params=DTYPES, ids=["float32", "bfloat16"])
def checkpoints(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The same model with MXFP4 experts, and with what they mean as plain weights."""
    dtype, folder = request.param, tmp_path_factory.mktemp("mxfp4")
    config = GptOssConfig(
        vocab_size=384, hidden_size=96, intermediate_size=160, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, head_dim=24, num_local_experts=8, num_experts_per_tok=2, sliding_window=16,
        max_position_embeddings=2048, tie_word_embeddings=False,
        rope_parameters={"rope_type": "default", "rope_theta": 10_000.0}, pad_token_id=0, eos_token_id=2,
    )  # fmt: skip
    whole = tiny_checkpoints.save(config, folder / "whole")
    generator = torch.Generator().manual_seed(0)
    packed, plain = {}, {}
    for name, tensor in load_file(whole / "model.safetensors").items():
        packed[name] = plain[name] = tensor.to(dtype)
        if name.endswith(EXPERTS):
            del packed[name]
            blocks, scales = packed_like(tensor, generator)
            packed[name + "_blocks"], packed[name + "_scales"] = blocks, scales
            plain[name] = convert_moe_packed_tensors(blocks, scales, dtype=dtype)
    name = str(dtype).removeprefix("torch.")
    sources = [write(folder / "packed", packed, whole, SETTINGS), write(folder / "plain", plain, whole, None)]
    for source in sources:
        tiny_checkpoints.edit_config(source, dtype=name)
    return sources[0], sources[1]


def load(path: Path, dtype: torch.dtype) -> PreTrainedModel:
    mxfp4_quantizer.register()
    model, loading = AutoModelForCausalLM.from_pretrained(
        str(path), dtype=dtype, device_map={"": "cpu"}, output_loading_info=True
    )
    assert not any(loading[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    assert isinstance(model, PreTrainedModel)
    model.requires_grad_(False)
    model.train(False)
    return model


def kept(path: Path) -> Path:
    """The checkpoint as the loader gives it to transformers."""
    tiny_checkpoints.edit_config(path, quantization_config=SETTINGS | {"quant_method": KEPT_MXFP4})
    return path


def through_loader(path: Path, folder: Path) -> loader.LoadedModel:
    return loader.load(str(path), PrecisionChoice.AUTO, 256, "cpu", folder, CancellationToken(), lambda *_: None)


# ---- the values -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
def test_every_byte_with_every_scale_is_what_transformers_says(dtype: torch.dtype) -> None:
    scales = torch.arange(255, dtype=torch.uint8).view(5, 51, 1)
    halves = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16).expand(5, 51, 16, 16)
    wide = scales.expand(5, 51, 16)
    wanted = convert_moe_packed_tensors(halves, wide, dtype=dtype).transpose(1, 2)
    assert torch.equal(mxfp4.unpack(halves, wide, dtype), wanted)


def test_weights_that_take_many_steps() -> None:
    generator = torch.Generator().manual_seed(1)
    blocks = torch.randint(0, 256, (3, 70, 13, 16), dtype=torch.uint8, generator=generator)
    scales = torch.randint(110, 130, (3, 70, 13), dtype=torch.uint8, generator=generator)
    assert blocks.numel() > mxfp4._CPU_STEP
    wanted = convert_moe_packed_tensors(blocks, scales, dtype=torch.bfloat16).transpose(1, 2)
    assert torch.equal(mxfp4.unpack(blocks, scales, torch.bfloat16), wanted)
    assert torch.equal(mxfp4.unpack(blocks[1:2], scales[1:2], torch.bfloat16), wanted[1:2])


# ---- the model ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tokens", [1, 3, 60])
def test_logits_are_those_of_the_unpacked_model(checkpoints: tuple[Path, Path], tokens: int) -> None:
    packed, plain = load(kept(checkpoints[0]), torch.float32), load(checkpoints[1], torch.float32)
    ids = torch.arange(3, 3 + tokens).unsqueeze(0)
    with torch.inference_mode():
        found, wanted = packed(ids).logits, plain(ids).logits
    assert (found - wanted).abs().max() <= 2e-5 * wanted.abs().max()
    assert torch.equal(found.argmax(-1), wanted.argmax(-1))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("tokens", [1, 3, 60])
def test_experts_compute_what_unpacked_ones_do(checkpoints: tuple[Path, Path], dtype: torch.dtype, tokens: int) -> None:
    """Module by module: a rounding in a 16-bit model may send a token to another expert."""
    packed, plain = load(kept(checkpoints[0]), dtype), load(checkpoints[1], dtype)
    generator = torch.Generator().manual_seed(2)
    hidden = torch.randn(tokens, 96, generator=generator).to(dtype)
    chosen = torch.rand(tokens, 8, generator=generator).argsort(dim=1)[:, :2]
    shares = torch.rand(tokens, 2, generator=generator).to(dtype)
    names = [name for name, module in packed.named_modules() if is_packed(module)]
    assert len(names) == 2
    limit = 1e-5 if dtype is torch.float32 else 2e-2
    for module, dense in ((packed.get_submodule(name), plain.get_submodule(name)) for name in names):
        with torch.inference_mode():
            found, wanted = module(hidden, chosen, shares), dense(hidden, chosen, shares)
            both = _all_at_once(module, hidden, chosen), _expert_by_expert(module, hidden, chosen)
        assert (found - wanted).abs().max() <= limit * wanted.abs().max()
        assert (both[0] - both[1]).abs().max() <= limit * both[0].abs().max()


def test_experts_are_stored_as_in_the_files(checkpoints: tuple[Path, Path]) -> None:
    model = load(kept(checkpoints[0]), torch.bfloat16)
    state = model.state_dict()
    stored = load_file(checkpoints[0] / "model.safetensors")
    packed = [name for name in stored if name.endswith(("_blocks", "_scales"))]
    assert len(packed) == 8
    assert all(torch.equal(state[name], stored[name]) for name in packed)
    assert state.keys() == stored.keys()
    assert {tensor.dtype for name, tensor in state.items() if name not in packed} == {torch.bfloat16}
    assert model.config._experts_implementation == IMPLEMENTATION
    assert sum(parameter.dtype is torch.uint8 for parameter in model.parameters()) == 8


def test_experts_can_wait_in_main_memory(
    checkpoints: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, ids = checkpoints[0], torch.arange(3, 23).unsqueeze(0)
    tiny_checkpoints.edit_config(path, quantization_config=SETTINGS)
    whole = through_loader(path, tmp_path).model
    for aside in (Aside.LAYERS, Aside.EXPERTS):
        spread = load_spread(path, tmp_path, PrecisionChoice.AUTO, monkeypatch, aside).model
        with torch.inference_mode():
            for some in (ids, ids, ids[:, :3], ids[:, 4:5]):
                assert torch.equal(spread(some).logits, whole(some).logits)


def test_experts_left_in_16_bit_stay_so(checkpoints: tuple[Path, Path], tmp_path: Path) -> None:
    """Some layers in MXFP4, some not: what counts is what the files hold."""
    packed, plain = (load_file(path / "model.safetensors") for path in checkpoints)
    mixed = {name: tensor for name, tensor in packed.items() if "layers.0.mlp.experts" not in name}
    mixed |= {name: tensor for name, tensor in plain.items() if "layers.0.mlp.experts" in name}
    path = write(tmp_path / "mixed", mixed, checkpoints[0], SETTINGS)
    model, wanted = load(kept(path), torch.float32), load(checkpoints[1], torch.float32)
    layers = model.get_submodule("model.layers").children()
    assert [any(is_packed(item) for item in layer.modules()) for layer in layers] == [False, True]
    ids = torch.arange(3, 40).unsqueeze(0)
    with torch.inference_mode():
        torch.testing.assert_close(model(ids).logits, wanted(ids).logits, rtol=1e-4, atol=1e-3)


def test_experts_outside_the_interface_are_unpacked(
    checkpoints: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As for an architecture that transformers does not dispatch: its experts look like any other module."""
    real = mxfp4_quantizer._shapes
    seen: list[nn.Module] = []

    def all_but_the_first(module: nn.Module) -> object:
        shapes = real(module)
        if shapes:
            seen.append(module)
        return {} if len(seen) == 1 else shapes

    monkeypatch.setattr(mxfp4_quantizer, "_shapes", all_but_the_first)
    model, wanted = load(kept(checkpoints[0]), torch.float32), load(checkpoints[1], torch.float32)
    name = "model.layers.0.mlp.experts.down_proj"
    assert torch.equal(model.state_dict()[name], wanted.state_dict()[name].float())
    ids = torch.arange(3, 40).unsqueeze(0)
    with torch.inference_mode():
        torch.testing.assert_close(model(ids).logits, wanted(ids).logits, rtol=1e-4, atol=1e-3)


# ---- the decision ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("device", ["cuda", "cpu", "mps"])
def test_known_models_stay_packed_on_every_device(device: str) -> None:
    environment = Environment(device)
    found = read_config({"model_type": "gpt_oss", "quantization_config": SETTINGS})
    assert found is not None
    assert not unpacks(found, environment)
    options = load_options(found, environment)
    assert (options.keeps_mxfp4, options.unpacks, options.dtype) == (True, False, "")
    assert "dequantize" not in options.quantization_config
    other = dataclasses.replace(found, model="of_tomorrow")
    assert unpacks(other, environment)
    assert load_options(other, environment).quantization_config == SETTINGS | {"dequantize": True}


def test_plan_memory_and_answer(checkpoints: tuple[Path, Path], tmp_path: Path) -> None:
    tiny_checkpoints.edit_config(checkpoints[0], quantization_config=SETTINGS)
    loaded = through_loader(checkpoints[0], tmp_path)
    assert loaded.plan.precision is Precision.INT4
    assert loaded.is_published_packed
    assert "as published in MXFP4" in loaded.plan.precision_reason
    assert any(is_packed(module) for module in loaded.model.modules())
    stored = list(load_file(checkpoints[0] / "model.safetensors").values())
    packed = sum(tensor.nbytes for tensor in stored if tensor.dtype is torch.uint8)
    dense = sum(tensor.numel() for tensor in stored if tensor.dtype is not torch.uint8) * loaded.dtype.itemsize
    assert resident_bytes(loaded.model) == pytest.approx(packed + dense, rel=0.01)
    if loaded.dtype in {tensor.dtype for tensor in stored}:  # as published, not converted for a processor
        assert loaded.plan.parts.weights_bytes == pytest.approx(packed + dense, rel=0.01)
    # Compared in 32 bit: a rounding in a 16-bit model may send a token to another expert.
    exact = msgspec.structs.replace(loaded.plan, compute=Precision.FP32)
    packed_model = dataclasses.replace(loaded, model=nn.Module.float(loaded.model), plan=exact, dtype=torch.float32)
    plain_model = dataclasses.replace(packed_model, model=nn.Module.float(load(checkpoints[1], loaded.dtype)))
    question = [user("Tell me a story about a lighthouse.")]
    expected = ask(ChatSession(plain_model), question, maximum_tokens=24).token_ids
    assert ask(ChatSession(packed_model), question, maximum_tokens=24).token_ids == expected
    assert len(set(expected)) > 3
    loader.free(loaded)


def test_lost_scales_are_a_damaged_checkpoint(checkpoints: tuple[Path, Path], tmp_path: Path) -> None:
    tensors = load_file(checkpoints[0] / "model.safetensors")
    del tensors["model.layers.1.mlp.experts.down_proj_scales"]
    path = write(tmp_path / "lost", tensors, checkpoints[0], SETTINGS)
    with pytest.raises(EngineError) as caught:
        through_loader(path, tmp_path)
    assert caught.value.report.kind is ErrorKind.CHECKPOINT_INCOMPLETE
    assert "down_proj_scales" in caught.value.report.message


@pytest.mark.filterwarnings("ignore")
def test_a_wrong_shape_is_a_damaged_checkpoint(checkpoints: tuple[Path, Path], tmp_path: Path) -> None:
    logging.getLogger("transformers").setLevel(logging.ERROR)
    tensors = load_file(checkpoints[0] / "model.safetensors")
    name = "model.layers.1.mlp.experts.down_proj_blocks"
    tensors[name] = tensors[name].flatten(2)
    path = write(tmp_path / "odd", tensors, checkpoints[0], SETTINGS)
    with pytest.raises(EngineError) as caught:
        through_loader(path, tmp_path)
    assert caught.value.report.kind is ErrorKind.CHECKPOINT_INCOMPLETE
