"""Modules of the loaded model changed for ones that do the same in fewer steps; taken back if the model disagrees."""

from collections.abc import Callable, Sequence

import torch
from transformers import PreTrainedModel

from engine.decode import norms, products
from engine.decode.rungs import Rungs
from engine.hardware.faults import fault_of

# What a model raises that doesn't get on with the way it is run.
UNSUITABLE = (AssertionError, AttributeError, IndexError, NotImplementedError, RuntimeError, TypeError, ValueError)
_TRACED_IDS = 2


def fuse(
    model: PreTrainedModel,
    rungs: Rungs,
    ids: Sequence[int],
    expected: torch.Tensor,
    logits: Callable[[Sequence[int]], torch.Tensor],
    agrees: Callable[[torch.Tensor, torch.Tensor], bool],
) -> None:
    """Change norms and linear layers, as far as that is wanted and pays on the model's device.

    expected: the model's logits for the ids, (ids, vocabulary), before any change. logits: what a plain pass gives.
    Raises what the machine is at fault for, such as memory that runs out; what was changed by then is right.
    """

    def holds() -> bool:
        return _try(lambda: agrees(logits(ids)[-1], expected[-1]))

    if rungs.norms and model.device.type == "cuda":  # a CPU gains nothing by it, it has no kernels to launch
        norms.install(model)
        if not holds():
            norms.undo(model)
    # A compiler can't look into packed weights.
    if rungs.products and not rungs.compiled:
        _try(lambda: products.install(model, lambda: logits(ids[:_TRACED_IDS])))
        if products.describe(model) and not holds():
            products.unshare(model)


def _try(work: Callable[[], bool | None]) -> bool:
    """Return what work returns, False where the model can't be run like that."""
    try:
        return bool(work())
    except UNSUITABLE as error:
        if fault_of(error) is not None:
            raise
        return False
