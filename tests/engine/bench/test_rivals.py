"""What rivals leave behind."""

from pathlib import Path

import pytest
import torch

from engine.api.cancellation import CancellationToken
from engine.api.plan import PrecisionChoice
from engine.bench import rivals
from engine.bench.opening import Opening, open_workbench
from engine.bench.subject import Subject
from engine.bench.transformers_writing import Written
from engine.decode import compiler
from tests import tiny_checkpoints


def test_what_was_compiled_for_a_rival_is_given_back(
    tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    was_reset: list[bool] = []
    monkeypatch.setattr(torch.compiler, "reset", lambda: was_reset.append(True))
    monkeypatch.setattr(compiler, "problem", lambda _device: "")
    monkeypatch.setattr(rivals, "MOST_TOKENS", 8)
    monkeypatch.setattr(rivals, "write", lambda *_arguments, **_options: Written((5, 6, 7), 0.01))
    path = tiny_checkpoints.make("llama", tiny_folder)
    wanted = Opening(Subject(path, "llama", str(path), False), PrecisionChoice.FP32, 512, "cpu", tmp_path,
                     CancellationToken())  # fmt: skip
    _, workbench = open_workbench(wanted, lambda *_: None, copies=True)
    try:
        _, _, compiled = rivals.measure(workbench, lambda _: None, lambda _: None, is_asked_for=True)
    finally:
        workbench.close()
    assert compiled.skipped == ""
    assert was_reset == [True]
