"""Modules of the loaded model changed for ones that do the same in fewer steps; taken back if the model disagrees."""

from collections.abc import Callable, Sequence

import torch
from transformers import PreTrainedModel

from engine.decode import norms, products
from engine.decode.rungs import Rungs
from engine.hardware.faults import fault_of

_UNSUITABLE = (AttributeError, IndexError, NotImplementedError, RuntimeError, TypeError, ValueError)
_TRACED_IDS = 2


def fuse(
    model: PreTrainedModel,
    rungs: Rungs,
    ids: Sequence[int],
    logits: Callable[[Sequence[int]], torch.Tensor],
    agrees: Callable[[torch.Tensor, torch.Tensor], bool],
) -> None:
    """Change norms and linear layers, as far as that is wanted and pays on the model's device.

    logits: what a plain pass over ids gives, (ids, vocabulary). Raises what the machine is at fault for, such as memory
    that runs out; what was changed by then is right.
    """
    expected = logits(ids)
    if rungs.norms and model.device.type == "cuda":  # a CPU gains nothing by it, it has no kernels to launch
        norms.install(model)
        if not _holds(ids, logits, agrees, expected):
            norms.undo(model)
    # A compiler can't look into packed weights.
    if rungs.products and not rungs.compiled:
        _try(lambda: products.install(model, lambda: logits(ids[:_TRACED_IDS])))
        if not _holds(ids, logits, agrees, expected):
            products.unshare(model)


def describe(model: PreTrainedModel) -> str:
    """Say in a few words how linear layers are multiplied, empty if as published."""
    return products.describe(model)


def _holds(
    ids: Sequence[int],
    logits: Callable[[Sequence[int]], torch.Tensor],
    agrees: Callable[[torch.Tensor, torch.Tensor], bool],
    expected: torch.Tensor,
) -> bool:
    return _try(lambda: agrees(logits(ids)[-1], expected[-1]))


def _try(work: Callable[[], bool | None]) -> bool:
    """Return what work returns, False where the model can't be run like that."""
    try:
        return bool(work())
    except _UNSUITABLE as error:
        if fault_of(error) is not None:
            raise
        return False
