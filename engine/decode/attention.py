"""Which attention kernel the loaded model runs on, and why not a better one."""

import os

import torch
from transformers import PreTrainedModel

# Read by transformers at each call (integrations/sdpa_attention.py).
_SHARED_KEYS = "TRANSFORMERS_SDPA_FORCE_GQA"


def share_keys(device: torch.device) -> None:
    """Let query heads read the key head that they share, also behind a mask, where PyTorch's kernel can do that.

    On a CPU this saves a copy of all keys and values per layer (7 ids behind 6,100: 82 against 103 ms, starter model;
    the same bits). On a card a mask would then mean the slow kernel, so transformers decides there.
    """
    if device.type == "cpu":
        os.environ[_SHARED_KEYS] = "1"
    else:
        os.environ.pop(_SHARED_KEYS, None)


def describe(model: PreTrainedModel, device: torch.device) -> tuple[str, str]:
    """Return the kernel's name and one sentence of reason, for the plan."""
    chosen = str(model.config.get_text_config()._attn_implementation or "eager")
    if chosen == "eager":
        return "eager", "this architecture computes its attention itself"
    if device.type == "cuda":
        return chosen, "PyTorch picks its flash kernel where no mask is needed, its memory-efficient one elsewhere"
    return chosen, "PyTorch's fused attention; query heads that share a key head read it once"
