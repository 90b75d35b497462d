"""Foreign text exactly as it is, wrapped anywhere, selectable, as high as it needs to be; never interpreted."""

from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtGui import QTextOption, QWheelEvent
from PySide6.QtWidgets import QFrame, QSizePolicy, QTextEdit, QWidget


class PlainTextView(QTextEdit):
    """A read-only text without frame or scroll bars; its height follows its width."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setReadOnly(True)
        self.setAcceptRichText(False)
        self.setUndoRedoEnabled(False)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.setWordWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        self.document().setDocumentMargin(0)
        self.viewport().setAutoFillBackground(False)
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def set_text(self, text: str) -> None:
        """Show this text."""
        self.setPlainText(text)
        self.updateGeometry()

    def natural_width(self, limit: int) -> int:
        """Return the width in which the text needs no more lines than it has, or the limit if that is less."""
        document = self.document()
        document.setTextWidth(-1)
        natural = int(document.idealWidth()) + 2
        return max(1, min(natural, limit))

    def hasHeightForWidth(self) -> bool:
        """Return True: a narrower text is a higher one."""
        return True

    def heightForWidth(self, width: int) -> int:
        """Return the height of the text wrapped at this width."""
        self.document().setTextWidth(max(1, width))
        return int(self.document().size().height()) + 1

    def sizeHint(self) -> QSize:
        """Return the size at the present width."""
        return QSize(self.width(), self.heightForWidth(self.width()))

    def minimumSizeHint(self) -> QSize:
        """Return almost nothing: the text wraps anywhere."""
        return QSize(16, 16)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Leave scrolling to the page."""
        event.ignore()

    def changeEvent(self, event: QEvent) -> None:
        """Measure again with another font."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self.updateGeometry()
