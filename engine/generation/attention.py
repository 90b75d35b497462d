"""Which attention kernel the loaded model runs on, and why not a better one."""

import torch
from transformers import PreTrainedModel


def describe(model: PreTrainedModel, device: torch.device) -> tuple[str, str]:
    """Return the kernel's name and one sentence of reason, for the plan."""
    chosen = str(model.config.get_text_config()._attn_implementation or "eager")
    if chosen == "eager":
        return "eager", "this architecture computes its attention itself"
    if device.type == "cuda":
        return chosen, "PyTorch picks its flash kernel where no mask is needed, its memory-efficient one elsewhere"
    return chosen, "PyTorch's fused attention; query heads that share a key head are read once while decoding"
