"""The buttons inside a line of text follow the theme."""

from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QApplication, QLineEdit, QToolButton
from pytestqt.qtbot import QtBot

from app.widgets.basics.field_buttons import show_clear_button
from app.widgets.basics.icons import icon
from app.widgets.basics.theme import DARK, LIGHT, apply_theme


def drawn(of: QIcon) -> bytes:
    picture = of.pixmap(16, 16).toImage()
    return bytes(picture.constBits())


def test_the_clear_button_is_of_the_outline_set_and_follows_the_theme(qtbot: QtBot, qapp: QApplication) -> None:
    apply_theme(qapp, LIGHT)
    line = QLineEdit("words")
    qtbot.addWidget(line)
    show_clear_button(line)
    line.show()
    button = line.findChild(QToolButton)
    assert isinstance(button, QToolButton)
    assert drawn(button.icon()) == drawn(icon("x", LIGHT.colors.muted))
    apply_theme(qapp, DARK)
    assert drawn(button.icon()) == drawn(icon("x", DARK.colors.muted))
    button.click()
    assert line.text() == ""


def test_an_empty_line_shows_no_clear_button_in_any_theme(qtbot: QtBot, qapp: QApplication) -> None:
    apply_theme(qapp, LIGHT)
    line = QLineEdit()
    qtbot.addWidget(line)
    show_clear_button(line)
    line.show()
    button = line.findChild(QToolButton)
    assert isinstance(button, QToolButton)
    assert not button.isVisible()
    apply_theme(qapp, DARK)
    assert not button.isVisible()
    line.setText("words")
    assert button.isVisible()
