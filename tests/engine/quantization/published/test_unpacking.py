"""What publishers pack is unpacked to the very numbers that it stands for, whatever the form."""

from collections.abc import Mapping

import pytest
import torch

from engine.quantization.published import unpacking
from engine.quantization.published.config import read as read_config
from engine.quantization.published.forms import Contents, contents_of
from tests import tiny_published

DTYPES = {
    torch.float8_e4m3fn: "F8_E4M3", torch.int8: "I8", torch.uint8: "U8", torch.int32: "I32", torch.int64: "I64",
    torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.float8_e8m0fnu: "F8_E8M0",
}  # fmt: skip
FP8 = {"quant_method": "fp8", "weight_block_size": [128, 128]}


def contents(settings: Mapping[str, object], tensors: Mapping[str, torch.Tensor]) -> Contents:
    found = read_config({"quantization_config": settings})
    assert found is not None
    assert found.is_read_here
    headers = {name: (tuple(tensor.shape), DTYPES[tensor.dtype]) for name, tensor in tensors.items()}
    return contents_of(found.kind, found.bits, found.settings, headers)


def unpacked(
    settings: Mapping[str, object], tensors: Mapping[str, torch.Tensor], name: str = "m.weight"
) -> torch.Tensor:
    found = contents(settings, tensors)
    assert not found.problem
    return unpacking.unpack(found.packed[name], tensors.__getitem__, torch.float32)


@pytest.mark.parametrize("strip", [2**24, 5 * 320])
@pytest.mark.parametrize("form", tiny_published.FORMS)
def test_each_form_is_unpacked_exactly(form: str, strip: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "_STRIP_VALUES", strip)
    pack, settings = tiny_published.FORMS[form]
    weight = torch.randn(192, 320, generator=torch.Generator().manual_seed(1))
    parts, wanted = pack(weight)
    found = unpacked(settings, {f"m.{last}": part.contiguous() for last, part in parts.items()})
    assert torch.equal(found, wanted)
    assert (found - weight).abs().mean() < 0.2


def test_experts_in_one_tensor_have_blocks_of_their_own() -> None:
    pack, settings = tiny_published.FORMS["fp8"]
    each = [pack(torch.randn(192, 320, generator=torch.Generator().manual_seed(seed))) for seed in range(3)]
    tensors = {
        "m.gate_up_proj": torch.stack([parts["weight"] for parts, _ in each]),
        "m.gate_up_proj_scale_inv": torch.stack([parts["weight_scale_inv"] for parts, _ in each]),
    }
    assert torch.equal(unpacked(settings, tensors, "m.gate_up_proj"), torch.stack([dense for _, dense in each]))
    single = {**tensors, "m.gate_up_proj_scale_inv": torch.tensor([1.0, 2.0, 3.0]).reshape(3, 1, 1)}
    wanted = tensors["m.gate_up_proj"].float() * torch.tensor([1.0, 2.0, 3.0]).reshape(3, 1, 1)
    assert torch.equal(unpacked(settings, single, "m.gate_up_proj"), wanted)


def test_experts_of_fp8_models_may_have_four_bits() -> None:
    values = torch.tensor([0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0])
    codes = torch.randint(0, 16, (8, 64), generator=torch.Generator().manual_seed(0))
    dense = values[codes % 8] * torch.where(codes < 8, 1, -1)
    numbers = (codes[:, ::2] | codes[:, 1::2] << 4).to(torch.uint8).view(torch.int8)
    scale = torch.tensor([[0.5, 2.0]]).repeat(8, 1)
    tensors = {"m.weight": numbers, "m.scale": scale.to(torch.float8_e8m0fnu)}
    assert torch.equal(unpacked(FP8, tensors), dense * scale.repeat_interleave(32, 1))


@pytest.mark.parametrize(
    ("form", "lost", "words"),
    [
        ("fp8", "weight_scale_inv", "the scale of its weight m.weight is missing"),
        ("compressed channels", "weight_scale", "the scale of its weight m.weight is missing"),
        ("compressed int4", "weight_scale", "the scale of its weight m.weight_packed is missing"),
        ("gptq", "scales", "the scale of its weight m.qweight is missing"),
        ("awq", "qzeros", "the zero points of its weight m.qweight are missing"),
    ],
)
def test_what_is_missing_is_named(form: str, lost: str, words: str) -> None:
    pack, settings = tiny_published.FORMS[form]
    parts, _ = pack(torch.randn(192, 320))
    assert contents(settings, {f"m.{last}": part for last, part in parts.items() if last != lost}).problem.startswith(
        words
    )


@pytest.mark.parametrize(("form", "part"), [("gptq", "scales"), ("awq", "scales"), ("fp8", "weight_scale_inv")])
def test_scales_that_do_not_fit_are_told(form: str, part: str) -> None:
    pack, settings = tiny_published.FORMS[form]
    parts, _ = pack(torch.randn(192, 320))
    parts[part] = parts[part][:, :-1]
    tensors = {f"m.{last}": tensor for last, tensor in parts.items()}
    assert contents(settings, tensors).problem.endswith("does not fit its scales")


@pytest.mark.parametrize(
    "settings",
    [
        {"quant_method": "gptq", "bits": 3}, {"quant_method": "gptq", "bits": 4, "checkpoint_format": "marlin"},
        {"quant_method": "gptq", "bits": 4, "pack_dtype": "int16"},
        {"quant_method": "awq", "bits": 4, "version": "gemv"}, {"quant_method": "mxfp4"}, {"load_in_4bit": True},
        tiny_published.FORMS["compressed int4"][1] | {"quantization_status": "frozen"},
        tiny_published.FORMS["compressed int4"][1] | {"format": "mxfp6-pack-quantized"},
    ],
)  # fmt: skip
def test_other_layouts_are_left_to_their_libraries(settings: dict[str, object]) -> None:
    found = read_config({"quantization_config": settings})
    assert found is not None
    assert not found.is_read_here
