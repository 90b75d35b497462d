"""What transformers and bitsandbytes leave undone in a model whose weights were published quantised."""

import sys
from collections.abc import Iterator

import torch
from transformers import PreTrainedModel

_CPU_ROWS = 32


def settle(model: PreTrainedModel, dtype: torch.dtype) -> None:
    """Make a freshly loaded model compute in dtype throughout; to be called before it runs first.

    Weights that stay packed, their scales, and what the architecture keeps in 32 bit are left alone.
    """
    for name, parameter in _plain_parameters(model):
        if parameter.dtype != dtype and not _stays_in_32_bit(model, name):
            parameter.data = parameter.data.to(dtype)
    if "bitsandbytes" in sys.modules:  # else there is no layer of its own
        _keep_plain_layout(model)


def _keep_plain_layout(model: PreTrainedModel) -> None:
    from bitsandbytes.nn.modules import Linear4bit

    for module in model.modules():
        if isinstance(module, Linear4bit) and not _suits_cpu_layout(module):
            module.support_avx512bf16_for_cpu = False


def _plain_parameters(model: PreTrainedModel) -> Iterator[tuple[str, torch.nn.Parameter]]:
    """Yield the 16- and 32-bit weights that are no part of a packed layer.

    WORKAROUND transformers 5.23: HfQuantizer.get_new_dtype leaves every tensor that matches the names of an unpacking
    quantizer in the type of the file, also embeddings and norms that were never packed; a head in another type than
    its input is an error at the first token.
    """
    for prefix, module in model.named_modules():
        own = dict(module.named_parameters(recurse=False))
        if any(parameter.dtype not in (torch.float32, torch.float16, torch.bfloat16) for parameter in own.values()):
            continue  # packed, and its scales
        for name, parameter in own.items():
            yield f"{prefix}.{name}", parameter


def _stays_in_32_bit(model: PreTrainedModel, name: str) -> bool:
    kept = {*(model._keep_in_fp32_modules or ()), *(model._keep_in_fp32_modules_strict or ())}
    return any(part in name for part in kept)


def _suits_cpu_layout(layer: torch.nn.Linear) -> bool:
    """Whether bitsandbytes can turn the weights into the layout of its CPU product.

    WORKAROUND bitsandbytes 0.50: on processors with AVX-512 BF16 it tries with every size, and asserts at the first
    token that rows are a multiple of 32 and columns one of the block size.
    """
    state = getattr(layer.weight, "quant_state", None)
    block = getattr(state, "blocksize", 64)
    return bool(layer.out_features % _CPU_ROWS == 0 and layer.in_features % block == 0)
