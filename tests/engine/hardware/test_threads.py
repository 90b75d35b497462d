"""One thread for each physical core this process may use, unless the user said otherwise."""

import os
from collections.abc import Iterator

import psutil
import pytest
import torch

from engine.hardware import threads


@pytest.fixture(autouse=True)
def same_threads_afterwards(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def machine(monkeypatch: pytest.MonkeyPatch, logical: int, physical: int | None, allowed: int) -> None:
    monkeypatch.setattr(psutil, "cpu_count", lambda logical=True: both[logical])
    both = {True: logical, False: physical}
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(allowed)), raising=False)


@pytest.mark.parametrize(
    ("logical", "physical", "allowed", "expected"),
    [(16, 8, 16, 8), (8, 8, 8, 8), (16, 8, 4, 2), (16, 8, 1, 1), (4, None, 4, 4), (24, 16, 24, 16)],
)
def test_cores_that_share_their_units_count_once(
    logical: int, physical: int | None, allowed: int, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine(monkeypatch, logical, physical, allowed)
    assert threads.usable_cores() == expected


def test_pytorch_computes_with_them(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, 6, 3, 6)
    assert threads.use_physical_cores() == 3
    assert torch.get_num_threads() == 3


def test_what_the_environment_says_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, 6, 3, 6)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    before = torch.get_num_threads()
    assert threads.use_physical_cores() == before
