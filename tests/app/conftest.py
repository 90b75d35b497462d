"""What every test of the app stands on, beside what all tests do."""

import errno
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest
from PySide6.QtCore import Qt, SignalInstance
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot, SignalBlocker

from app.conversations.writers import Writers
from app.settings import file_writer
from tests.app.whole import Whole

_PATIENCE_MS = 30_000
_ROUNDS = 10  # what is laid out or put off may put off something else


class PatientBot(QtBot):
    """Waits for what is to happen as long as a busy machine may need; the five seconds of pytest-qt can be too few.

    Keeps each window until the test is over and it is closed. One that nobody else holds is destroyed wherever Python
    collects its cycles; while Qt tells each widget of the active window that it is no longer, that ends the process.
    """

    def __init__(self, request: pytest.FixtureRequest) -> None:
        super().__init__(request)
        self._kept: list[QWidget] = []

    def addWidget(  # noqa: N802 - pytest-qt's name
        self, widget: QWidget, *, before_close_func: Callable[[QWidget], None] | None = None
    ) -> None:
        """Have a widget closed at the end of the test."""
        super().addWidget(widget, before_close_func=before_close_func)
        self._kept.append(widget)

    def wait(self, ms: int) -> None:
        """Let time pass, and all come that is due then: a busy machine may sleep through the whole time at once."""
        super().wait(ms)
        for _ in range(_ROUNDS):
            QApplication.processEvents()

    @staticmethod
    def mouseDClick(widget: QWidget, button: Qt.MouseButton, **where: object) -> None:  # noqa: N802 - pytest-qt's name
        """Click twice and let go: Qt's own test leaves the button pressed, for all tests that come after it."""
        QtBot.mouseDClick(widget, button, **where)
        QtBot.mouseRelease(widget, button, **where)

    def waitUntil(  # noqa: N802 - pytest-qt's name
        self, callback: Callable[[], bool | None], *, timeout: int = _PATIENCE_MS
    ) -> None:
        """Return once the condition holds; raises pytest-qt's TimeoutError after ``timeout`` milliseconds."""
        super().waitUntil(callback, timeout=timeout)

    def waitActive(self, widget: QWidget, *, timeout: int = _PATIENCE_MS) -> AbstractContextManager[object]:  # noqa: N802 - pytest-qt's name
        """Wait at the end of the ``with`` until the widget's window is the active one."""
        return super().waitActive(widget, timeout=timeout)

    def waitExposed(self, widget: QWidget, *, timeout: int = _PATIENCE_MS) -> AbstractContextManager[object]:  # noqa: N802 - pytest-qt's name
        """Wait at the end of the ``with`` until the widget's window is on screen."""
        return super().waitExposed(widget, timeout=timeout)

    def waitSignal(  # noqa: N802 - pytest-qt's name
        self,
        signal: SignalInstance,
        *,
        timeout: int = _PATIENCE_MS,
        raising: bool | None = None,
        check_params_cb: Callable[..., bool] | None = None,
    ) -> SignalBlocker:
        """Wait at the end of the ``with`` for the signal, ``timeout`` milliseconds at most."""
        return super().waitSignal(signal, timeout=timeout, raising=raising, check_params_cb=check_params_cb)


@pytest.fixture
def qtbot(qapp: QApplication, request: pytest.FixtureRequest) -> QtBot:
    """Stand in for pytest-qt's tester of windows, with more patience."""
    return PatientBot(request)


@pytest.fixture(autouse=True)
def patient_writers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for the settings' file longer than who closes a window: other tests may keep the disk busy."""
    monkeypatch.setattr(file_writer, "PATIENCE_SECONDS", _PATIENCE_MS / 1000)


@pytest.fixture
def windows() -> Iterator[list[Whole]]:
    """Windows that are closed in the end."""
    made: list[Whole] = []
    yield made
    for window in made:
        window.end()


@pytest.fixture
def folder_is_open(monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    """Let the folder of the conversations be written or not; a test may be root, whom no permission keeps out."""
    enter = Writers.enter

    def refuse(_writers: Writers) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    return lambda is_open: monkeypatch.setattr(Writers, "enter", enter if is_open else refuse)


@pytest.fixture
def backend() -> Iterator[object]:
    """A MemoryKeyring in the place of this computer's."""
    import keyring  # here, as every stand-in that is loaded is one that keyring might choose

    from tests.app.keyrings import MemoryKeyring

    before = keyring.get_keyring()
    made = MemoryKeyring()
    keyring.set_keyring(made)
    yield made
    keyring.set_keyring(before)
