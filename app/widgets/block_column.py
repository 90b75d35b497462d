"""Blocks one below the other: text, code and thinking, each in its widget; only what changed is touched."""

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QSize, Qt, Signal, Slot
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QToolButton, QWidget

from app.language import tr
from app.rendering.blocks import Block, BlockKind
from app.rendering.html import LIST_INDENT_PX
from app.widgets.code_block import CodeBlock
from app.widgets.fonts import text_font
from app.widgets.formula_block import FormulaBlock
from app.widgets.icons import icon
from app.widgets.text_view import TextView, columns_of
from app.widgets.theme import Theme

GAP_PX = 12
TEXT_VIEW_CHARACTERS = 4_000  # a text view begins anew after so many, which bounds what one update lays out again
_THINKING_HEADER_PX = 32
_THINKING_INDENT_PX = 20


class BlockColumn(QWidget):
    """Shows a list of blocks at any width; its height follows its width."""

    link_activated = Signal(object)  # str: a full http, https or mailto URL

    def __init__(self, theme: Theme, muted: bool = False, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._muted = muted
        self._widgets: list[BlockWidget] = []
        self._indents: list[int] = []
        self._measured: tuple[int, int] | None = None  # (width, height)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    @property
    def theme(self) -> Theme:
        """The look the blocks are drawn in."""
        return self._theme

    @property
    def block_widgets(self) -> "list[BlockWidget]":
        """The widgets of the blocks from top to bottom."""
        return list(self._widgets)

    def show_blocks(self, blocks: Sequence[Block], theme: Theme) -> None:
        """Show these blocks; those that stayed the same are left alone."""
        self._theme = theme
        pieces = _pieces(blocks)
        for number, piece in enumerate(pieces):
            widget = self._widget_for(number, piece[0].kind)
            if isinstance(widget, TextView):
                widget.show_blocks(piece, theme)
            else:
                widget.show_block(piece[0], theme)
        self._indents = [piece[0].indent * LIST_INDENT_PX for piece in pieces]
        while len(self._widgets) > len(pieces):
            _discard(self._widgets.pop())
        self.rearrange()

    def name_texts(self) -> None:
        """Let each text say itself to screen readers, formulas as LaTeX; not for what still grows."""
        for widget in self._widgets:
            if isinstance(widget, TextView):
                widget.setAccessibleName("\n".join(block.text for block in widget.blocks))

    def rearrange(self) -> None:
        """Measure and place the widgets again, and ask for another height if that changed."""
        before, self._measured = self._measured, None
        self._place()
        if self._measured != before:
            self.updateGeometry()

    def hasHeightForWidth(self) -> bool:
        """Return True: narrower blocks are higher."""
        return True

    def heightForWidth(self, width: int) -> int:
        """Return the height in pixels of all blocks at ``width``."""
        if self._measured is None or self._measured[0] != width:
            heights = self._heights(width)
            self._measured = (width, sum(heights) + GAP_PX * max(0, len(heights) - 1))
        return self._measured[1]

    def natural_width(self, limit: int) -> int:
        """Return the width in pixels that needs no wrapping, or ``limit`` if that is less."""
        widths = [widget.natural_width() for widget in self._widgets]
        self._measured = None
        return max(1, min(limit, max(widths, default=1)))

    def sizeHint(self) -> QSize:
        """Return the size at the present width."""
        return QSize(self.width(), self.heightForWidth(self.width()))

    def minimumSizeHint(self) -> QSize:
        """Return almost nothing: text wraps anywhere and code scrolls."""
        return QSize(40, 1)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Place the blocks at the new width."""
        super().resizeEvent(event)
        self._place()

    def event(self, event: QEvent) -> bool:
        """A block asks for another height of its own accord (wrapped, folded)."""
        if event.type() == QEvent.Type.LayoutRequest:
            self.rearrange()
            return True
        return super().event(event)

    def _heights(self, width: int) -> list[int]:
        return [widget.height_for(width - indent) for widget, indent in zip(self._widgets, self._indents, strict=True)]

    def _place(self) -> None:
        top = 0
        heights = self._heights(self.width())
        for widget, indent, height in zip(self._widgets, self._indents, heights, strict=True):
            widget.setGeometry(indent, top, self.width() - indent, height)
            top += height + GAP_PX
        self._measured = (self.width(), max(0, top - GAP_PX))

    def _widget_for(self, number: int, kind: BlockKind) -> "BlockWidget":
        wanted = _WIDGETS[kind]
        if number < len(self._widgets):
            if type(self._widgets[number]) is wanted:
                return self._widgets[number]
            for widget in self._widgets[number:]:
                _discard(widget)
            del self._widgets[number:]
        widget = self._make_widget(kind)
        widget.show()
        self._widgets.append(widget)
        return widget

    def _make_widget(self, kind: BlockKind) -> "BlockWidget":
        if kind is BlockKind.CODE:
            return CodeBlock(self._theme, self)
        if kind is BlockKind.FORMULA:
            return FormulaBlock(self._theme, self._muted, self)
        if kind is BlockKind.THINKING:
            thinking = ThinkingBlock(self._theme, self)
            thinking.link_activated.connect(self.link_activated)
            return thinking
        text = TextView(self._theme, self._muted, self)
        text.link_activated.connect(self.link_activated)
        return text


class ThinkingBlock(QWidget):
    """What the model thought: open while it thinks, folded afterwards, until the reader decides otherwise."""

    link_activated = Signal(object)  # str: a full http, https or mailto URL

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._block: Block | None = None
        self._is_open = False
        self._decided = False
        self.toggle = QToolButton(self)
        self.toggle.setProperty("kind", "fold")
        self.toggle.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.toggle.setIconSize(QSize(16, 16))
        self.toggle.clicked.connect(self._on_toggled)
        self._column = BlockColumn(theme, muted=True, parent=self)
        self._column.link_activated.connect(self.link_activated)
        self._column.hide()

    @property
    def is_open(self) -> bool:
        """True while the thoughts can be read."""
        return self._is_open

    @property
    def block(self) -> Block | None:
        """The thoughts, whether they are shown or not."""
        return self._block

    def unfold(self) -> None:
        """Show the thoughts at once, with all the room they need."""
        if not self._is_open:
            self._on_toggled()
            around = self.parentWidget()
            if isinstance(around, BlockColumn):
                around.rearrange()

    def show_block(self, block: Block, theme: Theme) -> None:
        """Show these thoughts."""
        changed = block != self._block or theme != self._theme
        self._block, self._theme = block, theme
        if not self._decided:
            self._is_open = not block.closed
        if changed:
            self._show()

    def height_for(self, width: int) -> int:
        """Return the height in pixels, folded or not."""
        if not self._is_open:
            return _THINKING_HEADER_PX
        return _THINKING_HEADER_PX + 4 + self._column.heightForWidth(width - _THINKING_INDENT_PX)

    def natural_width(self) -> int:
        """Return the width in pixels that needs no wrapping."""
        return _THINKING_INDENT_PX + self._column.natural_width(10_000)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Place title and thoughts."""
        super().resizeEvent(event)
        self._place()

    def event(self, event: QEvent) -> bool:
        """Pass on that the thoughts need another height."""
        if event.type() == QEvent.Type.LayoutRequest and self.parentWidget() is not None:
            self.updateGeometry()
        return super().event(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the line beside the thoughts."""
        if self._is_open:
            painter = QPainter(self)
            top = _THINKING_HEADER_PX + 4
            painter.fillRect(8, top, 2, self.height() - top, QColor(self._theme.colors.hairline))

    def _show(self) -> None:
        closed = self._block is None or self._block.closed
        self.toggle.setText(f" {self._title(closed)}")
        self.toggle.setAccessibleName(self._title(closed))
        self.toggle.setFont(text_font(self._theme.small_size_px))
        name = "chevron-down" if self._is_open else "chevron-right"
        self.toggle.setIcon(icon(name, self._theme.colors.muted))
        self.toggle.setToolTip(tr("Hide the thoughts") if self._is_open else tr("Show the thoughts"))
        if self._is_open and self._block is not None:
            self._column.show_blocks(self._block.children, self._theme)
            if closed:
                self._column.name_texts()
        self._column.setVisible(self._is_open)
        self._place()
        self.update()

    def _title(self, closed: bool) -> str:
        seconds = None if self._block is None else self._block.seconds
        if not closed:
            return tr("Thinking …")  # how long already is said below, with the other phases
        return tr("Thought") if seconds is None else tr("Thought for {seconds} s").format(seconds=max(1, seconds))

    def _place(self) -> None:
        self.toggle.setGeometry(0, 0, min(self.width(), self.toggle.sizeHint().width()), _THINKING_HEADER_PX)
        top = _THINKING_HEADER_PX + 4
        self._column.setGeometry(
            _THINKING_INDENT_PX, top, max(1, self.width() - _THINKING_INDENT_PX), max(1, self.height() - top)
        )

    @Slot()
    def _on_toggled(self) -> None:
        self._decided = True
        self._is_open = not self._is_open
        self._show()
        self.updateGeometry()


BlockWidget = TextView | CodeBlock | FormulaBlock | ThinkingBlock
_WIDGETS: dict[BlockKind, type[QWidget]] = {
    BlockKind.HTML: TextView,
    BlockKind.CODE: CodeBlock,
    BlockKind.FORMULA: FormulaBlock,
    BlockKind.THINKING: ThinkingBlock,
}


def _discard(widget: QWidget) -> None:
    widget.hide()
    widget.setParent(None)
    widget.deleteLater()


def _pieces(blocks: Sequence[Block]) -> list[tuple[Block, ...]]:
    """Join neighbouring texts to one piece each, so that a selection can reach over them; the rest stays alone."""
    pieces: list[tuple[Block, ...]] = []
    characters = 0
    for block in blocks:
        joins = bool(pieces) and block.kind is BlockKind.HTML and pieces[-1][0].kind is BlockKind.HTML
        joins = joins and not columns_of(block) and not columns_of(pieces[-1][0])
        if joins and (characters < TEXT_VIEW_CHARACTERS or not block.html.startswith(("<p", "<ul", "<ol"))):
            pieces[-1] = (*pieces[-1], block)
            characters += len(block.text)
        else:
            pieces.append((block,))
            characters = len(block.text)
    return pieces
