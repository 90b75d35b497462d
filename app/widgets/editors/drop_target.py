"""Files that are dragged over the window: the place where they may be dropped says so, and hands them over."""

from PySide6.QtCore import QEvent, QMimeData, QObject, Qt, Signal
from PySide6.QtGui import QDragEnterEvent, QDragMoveEvent, QDropEvent
from PySide6.QtWidgets import QFrame, QVBoxLayout, QWidget

from app.language import tr
from app.widgets.basics.plain_label import plain_label

_MARGIN_PX = 4


def local_files(mime: QMimeData) -> tuple[str, ...]:
    """Return the paths of the files that are dragged or pasted; none for pages and texts."""
    return tuple(url.toLocalFile() for url in mime.urls() if url.isLocalFile() and url.toLocalFile())


class DropCover(QFrame):
    """Lies over a part of the window while files are dragged there, and says what would become of them."""

    def __init__(self, part: QWidget, words: str, more: str) -> None:
        super().__init__(part)
        self._part = part
        self.setProperty("surface", "drop")
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 16, 16, 16)
        column.addStretch(1)
        for label in (plain_label(words, "title", wraps=True), plain_label(more, "muted", wraps=True)):
            label.setAlignment(Qt.AlignmentFlag.AlignCenter)
            column.addWidget(label)
        column.addStretch(1)
        self.hide()

    def cover(self) -> None:
        """Lie over the part."""
        margin = _MARGIN_PX
        self.setGeometry(self._part.rect().adjusted(margin, margin, -margin, -margin))
        self.show()
        self.raise_()


class DropTarget(DropCover):
    """Takes files for the page, wherever in the window they are dropped, and for the sidebar those dropped there.

    Signals files_dropped(tuple of paths), conversations_dropped(tuple of paths).
    """

    files_dropped = Signal(object)
    conversations_dropped = Signal(object)

    def __init__(self, window: QWidget, page: QWidget, sidebar: QWidget) -> None:
        super().__init__(page, tr("Drop files to attach them"), tr("Text, code, PDF and office documents"))
        self._window = window
        self._page = page
        self._sidebar = sidebar
        words = tr("Drop to import conversations")
        self.beside = DropCover(sidebar, words, tr("Exports of Hearth, ChatGPT, LM Studio, Open WebUI and Jan"))
        window.setAcceptDrops(True)
        window.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Take drags of files that nothing within the window wanted."""
        if isinstance(event, QDropEvent) and event.type() in (
            QEvent.Type.DragEnter,
            QEvent.Type.DragMove,
            QEvent.Type.Drop,
        ):
            return self._take(event)
        if event.type() == QEvent.Type.DragLeave:
            self.hide()
            self.beside.hide()
        return super().eventFilter(watched, event)

    def _take(self, event: QDropEvent | QDragEnterEvent | QDragMoveEvent) -> bool:
        files = local_files(event.mimeData())
        at = self._sidebar.mapFrom(self._window, event.position().toPoint())
        is_beside = self._sidebar.isVisible() and self._sidebar.rect().contains(at)
        part = self.beside if is_beside else self
        is_drop = event.type() == QEvent.Type.Drop
        for cover in (self, self.beside):
            if cover is not part or is_drop:
                cover.hide()
        if not files or not (is_beside or self._page.isVisible()):
            return False
        event.setDropAction(Qt.DropAction.CopyAction)
        event.accept()
        if is_drop:
            (self.conversations_dropped if is_beside else self.files_dropped).emit(files)
        else:
            part.cover()
        return True
