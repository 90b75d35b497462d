"""What is dragged over the window, files or text: the place where it may be dropped says so, and hands it over."""

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

    def __init__(self, part: QWidget, words: str, more: str = "") -> None:
        super().__init__(part)
        self._part = part
        self.setProperty("surface", "drop")
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 16, 16, 16)
        column.addStretch(1)
        labels = [plain_label(words, "title", wraps=True)]
        if more:
            labels.append(plain_label(more, "muted", wraps=True))
        for label in labels:
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
    """Takes files and texts for the page, wherever in the window they are dropped, but for files on the sidebar.

    Signals files_dropped(tuple of paths), conversations_dropped(tuple of paths), text_dropped(str).
    """

    files_dropped = Signal(object)
    conversations_dropped = Signal(object)
    text_dropped = Signal(object)

    def __init__(self, window: QWidget, page: QWidget, sidebar: QWidget) -> None:
        super().__init__(page, tr("Drop files to attach them"), tr("Text, code, PDF and office documents"))
        self._window = window
        self._page = page
        self._sidebar = sidebar
        self.for_text = DropCover(page, tr("Drop the text to add it to your message"))
        words = tr("Drop to import conversations")
        self.beside = DropCover(sidebar, words, tr("Exports of Hearth, ChatGPT, LM Studio, Open WebUI and Jan"))
        self._covers = (self, self.beside, self.for_text)
        window.setAcceptDrops(True)
        window.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Take drags that nothing within the window wanted."""
        if isinstance(event, QDropEvent) and event.type() in (
            QEvent.Type.DragEnter,
            QEvent.Type.DragMove,
            QEvent.Type.Drop,
        ):
            return self._take(event)
        if event.type() == QEvent.Type.DragLeave:
            for cover in self._covers:
                cover.hide()
        return super().eventFilter(watched, event)

    def _take(self, event: QDropEvent | QDragEnterEvent | QDragMoveEvent) -> bool:
        files = local_files(event.mimeData())
        part = self._cover_for(event, files)
        is_drop = event.type() == QEvent.Type.Drop
        for cover in self._covers:
            if cover is not part or is_drop:
                cover.hide()
        if part is None:
            return False
        event.setDropAction(Qt.DropAction.CopyAction)
        event.accept()
        if not is_drop:
            part.cover()
        elif part is self.for_text:
            self.text_dropped.emit(event.mimeData().text())
        else:
            (self.conversations_dropped if part is self.beside else self.files_dropped).emit(files)
        return True

    def _cover_for(self, event: QDropEvent, files: tuple[str, ...]) -> DropCover | None:
        """Return where and as what it would be taken; a text of the page that is dragged over it is not."""
        at = self._sidebar.mapFrom(self._window, event.position().toPoint())
        if files and self._sidebar.isVisible() and self._sidebar.rect().contains(at):
            return self.beside
        if not self._page.isVisible():
            return None
        if files:
            return self
        source = event.source()
        is_own = isinstance(source, QWidget) and self._page.isAncestorOf(source)
        return self.for_text if event.mimeData().hasText() and not is_own else None
