"""Weights cut out of a larger tensor keep no more memory than they need; what is shared stays shared."""

import torch

from engine.checkpoints.own_memory import free_rests


def test_a_third_of_a_tensor_keeps_only_itself() -> None:
    whole = torch.arange(12.0)
    model = torch.nn.Linear(2, 2)
    model.weight = torch.nn.Parameter(whole[8:].view(2, 2))
    parameter = model.weight
    free_rests(model)
    assert model.weight is parameter
    assert parameter.untyped_storage().nbytes() == parameter.nbytes
    assert parameter.tolist() == [[8.0, 9.0], [10.0, 11.0]]


def test_what_shares_a_tensor_goes_on_sharing_it() -> None:
    whole = torch.arange(12.0)
    model = torch.nn.ModuleList([torch.nn.Linear(2, 2, bias=False), torch.nn.Linear(2, 2, bias=False)])
    for place, module in enumerate(model):
        module.weight = torch.nn.Parameter(whole[4 * place : 4 * place + 4].view(2, 2))
    free_rests(model)
    assert model[0].weight.untyped_storage().data_ptr() == model[1].weight.untyped_storage().data_ptr()
