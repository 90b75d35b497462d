"""Taking all widgets out of a layout, at once for the eye and later for Qt."""

from PySide6.QtWidgets import QLayout


def emptied(layout: QLayout) -> None:
    """Hide the layout's widgets and let Qt delete them when it comes to that."""
    while (item := layout.takeAt(0)) is not None:
        widget = item.widget()
        if widget is not None:
            widget.hide()
            widget.deleteLater()
