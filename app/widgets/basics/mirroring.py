"""Painting that follows the reading direction: places are given as if read from left to right, and turned if need be.

A text keeps its own direction in either window, so that "141 MiB" and a path read the same everywhere.
"""

from PySide6.QtCore import QMargins, QRect, Qt
from PySide6.QtGui import QGuiApplication, QPainter
from PySide6.QtWidgets import QStyle

from app import bidi


def is_mirrored() -> bool:
    """Return whether the window is read from right to left."""
    return QGuiApplication.layoutDirection() is Qt.LayoutDirection.RightToLeft


def turned(part: QRect, whole: QRect, direction: Qt.LayoutDirection) -> QRect:
    """Return where a part of the whole lies in this direction."""
    return QStyle.visualRect(direction, whole, part)


def draw_line(
    painter: QPainter,
    place: QRect,
    direction: Qt.LayoutDirection,
    text: str,
    side: Qt.AlignmentFlag = Qt.AlignmentFlag.AlignLeft,
) -> None:
    """Draw one line into its (turned) place, at the side where reading begins (AlignLeft) or ends (AlignRight)."""
    before = painter.layoutDirection()
    painter.setLayoutDirection(Qt.LayoutDirection.LayoutDirectionAuto)
    middle = Qt.AlignmentFlag.AlignAbsolute | Qt.AlignmentFlag.AlignVCenter
    painter.drawText(place, int(QStyle.visualAlignment(direction, side) | middle), text)
    painter.setLayoutDirection(before)


def apart(text: str) -> str:
    """Return a text that keeps its own direction where it is shown by others; as it is in a window not mirrored."""
    return bidi.apart(text) if text and is_mirrored() else text


def margins(before: int, top: int, behind: int, bottom: int) -> QMargins:
    """Return margins for a layout that is being made: before is where reading begins, behind where it ends."""
    return QMargins(behind, top, before, bottom) if is_mirrored() else QMargins(before, top, behind, bottom)
