"""Attention over a long conversation: of one id, of a chunk; and which kernel the loaded model runs on and why.

Stands in for transformers' `sdpa`, so that unmodified model code calls it; what is not its business goes on to that.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch.nn import functional
from transformers import AttentionInterface, PreTrainedModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward

from engine.decode import chunk_attention, split_attention

# Read by transformers at each call (integrations/sdpa_attention.py).
_SHARED_KEYS = "TRANSFORMERS_SDPA_FORCE_GQA"
# Query heads that share a key head pay as one query of more rows from so many on in BF16, always in float32: 1.2 to
# 3.3 times faster on a CPU, fewer are 5 to 25 % slower (see ARCHITECTURE.md).
_LEAST_SHARING = 4
_transformers_own: Callable[..., tuple[torch.Tensor, None]] = sdpa_attention_forward
# What would change the result and isn't looked at here.
_OTHER_MEANING = ("position_bias", "softcap", "cache")


def prepare(device: torch.device) -> None:
    """Let query heads read the key head that they share, also behind a mask, where PyTorch's kernel can do that.

    On a CPU this saves a copy of all keys and values per layer (7 ids behind 6,100: 82 against 103 ms, starter model;
    the same bits). On a card a mask would then mean the slow kernel, so transformers decides there.

    On cards of compute capability 9.0 and 10.0 PyTorch prefers cuDNN's kernel where that is new enough. It is left out:
    it makes a plan for each length that it meets, keeps all of them, takes memory that nobody has counted, and raises
    where it has no plan instead of leaving the work to another kernel.
    """
    AttentionInterface.register("sdpa", attend)
    if device.type == "cuda":
        torch.backends.cuda.enable_cudnn_sdp(False)
    if device.type == "cpu":
        os.environ[_SHARED_KEYS] = "1"
    else:
        os.environ.pop(_SHARED_KEYS, None)


@contextmanager
def every_kernel_allowed() -> Iterator[None]:
    """Let PyTorch choose in the block as it does in every other program."""
    before = torch.backends.cuda.cudnn_sdp_enabled()  # type: ignore[no-untyped-call] # as PyTorch leaves it
    torch.backends.cuda.enable_cudnn_sdp(True)
    try:
        yield
    finally:
        torch.backends.cuda.enable_cudnn_sdp(before)


def attend(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    **options: object,
) -> tuple[torch.Tensor, None]:
    """Return (batch, queries, heads, value_dim) for query (batch, heads, queries, head_dim), as transformers asks."""
    scaling = options.get("scaling")
    is_known = scaling is None or isinstance(scaling, int | float)
    if is_known and not any(options.get(name) is not None for name in _OTHER_MEANING):
        scale = float(scaling) if isinstance(scaling, int | float) else None
        if split_attention.applies(query, key, attention_mask):
            assert attention_mask is not None
            return split_attention.attend(query, key, value, attention_mask, scale).transpose(1, 2).contiguous(), None
        if chunk_attention.applies(query, key, value, attention_mask):
            return chunk_attention.attend(query, key, value, scale).transpose(1, 2).contiguous(), None
        if _packs(query, key):
            return _packed(query, key, value, attention_mask, scale), None
    return _transformers_own(module, query, key, value, attention_mask, **options)


def describe(model: PreTrainedModel, device: torch.device) -> tuple[str, str]:
    """Return the kernel's name and one sentence of reason, for the plan."""
    chosen = str(model.config.get_text_config()._attn_implementation or "eager")
    if chosen == "eager":
        return "eager", "this architecture computes its attention itself"
    if device.type == "cuda":
        return chosen, "PyTorch picks its flash kernel where no mask is needed, its memory-efficient one elsewhere"
    return chosen, "PyTorch's fused attention; query heads that share a key head read it once"


def _packs(query: torch.Tensor, key: torch.Tensor) -> bool:
    sharing = query.shape[1] // key.shape[1]
    if query.shape[2] != 1 or query.device.type != "cpu" or sharing < 2:
        return False
    return sharing >= _LEAST_SHARING or query.dtype == torch.float32


def _packed(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: torch.Tensor | None, scale: float | None
) -> torch.Tensor:
    batch, heads, _, width = query.shape
    rows = query.reshape(batch, key.shape[1], -1, width)  # the heads that share a key head, as queries of one head
    if mask is not None and mask.shape[1] > 1:
        mask = mask.reshape(batch, key.shape[1], rows.shape[2], -1)
    found = functional.scaled_dot_product_attention(rows, key, value, attn_mask=mask, scale=scale)
    return found.reshape(batch, 1, heads, -1)
