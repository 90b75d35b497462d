"""A code block: its language, a wrap switch, Copy, and the code."""

from PySide6.QtCore import QEvent, QSize, Qt, QTimer, Slot
from PySide6.QtGui import (
    QFontMetricsF,
    QGuiApplication,
    QKeyEvent,
    QResizeEvent,
    QTextCursor,
    QTextOption,
    QWheelEvent,
)
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPlainTextEdit, QToolButton, QWidget

from app.language import tr
from app.rendering.bidi import reveal
from app.rendering.blocks import Block
from app.rendering.languages import language_name
from app.widgets.code_colours import CodeColours
from app.widgets.fonts import code_font, text_font
from app.widgets.icons import icon
from app.widgets.theme import Theme

_HEADER_PX = 36
_PADDING_PX = 16
_BOTTOM_PX = 14  # holds the horizontal scroll bar, so that its coming and going changes no height
_COPIED_MS = 1500


class CodeBlock(QFrame):
    """Shows one code block; long lines scroll sideways inside it unless wrapped, nothing scrolls vertically."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._block: Block | None = None
        self.setProperty("surface", "code")
        self._language = QLabel()
        self._language.setTextFormat(Qt.TextFormat.PlainText)
        self._language.setProperty("role", "small")
        self.wrap_button = _header_button(" " + tr("Wrap"))
        self.wrap_button.setCheckable(True)
        self.wrap_button.setToolTip(tr("Wrap long lines"))
        self.wrap_button.toggled.connect(self._on_wrap_toggled)
        self.copy_button = _header_button(" " + tr("Copy"))
        self.copy_button.setToolTip(tr("Copy this code"))
        self.copy_button.clicked.connect(self.copy)
        self._header = QWidget(self)
        row = QHBoxLayout(self._header)
        row.setContentsMargins(_PADDING_PX, 4, 4, 0)
        row.setSpacing(0)
        row.addWidget(self._language)
        row.addStretch(1)
        row.addWidget(self.wrap_button)
        row.addWidget(self.copy_button)
        self._view = _CodeView(self)
        self._copied = QTimer(self)
        self._copied.setSingleShot(True)
        self._copied.setInterval(_COPIED_MS)
        self._copied.timeout.connect(self._show_copy)
        self._apply_theme()

    @property
    def view(self) -> QPlainTextEdit:
        """The text field with the code, read-only."""
        return self._view

    def show_block(self, block: Block, theme: Theme) -> None:
        """Show this code; what only grew is appended, so a selection in it stays."""
        if theme != self._theme:
            self._theme = theme
            self._apply_theme()
        if block == self._block:
            return
        self._block = block
        self._language.setText(language_name(block.language))
        self._view.show_code(block.text, block.language, block.closed)
        self._view.setAccessibleName(
            tr("{language}, {count} lines").format(
                language=language_name(block.language), count=block.text.count(chr(10)) + 1
            )
        )

    def height_for(self, width: int) -> int:
        """Return the height in pixels when the block is ``width`` wide."""
        return _HEADER_PX + self._view.height_for(width - _PADDING_PX) + _BOTTOM_PX

    def natural_width(self) -> int:
        """Return the width in pixels of the longest line, with its padding."""
        return self._view.natural_width() + 2 * _PADDING_PX

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Place header and code."""
        super().resizeEvent(event)
        self._header.setGeometry(0, 0, self.width(), _HEADER_PX)
        self._view.setGeometry(_PADDING_PX, _HEADER_PX, self.width() - _PADDING_PX, self.height() - _HEADER_PX)

    @Slot()
    def copy(self) -> None:
        """Put the code, as the model wrote it, on the clipboard and say so for a moment."""
        if self._block is not None:
            QGuiApplication.clipboard().setText(self._block.text)
            self.copy_button.setText(" " + tr("Copied"))
            self.copy_button.setIcon(icon("check", self._theme.colors.success))
            self._copied.start()

    @Slot()
    def _show_copy(self) -> None:
        self.copy_button.setText(" " + tr("Copy"))
        self.copy_button.setIcon(icon("copy", self._theme.colors.muted))

    @Slot(bool)
    def _on_wrap_toggled(self, wrap: bool) -> None:
        self._view.set_wrapped(wrap)
        parent = self.parentWidget()
        if parent is not None:
            QGuiApplication.postEvent(parent, QEvent(QEvent.Type.LayoutRequest))

    def _apply_theme(self) -> None:
        self.wrap_button.setIcon(icon("wrap-text", self._theme.colors.muted))
        self._show_copy()
        for part in (self._language, self.wrap_button, self.copy_button):
            part.setFont(text_font(min(self._theme.small_size_px, 13)))
        self._view.set_theme(self._theme)


