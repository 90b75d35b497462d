"""Nothing of opening a model goes on while it is measured."""

from pathlib import Path

import pytest

from engine.api.cancellation import CancellationToken
from engine.api.plan import PrecisionChoice
from engine.bench.opening import Opening, open_workbench
from engine.bench.subject import Subject
from engine.kv import opening
from tests import tiny_checkpoints


class Arena:
    """Stands in for memory that is being pinned until somebody waits for it."""

    def __init__(self) -> None:
        self.is_waited_for = False

    def wait(self, timeout_seconds: float) -> None:
        self.is_waited_for = timeout_seconds > 0


def test_memory_is_pinned_before_anything_is_measured(
    tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arenas: list[Arena] = []
    tiers = opening.Tiers

    def with_arena(*arguments: object, **options: object) -> object:
        arenas.append(Arena())
        return tiers(*arguments, **options | {"arena": arenas[-1]})  # type: ignore[arg-type]

    monkeypatch.setattr(opening, "Tiers", with_arena)
    path = tiny_checkpoints.make("llama", tiny_folder)
    subject = Subject(path, "llama", str(path), False)
    wanted = Opening(subject, PrecisionChoice.FP32, 512, "cpu", tmp_path, CancellationToken())
    _, workbench = open_workbench(wanted, lambda *_: None, copies=False)
    try:
        workbench.open_again()
    finally:
        workbench.close()
    assert [arena.is_waited_for for arena in arenas] == [True, True]
