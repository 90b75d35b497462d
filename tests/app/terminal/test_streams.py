import ctypes
import errno
import io
import sys
from types import SimpleNamespace

import pytest

from app.terminal.output import Output, OutputFailed
from app.terminal.streams import prepare_streams


@pytest.fixture
def on_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.delenv("PYTHONIOENCODING", raising=False)


def in_code_page(content: bytes = b"") -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(content), encoding="cp1252")


def set_streams(monkeypatch: pytest.MonkeyPatch, typed: bytes = b"") -> None:
    for name, content in (("stdin", typed), ("stdout", b""), ("stderr", b"")):
        monkeypatch.setattr(sys, name, in_code_page(content))


@pytest.mark.usefixtures("on_windows")
def test_files_and_pipes_of_windows_hold_every_character(monkeypatch: pytest.MonkeyPatch) -> None:
    set_streams(monkeypatch, "\ufeffWie heißt 東京?".encode())
    prepare_streams()
    assert sys.stdin.read() == "Wie heißt 東京?", "without the mark that PowerShell begins with"
    Output(sys.stdout, sys.stderr).text("東京 😀")
    assert sys.stdout.buffer.getvalue().decode() == "東京 😀"  # type: ignore[attr-defined]


@pytest.mark.usefixtures("on_windows")
def test_an_encoding_that_somebody_wants_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "cp1252")
    set_streams(monkeypatch)
    prepare_streams()
    Output(sys.stdout, sys.stderr).text("ß😀")
    assert sys.stdout.buffer.getvalue() == b"\xdf?"  # type: ignore[attr-defined]


@pytest.mark.usefixtures("on_windows")
def test_json_of_windows_can_be_read_in_any_encoding(monkeypatch: pytest.MonkeyPatch) -> None:
    set_streams(monkeypatch)
    prepare_streams()
    Output(sys.stdout, sys.stderr).json({"text": "東京"})
    assert sys.stdout.buffer.getvalue().isascii()  # type: ignore[attr-defined]


class Gone(io.StringIO):
    def write(self, _text: str) -> int:
        raise OSError(errno.EINVAL, "Invalid argument")


def test_a_reader_that_has_gone_is_known_on_windows_too(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OutputFailed):
        Output(Gone(), io.StringIO()).text("x")
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(BrokenPipeError):
        Output(Gone(), io.StringIO()).text("x")


class Console(io.StringIO):
    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        return 2


@pytest.mark.usefixtures("on_windows")
@pytest.mark.parametrize("is_console", [True, False])
def test_consoles_of_windows_are_told_to_obey_sequences(is_console: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    modes: list[int] = []

    def get_mode(_handle: object, mode: object) -> bool:
        mode._obj.value = 3  # type: ignore[attr-defined]  # what byref() is of
        return is_console

    def set_mode(_handle: object, mode: int) -> bool:
        modes.append(mode)
        return True

    kernel = SimpleNamespace(GetConsoleMode=get_mode, SetConsoleMode=set_mode)
    monkeypatch.setattr(ctypes, "WinDLL", lambda _name: kernel, raising=False)
    monkeypatch.setitem(sys.modules, "msvcrt", SimpleNamespace(get_osfhandle=lambda descriptor: descriptor))
    set_streams(monkeypatch)
    monkeypatch.setattr(sys, "stderr", Console())
    prepare_streams()
    assert modes == ([7] if is_console else [])