def _header_button(text: str) -> QToolButton:
    button = QToolButton()
    button.setText(text)
    button.setProperty("kind", "small")
    button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
    button.setIconSize(QSize(14, 14))
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    return button


class _CodeView(QPlainTextEdit):
    """The code itself: read-only, no frame, as high as its lines."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._shown = ""
        self._is_wrapped = False
        self._heights: dict[int, int] = {}
        self._colours = CodeColours(self.document())
        self.setReadOnly(True)
        self.setUndoRedoEnabled(False)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setProperty("bare", "true")
        self.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setLayoutDirection(Qt.LayoutDirection.LeftToRight)
        self.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.setTabChangesFocus(True)
        option = QTextOption()
        option.setWrapMode(QTextOption.WrapMode.NoWrap)
        option.setTextDirection(Qt.LayoutDirection.LeftToRight)
        self.document().setDefaultTextOption(option)
        self.document().setDocumentMargin(0)
        self.viewport().setAutoFillBackground(False)

    def set_theme(self, theme: Theme) -> None:
        """Use this theme's colours and size."""
        self._font = code_font(theme.code_size_px)
        self._keep_font()
        self._colours.set_theme(theme)

    def show_code(self, code: str, language: str, closed: bool) -> None:
        """Show the code, coloured as ``language``."""
        text = reveal(code)
        if self._shown and text.startswith(self._shown):
            self._append(text[len(self._shown) :])
        else:
            self._colours.forget()
            self.setPlainText(text)
        self._shown = text
        self._heights.clear()
        self._colours.colour(text, language, closed)

    def _append(self, text: str) -> None:
        selection = self.textCursor()
        anchor, position = selection.anchor(), selection.position()
        cursor = QTextCursor(self.document())
        cursor.movePosition(QTextCursor.MoveOperation.End)
        cursor.insertText(text)
        if anchor != position:  # a selection up to the old end would have grown
            selection.setPosition(anchor)
            selection.setPosition(position, QTextCursor.MoveMode.KeepAnchor)
            self.setTextCursor(selection)

    def set_wrapped(self, wrap: bool) -> None:
        """Break long lines, or let them scroll."""
        self._is_wrapped = wrap
        modes = QPlainTextEdit.LineWrapMode
        self.setLineWrapMode(modes.WidgetWidth if wrap else modes.NoWrap)
        bars = Qt.ScrollBarPolicy
        self.setHorizontalScrollBarPolicy(bars.ScrollBarAlwaysOff if wrap else bars.ScrollBarAsNeeded)
        self.setWordWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere if wrap else QTextOption.WrapMode.NoWrap)
        self._heights.clear()

    def height_for(self, width: int) -> int:
        """Return the height in pixels of all lines; only wrapped code depends on ``width``."""
        key = width if self._is_wrapped else 0
        known = self._heights.get(key)
        if known is None:
            known = self._heights[key] = self._measure(width)
        return known

    def natural_width(self) -> int:
        """Return the width in pixels of the longest line."""
        metrics = QFontMetricsF(self.document().defaultFont())
        longest = max(self._shown.split("\n"), key=len)
        return round(metrics.horizontalAdvance(longest[:500]))

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Scroll sideways inside, leave the rest to the page around."""
        delta = event.angleDelta()
        sideways = abs(delta.x()) > abs(delta.y()) or bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        if sideways and self.horizontalScrollBar().maximum() > 0:
            bar = self.horizontalScrollBar()
            bar.setValue(bar.value() - (delta.x() or delta.y()) // 2)
            event.accept()
        else:
            event.ignore()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Leave paging to the page around."""
        if Qt.Key(event.key()) in (Qt.Key.Key_PageUp, Qt.Key.Key_PageDown, Qt.Key.Key_Space):
            event.ignore()
        else:
            super().keyPressEvent(event)

    def changeEvent(self, event: QEvent) -> None:
        """Keep the code's own font when the style sheet gives the widget another one."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange) and hasattr(self, "_font"):
            self._keep_font()

    def _keep_font(self) -> None:
        self.document().setDefaultFont(self._font)
        self.setTabStopDistance(4 * QFontMetricsF(self._font).horizontalAdvance(" "))
        self._heights.clear()

    def _measure(self, width: int) -> int:
        document = self.document()
        if self._is_wrapped and self.viewport().width() != width:
            self.resize(width, max(1, self.height()))
        first = self.blockBoundingRect(document.begin()).height()
        if not self._is_wrapped and self._shown.isascii():
            return round(first * document.blockCount()) + 1
        height = 0.0
        block = document.begin()
        while block.isValid():  # glyphs of other fonts and wrapped lines make blocks of different heights
            height += self.blockBoundingRect(block).height()
            block = block.next()
        return round(height) + 1
