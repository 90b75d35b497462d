"""Files that are dragged over the window: the page says that they may be dropped, and hands them over."""

from PySide6.QtCore import QEvent, QMimeData, QObject, Qt, Signal
from PySide6.QtGui import QDragEnterEvent, QDragMoveEvent, QDropEvent
from PySide6.QtWidgets import QFrame, QVBoxLayout, QWidget

from app.language import tr
from app.widgets.basics.plain_label import plain_label

_MARGIN_PX = 4


def local_files(mime: QMimeData) -> tuple[str, ...]:
    """Return the paths of the files that are dragged or pasted; none for pages and texts."""
    return tuple(url.toLocalFile() for url in mime.urls() if url.isLocalFile() and url.toLocalFile())


class DropTarget(QFrame):
    """Lies over the page while files are dragged over the window. Signal files_dropped(tuple of paths)."""

    files_dropped = Signal(object)

    def __init__(self, window: QWidget, page: QWidget) -> None:
        super().__init__(page)
        self._page = page
        self.setProperty("surface", "drop")
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        words = plain_label(tr("Drop files to attach them"), "title")
        words.setAlignment(Qt.AlignmentFlag.AlignCenter)
        kinds = plain_label(tr("Text, code, PDF and office documents"), "muted")
        kinds.setAlignment(Qt.AlignmentFlag.AlignCenter)
        column = QVBoxLayout(self)
        column.addStretch(1)
        column.addWidget(words)
        column.addWidget(kinds)
        column.addStretch(1)
        self.hide()
        window.setAcceptDrops(True)
        window.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Take drags of files that nothing within the window wanted."""
        if isinstance(event, QDragEnterEvent | QDragMoveEvent) and event.type() != QEvent.Type.Drop:
            if self._page.isVisible() and local_files(event.mimeData()):
                self.cover()
                event.setDropAction(Qt.DropAction.CopyAction)
                event.accept()
                return True
        elif event.type() == QEvent.Type.DragLeave:
            self.hide()
        elif event.type() == QEvent.Type.Drop and isinstance(event, QDropEvent):
            self.hide()
            files = local_files(event.mimeData())
            if self._page.isVisible() and files:
                event.setDropAction(Qt.DropAction.CopyAction)
                event.accept()
                self.files_dropped.emit(files)
                return True
        return super().eventFilter(watched, event)

    def cover(self) -> None:
        """Lie over the page."""
        margin = _MARGIN_PX
        self.setGeometry(self._page.rect().adjusted(margin, margin, -margin, -margin))
        self.show()
        self.raise_()
