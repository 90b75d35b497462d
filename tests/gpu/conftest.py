"""Tests that compute on an NVIDIA card: `python -m pytest tests/gpu`. Without one they are skipped, saying why."""

import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from filelock import FileLock
from transformers.masking_utils import AttentionMaskInterface, eager_mask, sdpa_mask

from engine.hardware.faults import release
from tests.conftest import shared_folder


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let libraries warn here: what they say on cards, drivers and versions that nobody has tried is no fault."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.filterwarnings("default"))


@pytest.fixture(scope="session")
def recordable_masks() -> None:
    """Have masks of attention that is written out (gpt_oss) made without waiting for the card.

    WORKAROUND transformers 5.17 (masking_utils.eager_mask, mended by 5.23): it copies a number from main memory, which
    is refused while a step is recorded. The machine of these tests may have nothing newer, and they are of the engine.
    """
    with warnings.catch_warnings(action="ignore"):  # PyTorch tells that it can't see every way of waiting
        torch.cuda.set_sync_debug_mode("error")
        try:
            eager_mask(1, 1, 8, device="cuda")
        except RuntimeError:
            AttentionMaskInterface.register("eager", _mask_of_floats)  # type: ignore[no-untyped-call]
        finally:
            torch.cuda.set_sync_debug_mode("default")


def _mask_of_floats(dtype: torch.dtype = torch.float32, **wanted: object) -> torch.Tensor | None:
    allowed = sdpa_mask(**{**wanted, "allow_is_causal_skip": False})  # type: ignore[arg-type]
    if allowed is None:
        return None
    return torch.zeros_like(allowed, dtype=dtype).masked_fill_(~allowed, torch.finfo(dtype).min)


@pytest.fixture(autouse=True)
def card(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[torch.device]:
    """Skip without a card; afterwards nothing of the test may be left on it.

    Several processes that run tests take turns: what these tests measure is the whole card's memory.
    """
    if not torch.cuda.is_available():
        pytest.skip("needs an NVIDIA graphics card that PyTorch can use")
    with FileLock(shared_folder(tmp_path_factory) / "card.lock"):
        request.getfixturevalue("recordable_masks")
        # Ids are compared in 32 bit; TORCH_ALLOW_TF32_CUBLAS_OVERRIDE, as some images set it, leaves 10 of 23 bits.
        torch.set_float32_matmul_precision("highest")
        yield torch.device("cuda", 0)
        release()  # recorded steps of a session that nobody holds any more would be counted by the next test


@pytest.fixture(scope="session")
def shape_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where random checkpoints of real shapes are kept for the whole run."""
    return tmp_path_factory.mktemp("shapes")
