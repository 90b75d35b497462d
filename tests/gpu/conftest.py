"""Tests that compute on an NVIDIA card: `python -m pytest tests/gpu`. Without one they are skipped, saying why."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from filelock import FileLock

from tests.conftest import shared_folder


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let libraries warn here: what they say on cards, drivers and versions that nobody has tried is no fault."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.filterwarnings("default"))


@pytest.fixture(autouse=True)
def card(tmp_path_factory: pytest.TempPathFactory) -> Iterator[torch.device]:
    """Skip without a card; afterwards nothing of the test may be left on it.

    Several processes that run tests take turns: what these tests measure is the whole card's memory.
    """
    if not torch.cuda.is_available():
        pytest.skip("needs an NVIDIA graphics card that PyTorch can use")
    with FileLock(shared_folder(tmp_path_factory) / "card.lock"):
        yield torch.device("cuda", 0)
        torch.cuda.empty_cache()


@pytest.fixture(scope="session")
def shape_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where random checkpoints of real shapes are kept for the whole run."""
    return tmp_path_factory.mktemp("shapes")
