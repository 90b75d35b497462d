"""The whole way to an answer where a package is not installed that only some precisions need."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.app.hearth_process import ROOT

# The likeliest words: by chance this model says others at times, and goes on to the end of its window.
_QUESTION = ("What is the capital of France?", "--temperature", "0", "--max-tokens", "16")
# Read by each Python that starts with this folder on its path, the engine's too: as if the package were not there.
HIDES_BITSANDBYTES = """
import importlib.machinery
import importlib.metadata
import sys

HIDDEN = "bitsandbytes"


class Finder(importlib.machinery.PathFinder):
    @classmethod
    def find_spec(cls, fullname, path=None, target=None):
        return None if fullname.partition(".")[0] == HIDDEN else super().find_spec(fullname, path, target)

    @classmethod
    def find_distributions(cls, context=importlib.metadata.DistributionFinder.Context()):
        found = super().find_distributions(context)
        return (each for each in found if each.metadata["Name"] != HIDDEN)


sys.meta_path[sys.meta_path.index(importlib.machinery.PathFinder)] = Finder
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One home for all, so that the starter model is converted once."""
    folder = tmp_path_factory.mktemp("without")
    (folder / "sitecustomize.py").write_text(HIDES_BITSANDBYTES)
    return folder


@pytest.fixture
def environment(folder: Path) -> dict[str, str]:
    path = os.pathsep.join([str(folder), str(ROOT), os.environ.get("PYTHONPATH", "")])
    return {**os.environ, "PYTHONPATH": path, "HEARTH_HOME": str(folder / "home")}


def ask(environment: dict[str, str], precision: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "app.cli", "ask", *_QUESTION, "--precision", precision],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300,
    )  # fmt: skip


def test_sixteen_bit_needs_no_bitsandbytes(environment: dict[str, str]) -> None:
    result = ask(environment, "bf16")
    assert (result.returncode, "Paris" in result.stdout) == (0, True), result.stderr


def test_four_bit_says_what_to_install(environment: dict[str, str]) -> None:
    result = ask(environment, "int4")
    assert (result.returncode != 0, result.stdout) == (True, "")
    assert "bitsandbytes" in result.stderr
    assert "Traceback" not in result.stderr
