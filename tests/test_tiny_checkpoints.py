"""The checkpoints that tests are made with: the same weights every time, whatever was drawn before."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests import tiny_checkpoints


@pytest.mark.parametrize("name", sorted(tiny_checkpoints.ARCHITECTURES))
def test_weights_hang_on_nothing_but_name_and_seed(name: str, tmp_path: Path) -> None:
    expected = load_file(tiny_checkpoints.make(name, tmp_path / "first") / "model.safetensors")
    torch.rand(7)
    before = torch.get_rng_state()
    found = load_file(tiny_checkpoints.make(name, tmp_path / "second") / "model.safetensors")
    assert torch.equal(before, torch.get_rng_state())
    assert found.keys() == expected.keys()
    for key, tensor in expected.items():
        assert torch.equal(found[key], tensor), key
