"""What the device is measured with."""

import pytest
import torch

from engine.api.cancellation import CancellationToken
from engine.bench import device_rates


def test_matrices_are_as_uneven_as_a_models(monkeypatch: pytest.MonkeyPatch) -> None:
    multiplied: list[torch.Tensor] = []
    multiply = torch.mm

    def mm(left: torch.Tensor, right: torch.Tensor, out: torch.Tensor) -> torch.Tensor:
        multiplied.extend((left, right))
        return multiply(left, right, out=out)

    monkeypatch.setattr(torch, "mm", mm)
    monkeypatch.setattr(device_rates, "_LARGEST_ROWS", device_rates._SMALLEST_ROWS)
    found = device_rates.measure(torch.device("cpu"), torch.bfloat16, CancellationToken())
    assert found is not None
    assert found.matrix_operations_per_second is not None
    assert multiplied
    assert all(0.9 < float(each.float().std()) < 1.1 for each in multiplied)
