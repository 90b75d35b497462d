"""A dialog begins no larger than its screen."""

import pytest
from PySide6.QtWidgets import QDialog, QWidget
from pytestqt.qtbot import QtBot

from app.widgets.basics.dialog_size import size_on_screen


@pytest.mark.parametrize("has_parent", [True, False])
def test_the_size_is_as_meant_or_what_the_screen_has(qtbot: QtBot, has_parent: bool) -> None:
    window = QWidget()
    qtbot.addWidget(window)
    dialog = QDialog(window if has_parent else None)
    qtbot.addWidget(dialog)
    size_on_screen(dialog, 300, 200)
    assert (dialog.width(), dialog.height()) == (300, 200)
    size_on_screen(dialog, 20_000, 20_000)
    room = dialog.screen().availableGeometry()
    assert room.width() - 100 < dialog.width() < room.width()
    assert room.height() - 100 < dialog.height() < room.height()
