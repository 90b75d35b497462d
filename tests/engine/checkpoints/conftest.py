"""What tests of copies of packed weights share."""

import pytest

from engine.checkpoints import copies


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiny copies are mostly headers: count none, so that one is smaller than its original."""
    monkeypatch.setattr(copies, "_SMALL_FILES_BYTES", 0)
    monkeypatch.setattr(copies, "_HEADER_BYTES_PER_TENSOR", 0)
