"""A linear layer with bitsandbytes' INT8 rows that multiplies weight-only, at the speed of reading half the bytes."""

from typing import Any

import torch
from accelerate.hooks import add_hook_to_module, remove_hook_from_module
from bitsandbytes.nn.modules import Int8Params, Linear8bitLt
from transformers import PreTrainedModel

from engine.quantization.int8.products import is_in_place, ladder_for

_LARGEST_CODE = 127


class Int8Linear(torch.nn.Module):
    """x (..., in) -> (..., out) with weight (out, in) int8 and SCB (out,), the largest magnitude of each row.

    The state dict has the names of bitsandbytes (weight, SCB, weight_format, bias), so that a saved model stays a
    standard checkpoint.
    """

    weight: torch.Tensor
    SCB: torch.Tensor
    scale: torch.Tensor

    def __init__(
        self, weight: torch.Tensor, row_absmax: torch.Tensor, bias: torch.Tensor | None, dtype: torch.dtype
    ) -> None:
        super().__init__()
        self.out_features, self.in_features = weight.shape
        if weight.device.type == "cpu" and not is_in_place(weight):
            weight = weight.clone()  # else a copy on disk would be slower than what it is a copy of
        self.weight = torch.nn.Parameter(weight, requires_grad=False)
        self.register_buffer("SCB", row_absmax.float())
        self.register_buffer("scale", (self.SCB / _LARGEST_CODE).to(dtype), persistent=False)
        self.bias = None if bias is None else torch.nn.Parameter(bias.detach(), requires_grad=False)

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """Return the product in the format of the activations."""
        rows = states.reshape(-1, self.in_features)
        scale = self.scale if self.scale.dtype is rows.dtype else (self.SCB / _LARGEST_CODE).to(rows.dtype)
        product = ladder_for(rows.device, rows.dtype).product_for(rows.shape[0])
        result = product(rows, self.weight, scale) if rows.shape[0] else rows.new_empty(0, self.out_features)
        if self.bias is not None:
            result = result.add_(self.bias.to(result.dtype))
        return result.view(*states.shape[:-1], self.out_features)

    def extra_repr(self) -> str:
        """Say the shape, as torch.nn.Linear does."""
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"

    def _save_to_state_dict(self, destination: dict[str, Any], prefix: str, keep_vars: bool) -> None:
        super()._save_to_state_dict(destination, prefix, keep_vars)
        destination[f"{prefix}weight_format"] = torch.tensor(0, dtype=torch.uint8)  # bitsandbytes' number for rows


def replace_int8_linears(model: PreTrainedModel, dtype: torch.dtype) -> None:
    """Put an Int8Linear in the place of each INT8 layer of bitsandbytes, with the same tensors.

    dtype: what the activations are in.
    """
    for name, module in list(model.named_modules()):
        if not isinstance(module, Linear8bitLt) or not isinstance(module.weight, Int8Params):
            continue
        absmax = module.weight.SCB if module.weight.SCB is not None else module.state.SCB
        hook = getattr(module, "_hf_hook", None)
        if absmax is None:
            continue
        new = Int8Linear(module.weight.data, absmax, module.bias, dtype)
        if hook is not None:
            remove_hook_from_module(module)
            add_hook_to_module(new, hook)
        new.train(module.training)
        model.set_submodule(name, new)


def describe(device: torch.device, dtype: torch.dtype) -> str:
    """Say how INT8 is multiplied on the device, as found by trying (the first call on a device takes a moment)."""
    return (
        f"INT8 weights times {str(dtype).removeprefix('torch.')} activations: {ladder_for(device, dtype).describe()}."
    )
