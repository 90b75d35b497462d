"""Roles that Qt gives and readers would say for nothing."""

from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from app.widgets.window.window_pages import WindowPages
from tests.app.widgets.conftest import Shown


def test_a_stack_of_pages_is_a_mere_container_with_the_page_that_is_seen(qtbot: QtBot, shown: Shown) -> None:
    pages = shown.window.pages
    assert isinstance(pages, WindowPages)
    other = QLabel("Another page")
    pages.addWidget(other)
    node = QAccessible.queryAccessibleInterface(pages)
    assert node.role() is QAccessible.Role.Client
    children = [node.child(place) for place in range(node.childCount())]
    seen = [each.object() for each in children if not each.state().invisible]
    assert seen == [pages.currentWidget()]
