import sys
from pathlib import Path

import pytest

from engine.api.files import replace_file


class Scanned:
    """Path.replace of Windows while a virus scanner has what was just written, for as many looks."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, looks: int) -> None:
        self.looks = looks
        self._replace = Path.replace
        monkeypatch.setattr(Path, "replace", lambda source, target: self(source, target))

    def __call__(self, source: Path, target: Path) -> Path:
        if self.looks:
            self.looks -= 1
            raise PermissionError(13, "Access is denied")
        return self._replace(source, target)


def test_what_a_virus_scanner_holds_for_a_moment_gets_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    part, whole = tmp_path / "part", tmp_path / "whole"
    part.write_text("new", encoding="utf-8")
    whole.write_text("old", encoding="utf-8")
    scanned = Scanned(monkeypatch, looks=3)
    replace_file(part, whole)
    assert whole.read_text(encoding="utf-8") == "new"
    assert not part.exists()
    assert scanned.looks == 0


def test_a_place_that_is_held_for_long_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr("engine.api.files._PATIENCE_SECONDS", 0.05)
    Scanned(monkeypatch, looks=10**6)
    with pytest.raises(PermissionError):
        replace_file(tmp_path / "part", tmp_path / "whole")


def test_elsewhere_no_permission_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    scanned = Scanned(monkeypatch, looks=2)
    with pytest.raises(PermissionError):
        replace_file(tmp_path / "part", tmp_path / "whole")
    assert scanned.looks == 1
