"""What published quantisations are judged by: the card's capability, which means something on NVIDIA's cards alone."""

from pathlib import Path

import msgspec
import pytest
import torch

from engine.api.hardware import Gpu
from engine.checkpoints.loader import environment_of
from engine.hardware import machine

CARDS = (Gpu(0, "First", (8, 6), 2**34, 2**34, True), Gpu(1, "Second", (11, 0), 2**34, 2**34, True))


@pytest.mark.parametrize(
    ("device", "build", "expected"),
    [
        ("cuda:0", "13.0", (8, 6)),
        ("cuda:1", "13.0", (11, 0)),
        ("cuda:1", "ROCm 6.4", (0, 0)),
        ("cpu", "13.0", (0, 0)),
    ],
)
def test_the_capability_of_the_card(device: str, build: str, expected: tuple[int, int], tmp_path: Path) -> None:
    here = machine.describe(tmp_path, try_kernels=False, measure=False)
    hardware = msgspec.structs.replace(here, gpus=CARDS, cuda_build=build)
    assert environment_of(torch.device(device), hardware).compute_capability == expected
