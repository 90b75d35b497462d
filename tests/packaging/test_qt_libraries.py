"""Which system libraries are missing, and what a person is told to do about it."""

import io
from pathlib import Path

import pytest
import qt_libraries
from qt_libraries import LIBRARIES, Library
from setup_console import Console, SetUpError


def absent(*names: str):
    def load(name: str) -> None:
        if name in names:
            raise OSError(name)

    return load


def test_each_library_is_tried() -> None:
    tried = []
    assert qt_libraries.missing(tried.append, "linux") == ()
    assert tried == [library.name for library in LIBRARIES]


@pytest.mark.parametrize("library", LIBRARIES, ids=lambda library: library.name)
def test_a_missing_library_leads_to_its_package(library: Library) -> None:
    found = qt_libraries.missing(absent(library.name), "linux")
    assert qt_libraries.packages(found) == [library.package]


@pytest.mark.parametrize("system", ["darwin", "win32"])
def test_other_systems_are_not_asked(system: str) -> None:
    assert qt_libraries.missing(absent("libGL.so.1"), system) == ()


def test_the_hint_is_one_line_with_each_package_once() -> None:
    hint = qt_libraries.hint(LIBRARIES[:2], has_apt=True)
    lines = [line for line in hint.splitlines() if "sudo" in line]
    assert lines == ["  sudo apt-get install -y --no-install-recommends libglib2.0-0"]


def test_without_apt_the_libraries_are_named() -> None:
    hint = qt_libraries.hint(LIBRARIES[:2], has_apt=False)
    assert "libgthread-2.0.so.0" in hint
    assert "apt" not in hint


@pytest.fixture
def console(tmp_path: Path) -> Console:
    return Console(tmp_path / "log", io.StringIO())


def test_required_libraries_stop_the_start(monkeypatch: pytest.MonkeyPatch, console: Console) -> None:
    monkeypatch.setattr(qt_libraries, "missing", lambda: LIBRARIES[:1])
    monkeypatch.setattr(qt_libraries, "may_install", lambda: False)
    with pytest.raises(SetUpError, match=r"libglib2\.0-0|libglib-2\.0"):
        qt_libraries.provide(console, required=True)
    qt_libraries.provide(console, required=False)
    assert "window needs" in console._out.getvalue()


def test_root_updates_once_and_installs(monkeypatch: pytest.MonkeyPatch, console: Console) -> None:
    ran: list[list[str]] = []
    answers = iter([LIBRARIES[:1], ()])
    monkeypatch.setattr(qt_libraries, "missing", lambda: next(answers))
    monkeypatch.setattr(qt_libraries, "may_install", lambda: True)
    monkeypatch.setattr(console, "run", lambda command, *_, **__: ran.append(command))
    qt_libraries.provide(console, required=True)
    assert [command[3] for command in ran] == ["update", "install"]
    assert ran[1][-1] == "libglib2.0-0"
