"""What a screen reader calls a widget that Qt knows no fitting kind of: a row of a list, a group, a formula."""

from collections.abc import Callable
from typing import TypeVar

from PySide6.QtCore import QObject
from PySide6.QtGui import QAccessible, QAccessibleInterface
from PySide6.QtWidgets import QAccessibleWidget, QStackedWidget, QWidget

_Widget = TypeVar("_Widget", bound=type[QWidget])
_roles: dict[type, QAccessible.Role] = {}


def read_as(role: QAccessible.Role) -> Callable[[_Widget], _Widget]:
    """Let a screen reader call widgets of a class so. Not for buttons and fields: Qt knows more of those than a role.

    It belongs to the class, as Qt may ask before the widget's own beginning is over.
    """

    def remember(kind: _Widget) -> _Widget:
        if not _roles:
            QAccessible.installFactory(_made)
        _roles[kind] = role
        return kind

    return remember


def _made(_class_name: str, item: QObject) -> QAccessibleInterface | None:
    """Return what stands for a widget of such a class; Qt asks when a screen reader first comes to it."""
    if not isinstance(item, QWidget):
        return None
    role = next((_roles[kind] for kind in type(item).__mro__ if kind in _roles), None)
    return QAccessibleWidget(item, role) if role is not None else None


# Qt calls them layered panes, which Orca says each time that one is entered.
read_as(QAccessible.Role.Client)(QStackedWidget)
