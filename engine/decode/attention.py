"""Attention over a long conversation: of one id, of a chunk; and which kernel the loaded model runs on and why.

Stands in for transformers' `sdpa`, so that unmodified model code calls it; what is not its business goes on to that.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import torch
from torch.nn import functional
from transformers import AttentionInterface, PreTrainedModel
from transformers.integrations.sdpa_attention import repeat_kv, sdpa_attention_forward

from engine.decode import chunk_attention, packed_heads, row_order, split_attention

# Read by transformers at each call (integrations/sdpa_attention.py).
_SHARED_KEYS = "TRANSFORMERS_SDPA_FORCE_GQA"
_transformers_own: Callable[..., tuple[torch.Tensor, None]] = sdpa_attention_forward
# WORKAROUND torch 2.10 to 2.13: in 16 bit Apple's kernel lets three of four positions see what comes after them, unless
# a mask says what they may see (pytorch#195910).
_NEED_A_MASK = frozenset({"mps"})
_CARDS = frozenset({"cuda"})
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
def left_to_transformers() -> Iterator[None]:
    """Let models attend in the block as they would without Hearth, by PyTorch's own choice, to compare with that."""
    interface = AttentionInterface()  # type: ignore[no-untyped-call] # as transformers leaves it
    registered, shared = interface["sdpa"], os.environ.pop(_SHARED_KEYS, None)
    allowed = torch.backends.cuda.cudnn_sdp_enabled()  # type: ignore[no-untyped-call] # as PyTorch leaves it
    AttentionInterface.register("sdpa", _transformers_own)
    torch.backends.cuda.enable_cudnn_sdp(True)
    try:
        yield
    finally:
        torch.backends.cuda.enable_cudnn_sdp(allowed)
        AttentionInterface.register("sdpa", registered)
        if shared is not None:
            os.environ[_SHARED_KEYS] = shared


def attend(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    **options: object,
) -> tuple[torch.Tensor, None]:
    """Return (batch, queries, heads, value_dim) for query (batch, heads, queries, head_dim), as transformers asks."""
    goes_without = attention_mask is None and query.shape[2] > 1
    if goes_without and query.device.type in _NEED_A_MASK and _looks_back(module, options):
        attention_mask = _not_ahead(query.shape[2], key.shape[2], query.device)
    scaling = options.get("scaling")
    is_known = scaling is None or isinstance(scaling, int | float)
    if is_known and not any(options.get(name) is not None for name in _OTHER_MEANING):
        scale = float(scaling) if isinstance(scaling, int | float) else None
        if split_attention.applies(query, key, attention_mask):
            assert attention_mask is not None
            return split_attention.attend(query, key, value, attention_mask, scale).transpose(1, 2).contiguous(), None
        if not split_attention.is_fixed_step() and chunk_attention.applies(query, key, value, attention_mask):
            return chunk_attention.attend(query, key, value, scale).transpose(1, 2).contiguous(), None
        if row_order.applies(query, key, value, attention_mask):
            return row_order.attend(query, key, value, scale), None
        if goes_without and _computes_all_scores(query, key, value):
            keys, values = (repeat_kv(tensor, query.shape[1] // tensor.shape[1]) for tensor in (key, value))
            found = functional.scaled_dot_product_attention(
                query, keys, values, scale=scale, is_causal=_looks_back(module, options)
            )
            return found.transpose(1, 2).contiguous(), None
        are_kept = row_order.keeps_bits(query, key, value)
        if not are_kept and (repeats := packed_heads.repeats_for(query, key, value)):
            return packed_heads.attend(query, key, value, attention_mask, scale, repeats), None
    return _transformers_own(module, query, key, value, attention_mask, **options)


def _looks_back(module: torch.nn.Module, options: Mapping[str, object]) -> bool:
    """Return whether a call without a mask means that nobody looks ahead, as transformers decides it."""
    is_causal = options.get("is_causal")
    return bool(getattr(module, "is_causal", True) if is_causal is None else is_causal)


def _computes_all_scores(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> bool:
    """Return whether PyTorch would hold the scores of all heads at once if heads are to share keys.

    Only the flash kernel lets them (compute capability 8.0); keys that are copied for each head cost far less.
    """
    shares = query.device.type in _CARDS and key.shape[1] != query.shape[1]
    return shares and not chunk_attention.shares_keys(query, key, value)


def _not_ahead(queries: int, length: int, device: torch.device) -> torch.Tensor:
    """Return (1, 1, queries, length), what is_causal stands for: the first query sees the first key alone."""
    return torch.ones(1, 1, queries, length, dtype=torch.bool, device=device).tril_()


def describe(model: PreTrainedModel, device: torch.device) -> tuple[str, str]:
    """Return the kernel's name and one sentence of reason, for the plan."""
    chosen = str(model.config.get_text_config()._attn_implementation or "eager")
    if chosen == "eager":
        return "eager", "this architecture computes its attention itself"
    if device.type == "cuda":
        return chosen, "PyTorch picks its flash kernel where no mask is needed, its memory-efficient one elsewhere"
    return chosen, "PyTorch's fused attention; query heads that share a key head read it once"
