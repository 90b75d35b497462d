from PySide6.QtCore import QEvent, QObject
from PySide6.QtWidgets import QApplication, QDialog, QMainWindow, QMenu, QWidget
from pytestqt.qtbot import QtBot

from app.widgets.basics.theme import Theme
from tests.app.widgets.models.demo_pages import DemoPages

_WINDOWS = (QDialog, QMainWindow, QMenu)


class Flashes(QObject):
    """Notes what is shown as a window of its own although it is none."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.seen: list[str] = []

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802  Qt's name
        """Look at everything that is shown."""
        is_window = isinstance(watched, QWidget) and watched.isWindow() and not isinstance(watched, _WINDOWS)
        if event.type() == QEvent.Type.Show and is_window:
            self.seen.append(type(watched).__name__)
        return False


def test_every_state_is_drawn_in_the_window(qtbot: QtBot, qapp: QApplication, theme: Theme) -> None:
    flashes = Flashes(qapp)
    qapp.installEventFilter(flashes)
    try:
        demo = DemoPages()
        qtbot.addWidget(demo.window)
        names = []
        for state in demo.states():
            demo.window.resize(*state.size)
            QApplication.processEvents()
            assert not (state.widget or demo.window).grab().isNull()
            names.append(state.name)
    finally:
        qapp.removeEventFilter(flashes)
    assert flashes.seen == []
    assert len(names) == len(set(names)) > 15
