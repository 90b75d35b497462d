"""A page that scrolls up and down only and draws no frame."""

from PySide6.QtCore import QEvent, QObject, QSize, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QScrollArea, QSizePolicy, QWidget

from app.widgets.basics.faded_edges import fade_edges


def scrolled(content: QWidget, name: str) -> QScrollArea:
    """Return the scroll area around the content; Tab goes to what is in it, not to the area itself."""
    return _prepared(QScrollArea(), content, name)


class FittedScroll(QScrollArea):
    """As high as its content where there is room, so that what stands below follows at once; else it scrolls."""

    def __init__(self, content: QWidget, name: str) -> None:
        super().__init__()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Maximum)
        _prepared(self, content, name)
        content.installEventFilter(self)

    def sizeHint(self) -> QSize:
        """Return the content's size at the width there is."""
        content = self.widget()
        if content is None:
            return super().sizeHint()
        width = self.viewport().width()
        height = content.heightForWidth(width) if content.hasHeightForWidth() else content.sizeHint().height()
        return QSize(content.sizeHint().width(), height)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Ask again at another width, as when the scroll bar goes: at the one before, the content was higher."""
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self.updateGeometry()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Follow the content when it becomes higher or lower."""
        if event.type() in (QEvent.Type.LayoutRequest, QEvent.Type.Resize):
            self.updateGeometry()
        return super().eventFilter(watched, event)


def _prepared(area: QScrollArea, content: QWidget, name: str) -> QScrollArea:
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    area.setAccessibleName(name)
    area.setWidget(content)
    fade_edges(area)
    return area
