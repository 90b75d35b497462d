"""Blocks one below the other: text, code and thinking, each in its widget; only what changed is touched."""

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import QEvent, QRect, QSize, Qt, Signal, Slot
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QToolButton, QWidget

from app.language import tr
from app.rendering.blocks import Block, BlockKind
from app.widgets.basics.fonts import text_font
from app.widgets.basics.icons import icon
from app.widgets.basics.mirroring import turned
from app.widgets.basics.theme import Theme
from app.widgets.text.code_block import CodeBlock
from app.widgets.text.formula_block import FormulaBlock
from app.widgets.text.message_piece import MANY_PIECES, PieceCutter
from app.widgets.text.page_texts import PendingPiece, PieceColumn
from app.widgets.text.piece_stack import PieceStack
from app.widgets.text.piece_widgets import discard, is_used, name_text
from app.widgets.text.table_parts import scroll_like_others, scroll_together
from app.widgets.text.text_view import TextView

_THINKING_HEADER_PX = 32
_THINKING_INDENT_PX = 20
_THINKING_LINE_PX = 8


class BlockColumn(PieceColumn):
    """Shows a list of blocks at any width; its height follows its width.

    With ``is_gradual`` only what build_part asks for gets widgets if the blocks are many; the rest has guessed heights.
    """

    link_activated = Signal(object)  # str: a full http, https or mailto URL
    folded = Signal()  # the reader folded, unfolded or wrapped something: another height is about to be asked for
    replaced = Signal()  # widgets went as their blocks did: what is seen has to be built

    def __init__(self, theme: Theme, muted: bool = False, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.is_gradual = False
        self._theme = theme
        self._muted = muted
        self._cutter = PieceCutter()
        self._stack: PieceStack[BlockWidget] = PieceStack()
        self._is_long = False
        self._is_named = False
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
        """The widgets of the blocks from top to bottom, as far as they exist."""
        return self._stack.widgets

    def show_blocks(self, blocks: Sequence[Block], theme: Theme) -> None:
        """Show these blocks; those that stayed the same are left alone."""
        self._is_named = False
        first = self._cutter.cut(blocks)
        parts = self._cutter.pieces
        if theme != self._theme:
            self._theme = theme
            self._stack.forget_heights()
            first = 0
        was_long, self._is_long = self._is_long, self.is_gradual and self._cutter.are_many
        is_missing = False
        for number in range(first, len(parts)):
            if number < len(self._stack) and self._stack[number].kind is not parts[number][0].kind:
                self._shorten(number)
            if self.is_gradual and number < len(self._stack) and not self._stack[number].is_grown(parts[number]):
                is_missing = self._let_go(number) or is_missing  # other text is laid out where it is seen
            self._stack.take(number, parts[number])
        self._shorten(len(parts))
        for number in range(0 if was_long and not self._is_long else first, len(parts)):
            if self._stack[number].widget is not None or not self._may_wait(number):
                self._fill(number)
        self.rearrange()
        if is_missing:
            self.replaced.emit()  # whoever knows what is seen asks for it

    def name_texts(self) -> None:
        """Let each text say itself to screen readers, formulas as LaTeX; not for what still grows."""
        self._is_named = True
        for widget in self.block_widgets:
            name_text(widget)

    def build_part(self, top: int, bottom: int, most: int = MANY_PIECES) -> bool:
        """Make the widgets of what stands between two heights, some at a time; return whether there were any."""
        built = False
        number = self._stack.number_at(top)
        while number < len(self._stack) and most:
            place = self._stack.top(number)
            if place > bottom:
                break
            widget = self._stack[number].widget
            if widget is None:
                self._fill(number)
                built = True
                most -= 1
            elif isinstance(widget, ThinkingBlock):
                built = widget.build_part(top - place, bottom - place, most) or built
            number += 1
        if built:
            self.rearrange()
        return built

    def drop_outside(self, top: int, bottom: int) -> None:
        """Let go of the widgets of texts and formulas above and below, unless somebody works in them."""
        for number in self._stack.built:
            place, end = self._stack.top(number), self._stack.bottom(number)
            widget = self._stack[number].widget
            if isinstance(widget, ThinkingBlock):
                widget.drop_outside(top - place, bottom - place)
            elif self._is_long and widget is not None and (end < top or place > bottom) and not is_used(widget):
                self._let_go(number, keeps_height=True)

    def source_at(self, y: int) -> int:
        """Return how many characters of the source stand above a height, roughly."""
        return self._stack.source_at(y)

    def top_of_source(self, characters: int) -> int:
        """Return the height where so many characters of the source stand above, roughly."""
        return self._stack.top_of_source(characters)

    def number_of(self, widget: QWidget) -> int:
        """Return which piece a widget shows."""
        return self._stack.number_of(widget) or 0

    def pending_pieces(self) -> list[PendingPiece]:
        """Return the pieces without a widget."""
        return [
            PendingPiece(number, self._stack[number].blocks, partial(self._build, number))
            for number in self._stack.without_widget()
        ]

    def rearrange(self) -> None:
        """Measure and place the widgets again, and ask for another height if that changed."""
        before = self._measured
        self._place()
        if self._measured != before:
            self.updateGeometry()

    def hasHeightForWidth(self) -> bool:
        """Return True: narrower blocks are higher."""
        return True

    def heightForWidth(self, width: int) -> int:
        """Return the height in pixels of all blocks at ``width``."""
        if self._measured is None or self._measured[0] != width:
            self._measured = (width, self._stack.height_at(width, self._theme))
        return self._measured[1]

    def natural_width(self, limit: int) -> int:
        """Return the width in pixels that needs no wrapping, or ``limit`` if that is less."""
        self._measured = None
        return max(1, min(limit, max((widget.natural_width() for widget in self.block_widgets), default=1)))

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

    def _place(self) -> None:
        width = self.width()
        self._stack.measure(width, self._theme)
        for number in self._stack.built:
            piece = self._stack[number]
            if piece.widget is not None:
                room, top = self._stack.room(number, width), self._stack.top(number)
                left = 0 if piece.blocks[0].is_rtl else width - room
                piece.widget.setGeometry(left, top, room, self._stack.bottom(number) - top)
        self._measured = (width, self._stack.total)

    @Slot(object)
    def _on_moved_sideways(self, moved: object) -> None:
        assert isinstance(moved, TextView)
        number = self._stack.number_of(moved)
        if number is not None:
            scroll_together(self._stack.parts_of_table(number), moved)

    def _may_wait(self, number: int) -> bool:
        return self._is_long and self._stack[number].kind is not BlockKind.THINKING  # which knows whether it is folded

    def _build(self, number: int) -> None:
        self._fill(number)
        self.rearrange()

    def _fill(self, number: int) -> None:
        piece = self._stack[number]
        widget = piece.widget
        if widget is None:
            widget = self._make_widget(piece.kind)
            self._stack.set_widget(number, widget)
            widget.resize(self._stack.room(number, self.width()), widget.height())  # to be laid out once only
            widget.show()
        if isinstance(widget, TextView):
            widget.show_blocks(piece.blocks, self._theme)
            if piece.blocks[0].columns:
                scroll_like_others(self._stack.parts_of_table(number), widget)
        else:
            widget.show_block(piece.blocks[0], self._theme)
        if self._is_named:
            name_text(widget)

    def _let_go(self, number: int, *, keeps_height: bool = False) -> bool:
        """Let go of a piece's widget; return whether it had one."""
        widget = self._stack.take_widget(number, keeps_height=keeps_height)
        if widget is not None:
            discard(widget)
        return widget is not None

    def _shorten(self, count: int) -> None:
        for widget in self._stack.shorten(count):
            discard(widget)

    def _make_widget(self, kind: BlockKind) -> "BlockWidget":
        if kind is BlockKind.CODE:
            code = CodeBlock(self._theme, self)
            code.folded.connect(self.folded)
            return code
        if kind is BlockKind.FORMULA:
            return FormulaBlock(self._theme, self._muted, self)
        if kind is BlockKind.THINKING:
            thinking = ThinkingBlock(self._theme, self)
            thinking.set_gradual(self.is_gradual)
            thinking.link_activated.connect(self.link_activated)
            thinking.folded.connect(self.folded)
            return thinking
        text = TextView(self._theme, self._muted, self)
        text.link_activated.connect(self.link_activated)
        text.moved_sideways.connect(self._on_moved_sideways)
        return text


class ThinkingBlock(QWidget):
    """What the model thought: open while it thinks, folded afterwards, until the reader decides otherwise."""

    link_activated = Signal(object)  # str: a full http, https or mailto URL
    folded = Signal()  # by the reader, in here or the whole

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
        self._column.folded.connect(self.folded)
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

    def set_gradual(self, is_gradual: bool) -> None:
        """Make widgets of many thoughts only where build_part asks for them."""
        self._column.is_gradual = is_gradual

    def build_part(self, top: int, bottom: int, most: int) -> bool:
        """Make the widgets of what stands between two heights; return whether there were any to make."""
        above = self._column.y()
        return self._is_open and self._column.build_part(top - above, bottom - above, most)

    def drop_outside(self, top: int, bottom: int) -> None:
        """Let go of the widgets above and below."""
        above = self._column.y()
        self._column.drop_outside(top - above, bottom - above)

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
            with QPainter(self) as painter:
                top = _THINKING_HEADER_PX + 4
                line = QRect(_THINKING_LINE_PX, top, 2, self.height() - top)
                painter.fillRect(turned(line, self.rect(), self.layoutDirection()), QColor(self._theme.colors.hairline))

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
            return tr("Thoughts")  # that they go on, and how long already, is said below, with the other phases
        return tr("Thought") if seconds is None else tr("Thought for {seconds} s").format(seconds=max(1, seconds))

    def _place(self) -> None:
        direction = self.layoutDirection()
        header = QRect(0, 0, min(self.width(), self.toggle.sizeHint().width()), _THINKING_HEADER_PX)
        self.toggle.setGeometry(turned(header, self.rect(), direction))
        top = _THINKING_HEADER_PX + 4
        room, height = max(1, self.width() - _THINKING_INDENT_PX), max(1, self.height() - top)
        self._column.setGeometry(turned(QRect(_THINKING_INDENT_PX, top, room, height), self.rect(), direction))

    @Slot()
    def _on_toggled(self) -> None:
        self._decided = True
        self._is_open = not self._is_open
        self.folded.emit()
        self._show()
        self.updateGeometry()


BlockWidget = TextView | CodeBlock | FormulaBlock | ThinkingBlock
