"""Lets weights cut out of a larger tensor while they were read go their own way, so that the rest of it is freed."""

import torch


@torch.no_grad()
def free_rests(model: torch.nn.Module) -> None:
    """Copy what is the only one left of the memory that it is a part of.

    Files with q, k and v in one tensor (Kimi K2.5 and Step 3.7, in their part for pictures) are cut in three, and v is
    not copied on the way as the others are: it would keep all three.
    """
    users: dict[int, list[torch.Tensor]] = {}
    for tensor in (*model.parameters(), *model.buffers()):
        if not tensor.is_meta:
            users.setdefault(tensor.untyped_storage().data_ptr(), []).append(tensor)
    for address, tensors in users.items():
        if address and len(tensors) == 1 and tensors[0].nbytes < tensors[0].untyped_storage().nbytes():
            tensors[0].data = tensors[0].data.clone()
