"""What tests of the library on this computer share."""

from pathlib import Path

import pytest

from tests import tiny_checkpoints
from tests.cache_folders import files_of


@pytest.fixture
def model(tiny_folder: Path) -> dict[str, bytes]:
    """The files of a published model, by name."""
    return files_of(tiny_checkpoints.make("llama", tiny_folder))
