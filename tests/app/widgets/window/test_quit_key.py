"""The key that quits is heard in every window of Hearth."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QDialog
from pytestqt.qtbot import QtBot

from app.settings.schema import Settings
from app.widgets.settings.model_settings_dialog import ModelSettingsDialog
from tests.app.widgets.conftest import Shown

_CONTROL = Qt.KeyboardModifier.ControlModifier
_QUIT = ("quit_requested", None)


def press(qtbot: QtBot, dialog: QDialog, key: Qt.Key = Qt.Key.Key_Q) -> None:
    """Press Ctrl and a key where the keyboard is in a dialog."""
    dialog.activateWindow()
    qtbot.waitUntil(lambda: dialog.isActiveWindow() and dialog.isAncestorOf(QApplication.focusWidget()))
    focused = QApplication.focusWidget()
    assert focused is not None
    qtbot.keyClick(focused, key, _CONTROL)


def test_it_quits_from_the_settings(qtbot: QtBot, shown: Shown) -> None:
    shown.window.open_settings()
    dialog = shown.window.dialogs.settings_dialog
    assert dialog is not None
    press(qtbot, dialog)
    assert _QUIT in shown.asked


def test_what_is_open_over_the_window_is_closed_first(qtbot: QtBot, shown: Shown) -> None:
    dialog = ModelSettingsDialog("A model", Settings(), shown.window)
    was_asked: list[bool] = []
    dialog.finished.connect(lambda _result: was_asked.append(_QUIT in shown.asked))
    dialog.open()
    press(qtbot, dialog)
    assert was_asked == [False], "what was typed there is handed over before the end"
    assert _QUIT in shown.asked


def test_it_is_the_key_that_was_chosen(qtbot: QtBot, shown: Shown) -> None:
    shown.window.apply_settings(Settings(keys={"quit": "Ctrl+J"}))
    shown.window.open_settings()
    dialog = shown.window.dialogs.settings_dialog
    assert dialog is not None
    press(qtbot, dialog)
    assert _QUIT not in shown.asked
    press(qtbot, dialog, Qt.Key.Key_J)
    assert _QUIT in shown.asked
