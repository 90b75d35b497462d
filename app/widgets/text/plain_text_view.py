"""Foreign text exactly as it is, wrapped anywhere, selectable, as high as it needs to be; never interpreted."""

from PySide6.QtCore import QEvent, QMimeData, QSize, Qt
from PySide6.QtGui import QFont, QFontMetricsF, QTextBlockFormat, QTextCursor, QTextOption, QWheelEvent
from PySide6.QtWidgets import QFrame, QSizePolicy, QTextEdit, QWidget

from app.widgets.editors.wrap_mode import wrap_mode_for
from app.widgets.text.leaf_input import LeafInput
from app.widgets.text.match_marks import MatchMarks
from app.widgets.text.text_selection import copied

_LINE_HEIGHT_PERCENT = 120.0


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
        self._text_font = self.font()
        self.document().setDocumentMargin(0)
        self.viewport().setAutoFillBackground(False)
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self._input = LeafInput(self)
        self.marks = MatchMarks(self)

    def set_text(self, text: str) -> None:
        """Show this text."""
        self.setWordWrapMode(wrap_mode_for(text))
        self.setPlainText(text)
        lines = QTextBlockFormat()
        lines.setLineHeight(_LINE_HEIGHT_PERCENT, QTextBlockFormat.LineHeightTypes.ProportionalHeight.value)
        cursor = QTextCursor(self.document())
        cursor.select(QTextCursor.SelectionType.Document)
        cursor.mergeBlockFormat(lines)
        self.updateGeometry()
        self.marks.refresh()

    def selected_text(self) -> str:
        """Return what is selected here."""
        return self.textCursor().selection().toPlainText()

    def selectAll(self) -> None:
        """Select the whole message that this text is a part of."""
        if not self._input.select_message():
            super().selectAll()

    def createMimeDataFromSelection(self) -> QMimeData:
        """Copy plain text only, and all of a selection that reaches beyond this text."""
        return copied(self, self.selected_text())

    def set_text_font(self, font: QFont) -> None:
        """Show the text in this font, whatever the style sheet says about widgets."""
        self._text_font = font
        self.document().setDefaultFont(font)
        self.updateGeometry()

    @property
    def line_px(self) -> float:
        """The height of one line."""
        return QFontMetricsF(self._text_font).height() * _LINE_HEIGHT_PERCENT / 100

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
        """Keep the text's own font when the style sheet gives the widget another one."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self.document().setDefaultFont(self._text_font)
            self.updateGeometry()
