"""Tiny checkpoints as publishers quantise them, each with a plain twin that holds the very same weights.

publish("fp8", plain_folder, folder) writes folder/packed and folder/plain. What packs here is written from the formats'
descriptions and shares nothing with what unpacks in the engine.
"""

import shutil
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from tests import tiny_checkpoints

BLOCK = 128
GROUP = 32
_FP8_LARGEST = 448
_FP4_VALUES = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0)
_AWQ_NEIGHBOURS = (0, 2, 4, 6, 1, 3, 5, 7)

Packed = tuple[dict[str, torch.Tensor], torch.Tensor]
"""(the tensors by the last part of their names, the weight that they stand for)"""


def publish(form: str, source: Path, folder: Path) -> tuple[Path, Path]:
    """Write the source's linear layers in that form; returns the packed checkpoint and its plain twin."""
    pack, settings = FORMS[form]
    packed, plain = folder / "packed", folder / "plain"
    for path in (packed, plain):
        shutil.copytree(source, path)
    published, dense = {}, {}
    for name, weight in load_file(source / "model.safetensors").items():
        published[name], dense[name] = weight, weight
        if name.endswith("_proj.weight") and weight.dim() == 2:
            parts, dense[name] = pack(weight)
            del published[name]
            module = name.removesuffix("weight")
            published |= {module + last: part.contiguous() for last, part in parts.items()}
    save_file(published, packed / "model.safetensors", {"format": "pt"})
    save_file({name: part.contiguous() for name, part in dense.items()}, plain / "model.safetensors", {"format": "pt"})
    tiny_checkpoints.edit_config(packed, quantization_config=settings)
    return packed, plain


