from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tests.faults.kv.folders import KINDS, Stored, load, store


@pytest.fixture(params=KINDS, scope="module")
def stored(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, tiny_folder: Path
) -> Iterator[Stored]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield store(load(request.param, tiny_folder), tmp_path_factory.mktemp("stored") / "kv")
    torch.set_num_threads(threads)


@pytest.fixture
def folder(stored: Stored, tmp_path: Path) -> Path:
    return stored.copy(tmp_path / "kv")
