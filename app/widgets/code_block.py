"""A code block: its language, a wrap switch, Copy, and the code, coloured a little at a time."""

import time
from collections.abc import Iterator
from dataclasses import asdict

from PySide6.QtCore import QEvent, QSize, Qt, QTimer, Slot
from PySide6.QtGui import (
    QColor,
    QFontMetricsF,
    QGuiApplication,
    QKeyEvent,
    QResizeEvent,
    QSyntaxHighlighter,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
    QTextOption,
    QWheelEvent,
)
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPlainTextEdit, QToolButton, QWidget

from app.rendering.bidi import reveal
from app.rendering.blocks import Block
from app.rendering.highlight import Span, highlight
from app.rendering.languages import language_name
from app.widgets.fonts import code_font, text_font
from app.widgets.icons import icon
from app.widgets.theme import Theme

_HEADER_PX = 36
_PADDING_PX = 16
_BOTTOM_PX = 14  # holds the horizontal scroll bar, so that its coming and going changes no height
_SLICE_SECONDS = 0.004
_LONGEST_SLICE_SECONDS = 0.1  # code made to be slow stays as it is from here on
_LONGEST_PASS_SECONDS = 3.0
_REST_FACTOR = 8  # while code streams, colouring takes at most about one part in so many of the time
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
        self.wrap_button = _header_button(" Wrap")
        self.wrap_button.setCheckable(True)
        self.wrap_button.setToolTip("Wrap long lines")
        self.wrap_button.toggled.connect(self._on_wrap_toggled)
        self.copy_button = _header_button(" Copy")
        self.copy_button.setToolTip("Copy this code")
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
        self._view.setAccessibleName(f"{language_name(block.language)}, {block.text.count(chr(10)) + 1} lines")

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
            self.copy_button.setText(" Copied")
            self.copy_button.setIcon(icon("check", self._theme.colors.success))
            self._copied.start()

    @Slot()
    def _show_copy(self) -> None:
        self.copy_button.setText(" Copy")
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
        self._colours = _Colours(self.document())
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


class _Colours(QSyntaxHighlighter):
    """Applies the spans that Pygments finds, a slice of time after the other, so that no frame waits for them."""

    def __init__(self, document: QTextDocument) -> None:
        super().__init__(document)
        self._formats: dict[str, QTextCharFormat] = {}
        self._lines: dict[int, list[Span]] = {}
        self._pending: Iterator[tuple[int, list[Span]]] = iter(())
        self._wanted: tuple[str, str] | None = None
        self._is_running = False
        self._gave_up = False
        self._spent = 0.0
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._on_slice_due)

    def set_theme(self, theme: Theme) -> None:
        """Use this theme's colours of code."""
        self._formats = {}
        for name, color in asdict(theme.syntax).items():
            self._formats[name] = QTextCharFormat()
            self._formats[name].setForeground(QColor(color))
        self._formats["comment"].setFontItalic(True)
        self.rehighlight()

    def forget(self) -> None:
        """Another text comes: what was found in the old one does not fit it."""
        self._lines.clear()
        self._is_running = self._gave_up = False
        self._timer.stop()

    def colour(self, code: str, language: str, closed: bool) -> None:
        """Colour this text, at once if that is quick; a text that still grows is coloured now and then."""
        if self._gave_up:
            return
        self._wanted = (code, language)
        if closed or not self._timer.isActive():
            self._on_slice_due()

    def highlightBlock(self, text: str) -> None:
        for span in self._lines.get(self.currentBlock().blockNumber(), ()):
            if span.style in self._formats:
                self.setFormat(span.start, span.length, self._formats[span.style])

    @Slot()
    def _on_slice_due(self) -> None:
        if not self._is_running:
            if self._wanted is None:
                return
            self._pending = enumerate(highlight(*self._wanted))
            self._wanted, self._is_running, self._spent = None, True, 0.0
        started = time.perf_counter()
        self._run_until(started + _SLICE_SECONDS)
        taken = time.perf_counter() - started
        self._spent += taken
        if taken > _LONGEST_SLICE_SECONDS or self._spent > _LONGEST_PASS_SECONDS:
            self._gave_up, self._is_running = True, False
            return
        if self._is_running:
            self._timer.start(8)
        else:  # text that arrives within the pause waits for its end
            self._timer.start(round(_REST_FACTOR * self._spent * 1000))

    def _run_until(self, deadline: float) -> None:
        document = self.document()
        for number, spans in self._pending:
            if self._lines.get(number, []) != spans:
                self._lines[number] = spans
                self.rehighlightBlock(document.findBlockByNumber(number))
            if time.perf_counter() > deadline:
                return
        self._is_running = False