def edit_tensors(path: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> None:
    """Change the tensors of a checkpoint, for tests of broken ones."""
    tensors = load_file(path / "model.safetensors")
    change(tensors)
    save_file(tensors, path / "model.safetensors", {"format": "pt"})


def _scaled(weight: torch.Tensor, scale: torch.Tensor, spread: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    numbers = (weight / spread).clamp(-_FP8_LARGEST, _FP8_LARGEST).to(torch.float8_e4m3fn)
    return numbers, numbers.float() * spread


def _blocks(weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the scale of each block, the last of a row or column being shorter, and that of each weight."""
    rows, columns = weight.shape
    scale = torch.empty(-(rows // -BLOCK), -(columns // -BLOCK))
    spread = torch.empty_like(weight)
    for row in range(scale.shape[0]):
        for column in range(scale.shape[1]):
            here = (slice(row * BLOCK, (row + 1) * BLOCK), slice(column * BLOCK, (column + 1) * BLOCK))
            scale[row, column] = weight[here].abs().max() / _FP8_LARGEST
            spread[here] = scale[row, column]
    return scale, spread


def _fp8(weight: torch.Tensor) -> Packed:
    scale, spread = _blocks(weight)
    numbers, dense = _scaled(weight, scale, spread)
    return {"weight": numbers, "weight_scale_inv": scale}, dense


def _fp8_tensor(weight: torch.Tensor) -> Packed:
    scale = weight.abs().max() / _FP8_LARGEST
    numbers, dense = _scaled(weight, scale, scale.expand_as(weight))
    return {"weight": numbers, "weight_scale_inv": scale, "activation_scale": torch.tensor(1.0)}, dense


def _mxfp8(weight: torch.Tensor) -> Packed:
    groups = weight.unflatten(1, (-1, GROUP))
    exponents = torch.log2(groups.abs().amax(-1) / _FP8_LARGEST).ceil()
    numbers, dense = _scaled(weight, exponents, torch.exp2(exponents).repeat_interleave(GROUP, 1))
    return {"weight": numbers, "weight_scale_inv": (exponents + 127).to(torch.uint8)}, dense


def _compressed_channel(weight: torch.Tensor) -> Packed:
    scale = weight.abs().amax(1, keepdim=True) / _FP8_LARGEST
    numbers, dense = _scaled(weight, scale, scale.expand_as(weight))
    return {"weight": numbers, "weight_scale": scale}, dense


def _compressed_tensor(weight: torch.Tensor) -> Packed:
    scale = (weight.abs().max() / _FP8_LARGEST).reshape(1)
    numbers, dense = _scaled(weight, scale, scale.expand_as(weight))
    return {"weight": numbers, "weight_scale": scale, "input_scale": torch.ones(1)}, dense


def _compressed_block(weight: torch.Tensor) -> Packed:
    scale, spread = _blocks(weight)
    numbers, dense = _scaled(weight, scale, spread)
    return {"weight": numbers, "weight_scale": scale}, dense


def _compressed_int8(weight: torch.Tensor) -> Packed:
    scale = weight.abs().amax(1, keepdim=True) / 127
    numbers = (weight / scale).round().to(torch.int8)
    return {"weight": numbers, "weight_scale": scale}, numbers.float() * scale


def _words(numbers: torch.Tensor, order: tuple[int, ...] = tuple(range(8))) -> torch.Tensor:
    """Put eight neighbours of a row, from 0 to 15, into a word of 32 bits, filled up at the end."""
    filled = torch.nn.functional.pad(numbers.long(), (0, -numbers.shape[1] % 8)).unflatten(1, (-1, 8))
    words = sum(filled[..., neighbour] << (4 * place) for place, neighbour in enumerate(order))
    assert isinstance(words, torch.Tensor)
    return torch.where(words >= 2**31, words - 2**32, words).to(torch.int32)


def _whole_numbers(weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return numbers from 0 to 15, scales and zero points by group of inputs, and the weight that they stand for."""
    groups = weight.unflatten(1, (-1, GROUP))
    low, high = groups.amin(-1), groups.amax(-1)
    scale = ((high - low) / 15).half().float()
    zero = (-low / scale).round().clamp(0, 15)
    numbers = ((groups / scale.unsqueeze(-1)).round() + zero.unsqueeze(-1)).clamp(0, 15)
    dense = (numbers - zero.unsqueeze(-1)) * scale.unsqueeze(-1)
    return numbers.flatten(1), scale, zero, dense.flatten(1)


def _compressed_int4(weight: torch.Tensor) -> Packed:
    numbers, scale, zero, dense = _whole_numbers(weight)
    parts = {
        "weight_packed": _words(numbers), "weight_scale": scale, "weight_zero_point": _words(zero.t()).t(),
        "weight_shape": torch.tensor(weight.shape),
    }  # fmt: skip
    return parts, dense


def _compressed_nvfp4(weight: torch.Tensor) -> Packed:
    overall = torch.tensor([_FP8_LARGEST * 6 / weight.abs().max()])
    groups = weight.unflatten(1, (-1, 16))
    scale = (groups.abs().amax(-1) / 6 * overall).to(torch.float8_e4m3fn)
    spread = (scale.float() / overall).unsqueeze(-1)
    values = torch.tensor(_FP4_VALUES)
    nearest = ((groups / spread).abs().unsqueeze(-1) - values).abs().argmin(-1)
    dense = values[nearest] * groups.sign() * spread
    codes = (nearest + 8 * (groups < 0)).flatten(1).to(torch.uint8)
    packed = codes[:, ::2] | codes[:, 1::2] << 4
    return {"weight_packed": packed, "weight_scale": scale, "weight_global_scale": overall}, dense.flatten(1)


def _gptq(weight: torch.Tensor) -> Packed:
    """Inputs in another order than that of their groups, as with desc_act."""
    order = torch.randperm(weight.shape[1], generator=torch.Generator().manual_seed(0))
    numbers, scale, zero, dense = _whole_numbers(weight[:, order])
    places = torch.argsort(order)
    parts = {
        "qweight": _words(numbers[:, places]).t(), "scales": scale.t().half(), "qzeros": _words((zero.t() - 1) % 16),
        "g_idx": (torch.arange(weight.shape[1]) // GROUP)[places].int(),
    }  # fmt: skip
    return parts, dense[:, places]


def _awq(weight: torch.Tensor) -> Packed:
    numbers, scale, zero, dense = _whole_numbers(weight)
    parts = {
        "qweight": _words(numbers.t(), _AWQ_NEIGHBOURS), "scales": scale.t().half(),
        "qzeros": _words(zero.t(), _AWQ_NEIGHBOURS),
    }  # fmt: skip
    return parts, dense


def _compressed(layout: str, **weights: object) -> dict[str, object]:
    group = {"targets": ["Linear"], "weights": {"symmetric": True, **weights}}
    return {
        "quant_method": "compressed-tensors", "format": layout, "quantization_status": "compressed",
        "config_groups": {"group_0": group}, "ignore": ["lm_head"],
    }  # fmt: skip


FORMS: dict[str, tuple[Callable[[torch.Tensor], Packed], dict[str, object]]] = {
    "fp8": (_fp8, {"quant_method": "fp8", "weight_block_size": [BLOCK, BLOCK], "activation_scheme": "dynamic"}),
    "fp8 by tensor": (_fp8_tensor, {"quant_method": "fp8", "weight_block_size": None, "activation_scheme": "static"}),
    "mxfp8": (_mxfp8, {"quant_method": "mxfp8", "weight_block_size": [1, GROUP]}),
    "compressed channels": (
        _compressed_channel, _compressed("float-quantized", num_bits=8, type="float", strategy="channel")
    ),
    "compressed tensors": (
        _compressed_tensor, _compressed("float-quantized", num_bits=8, type="float", strategy="tensor")
    ),
    "compressed blocks": (
        _compressed_block,
        _compressed("float-quantized", num_bits=8, type="float", strategy="block", block_structure=[BLOCK, BLOCK]),
    ),
    "compressed int8": (_compressed_int8, _compressed("int-quantized", num_bits=8, type="int", strategy="channel")),
    "compressed int4": (
        _compressed_int4,
        _compressed("pack-quantized", num_bits=4, type="int", strategy="group", group_size=GROUP, symmetric=False),
    ),
    "compressed nvfp4": (
        _compressed_nvfp4,
        _compressed("nvfp4-pack-quantized", num_bits=4, type="float", strategy="tensor_group", group_size=16),
    ),
    "gptq": (_gptq, {"quant_method": "gptq", "bits": 4, "group_size": GROUP, "desc_act": True, "sym": False}),
    "awq": (_awq, {"quant_method": "awq", "bits": 4, "group_size": GROUP, "zero_point": True, "version": "gemm"}),
}  # fmt: skip
