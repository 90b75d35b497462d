"""A stretch of rendered text in an answer: selectable, as high as its text, safe, with links that are only reported."""

import re

from PySide6.QtCore import QCoreApplication, QEvent, QMimeData, QPoint, QPointF, Qt, QTimer, QUrl, Signal, Slot
from PySide6.QtGui import (
    QColor,
    QHelpEvent,
    QKeyEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QShowEvent,
    QTextDocument,
    QWheelEvent,
)
from PySide6.QtWidgets import QFrame, QTextBrowser, QToolTip, QWidget

from app.rendering.blocks import Block
from app.rendering.formulas import Formula
from app.rendering.html import LIST_INDENT_PX, TASK_STYLE
from app.rendering.links import safe_url
from app.rendering.selection import Chosen
from app.rendering.table_html import RIGHT_TO_LEFT_TABLE, table_width_px
from app.widgets.basics.fonts import text_font
from app.widgets.basics.foreign_text import plain_tooltip
from app.widgets.basics.safe_document import SafeDocument
from app.widgets.basics.theme import Theme
from app.widgets.text.chosen_blocks import chosen_blocks, text_of
from app.widgets.text.formula_object import FORMULA_OBJECT, FormulaObject, formula_at
from app.widgets.text.formula_places import FormulaPlaces
from app.widgets.text.formulas import formulas
from app.widgets.text.leaf_input import LeafInput
from app.widgets.text.match_marks import MatchMarks
from app.widgets.text.quote_bars import paint_quote_bars
from app.widgets.text.sideways_bar import SidewaysBar
from app.widgets.text.task_boxes import paint_task_boxes
from app.widgets.text.text_selection import copied

_BAR_PX = 14
_COLUMN_PX = 150  # a table's columns are this wide at most before it scrolls; wider texts wrap in them
_STEP_PX = 40
_DRAWINGS_MS = 300  # between two turns of showing the drawings that have come, while others are awaited
_CELL = re.compile("<t[hd] ")
_STEPS = {Qt.Key.Key_Left: -_STEP_PX, Qt.Key.Key_Right: _STEP_PX}
_CHANGING = Qt.KeyboardModifier.ShiftModifier | Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier
_PAGE_KEYS = frozenset({Qt.Key.Key_PageUp, Qt.Key.Key_PageDown, Qt.Key.Key_Space})


def columns_of(block: Block) -> int:
    """Return how many columns a block has that is a table, else 0."""
    if not block.html.startswith("<table"):
        return 0
    return len(_CELL.findall(block.html, 0, block.html.find("</tr>")))


class TextView(QTextBrowser):
    """Shows HTML blocks one below the other in one document, so that a selection can reach over all of them."""

    link_activated = Signal(object)  # str: a full http, https or mailto URL
    moved_sideways = Signal(object)  # the TextView itself: the table in it was scrolled

    def __init__(self, theme: Theme, muted: bool = False, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._muted = muted
        self._blocks: tuple[Block, ...] = ()
        self._heights: dict[int, int] = {}
        self._has_quotes = False
        self._has_tasks = False
        self._columns = 0  # of the only thing shown, a table that may be wider than the page
        self._widths: tuple[int, ...] = ()  # of its columns in characters, where they are given
        self._ideal = 0.0
        self._begins_right = False  # the table's first column is the one on the right
        self._is_scrolled = False  # by the reader
        self._is_changing = False
        self.setLayoutDirection(Qt.LayoutDirection.LeftToRight)  # each paragraph has its own
        document = SafeDocument(self)
        document.setIndentWidth(LIST_INDENT_PX)
        self._formula_object = FormulaObject(document)
        document.documentLayout().registerHandler(FORMULA_OBJECT, self._formula_object)
        self._places = FormulaPlaces(self, self._formula_object)
        self.pending: frozenset[Formula] = frozenset()  # their drawings are still to come, which changes the height
        self._drawings_due = QTimer(self, singleShot=True, interval=_DRAWINGS_MS)
        self._drawings_due.timeout.connect(self._on_drawings_due)
        self.setDocument(document)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setProperty("bare", "true")
        self.setProperty("role", "muted" if muted else "")
        self.setOpenLinks(False)
        self.setOpenExternalLinks(False)
        self.setHorizontalScrollBar(SidewaysBar(self))
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextBrowserInteraction | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.viewport().setAutoFillBackground(False)
        self.anchorClicked.connect(self._on_anchor_clicked)
        self.horizontalScrollBar().rangeChanged.connect(self._show_first_column)
        self.horizontalScrollBar().actionTriggered.connect(self._on_scrolled)
        self._input = LeafInput(self)
        self.marks = MatchMarks(self)
        self._apply_font()

    @property
    def blocks(self) -> tuple[Block, ...]:
        """The blocks that are shown."""
        return self._blocks

    @property
    def is_scrolled(self) -> bool:
        """Whether the reader has moved a wide table sideways."""
        return self._is_scrolled

    def show_blocks(self, blocks: tuple[Block, ...], theme: Theme) -> None:
        """Show these blocks; nothing happens if they and the theme are those already shown."""
        if theme != self._theme:
            self._theme, self._blocks = theme, ()
            self._apply_font()
        unchanged, self._blocks = blocks == self._blocks, blocks  # equal ones may know their source only now
        if unchanged:
            return
        html = "".join(block.html for block in blocks)
        self._has_quotes = "-qt-user-state" in html
        self._has_tasks = TASK_STYLE in html
        self._columns = columns_of(blocks[0]) if len(blocks) == 1 else 0
        self._begins_right = html.startswith(RIGHT_TO_LEFT_TABLE)
        self._widths = blocks[0].columns if self._columns else ()
        self._ideal = 0.0
        selection = self.textCursor()
        anchor, position = selection.anchor(), selection.position()
        sideways, self._is_changing = self.horizontalScrollBar().value(), True
        self._show_html(html)
        self._heights.clear()
        self._fit(self.viewport().width())
        self._lay_out(self._room_at(self.viewport().width()))
        self._select_again(anchor, position)
        if self._is_scrolled or not self._begins_right:
            self.horizontalScrollBar().setValue(sideways)
        self._is_changing = False
        self.marks.refresh()

    def stop_waiting(self) -> None:
        """Nothing of it is seen from now on: drawings that come are not for it."""
        self._places.forget()
        self.pending = frozenset()
        self._drawings_due.stop()

    def height_for(self, width: int) -> int:
        """Return the height in pixels of the text wrapped at ``width``."""
        width = max(1, width)
        known = self._heights.get(width)
        if known is None:
            room = self._room_at(width)
            self._lay_out(room)
            known = self._heights[width] = round(self.document().size().height()) + (_BAR_PX if room > width else 0)
        return known

    def scroll_sideways(self, value: int) -> None:
        """Show other columns of a wide table; the value is that of its scroll bar."""
        self._is_scrolled = True
        self.horizontalScrollBar().setValue(value)

    def natural_width(self) -> int:
        """Return the width in pixels that the text takes without wrapping."""
        self.document().setTextWidth(-1)
        self._heights.clear()
        return int(self.document().idealWidth()) + 1

    def loadResource(self, kind: int, name: QUrl | str) -> object:
        """Load nothing, ever; the document answers by itself."""
        return self.document().loadResource(kind, name)

    def doSetSource(
        self, name: QUrl | str, kind: QTextDocument.ResourceType = QTextDocument.ResourceType.UnknownResource
    ) -> None:
        """Go nowhere: this is no browser."""

    def selectAll(self) -> None:
        """Select the whole message that this text is a part of."""
        if not self._input.select_message():
            super().selectAll()

    def createMimeDataFromSelection(self) -> QMimeData:
        """Copy plain text only, and all of a selection that reaches beyond this text."""
        return copied(self, self.selected_text())

    def selected_text(self) -> str:
        """Return what is selected here; a whole table as one that isn't shown: with tabs between its cells."""
        chosen = self.chosen_blocks() if self._columns else []
        whole = "\n".join(part.text for part in chosen if part.is_whole)
        return whole or text_of(self.textCursor())

    def chosen_blocks(self) -> list[Chosen]:
        """Return all blocks, each with what is selected of it."""
        return chosen_blocks(self.textCursor(), self.document(), self._blocks)

    def formula_at(self, point: QPoint) -> Formula | None:
        """Return the drawn formula at a point of this widget, None where there is none."""
        inside = self.viewport().mapFrom(self, point)
        position = self.document().documentLayout().hitTest(QPointF(inside), Qt.HitTestAccuracy.ExactHit)
        return None if position < 0 else formula_at(self.document(), position)

    def event(self, event: QEvent) -> bool:
        """Show where a link leads while the mouse rests on it."""
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            url = safe_url(self.anchorAt(self.viewport().mapFrom(self, event.pos())))
            QToolTip.showText(event.globalPos(), plain_tooltip(url) if url else "", self)
            return True
        return super().event(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Scroll a wide table sideways, leave the rest to the page around."""
        if self._columns:
            self.horizontalScrollBar().wheelEvent(event)
        else:
            event.ignore()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Scroll a wide table sideways, leave paging to the page around."""
        step = _STEPS.get(Qt.Key(event.key())) if not event.modifiers() & _CHANGING else None
        bar = self.horizontalScrollBar()
        if step is not None and self._columns and bar.maximum() > 0:
            self.scroll_sideways(bar.value() + step)
        elif Qt.Key(event.key()) in _PAGE_KEYS:
            event.ignore()
        else:
            super().keyPressEvent(event)

    def scrollContentsBy(self, dx: int, dy: int) -> None:
        """Never scroll inside, but for a wide table sideways."""
        if self._columns:
            super().scrollContentsBy(dx, 0)
            if self._is_scrolled and not self._is_changing:
                self.moved_sideways.emit(self)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Give a wide table the room it needs."""
        self._fit(event.size().width())
        super().resizeEvent(event)
        self._lay_out(self._room_at(event.size().width()))

    def showEvent(self, event: QShowEvent) -> None:
        """Begin where reading begins; Qt shows where the document begins, which is on the left."""
        super().showEvent(event)
        self._show_first_column()

    def changeEvent(self, event: QEvent) -> None:
        """Keep the text's own font when the style sheet gives the widget another one."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange) and hasattr(self, "_theme"):
            self._apply_font()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the text, the boxes of tasks and the bars beside quotations."""
        super().paintEvent(event)
        if self._formula_object.shapes:
            with QPainter(self.viewport()) as painter:
                painter.setClipRegion(event.region())
                self._formula_object.paint_selected(painter)
        if self._has_tasks:
            paint_task_boxes(self, event.rect(), self._theme, self._text_color)
        if self._has_quotes:
            with QPainter(self.viewport()) as painter:
                color = QColor(self._theme.colors.hairline)
                paint_quote_bars(painter, self.document(), self.viewport().width(), event.rect().bottom(), color)

    def _room_at(self, width: int) -> int:
        """Return how wide the document is laid out: a table of many columns is not squeezed below what can be read."""
        if not self._columns:
            return width
        if not self._ideal and self._widths:  # all parts of a table that was cut are as wide
            self._ideal = table_width_px(self._widths, self._theme.text_size_px)
        elif not self._ideal:
            self._lay_out(-1)
            self._ideal = self.document().idealWidth()
        return max(width, min(int(self._ideal) + 1, self._columns * _COLUMN_PX))

    def _fit(self, width: int) -> None:
        room = self._room_at(width)
        is_wide = room > width
        modes, bars = QTextBrowser.LineWrapMode, Qt.ScrollBarPolicy
        mode = modes.FixedPixelWidth if is_wide else modes.WidgetWidth
        if self.lineWrapColumnOrWidth() != (room if is_wide else 0):  # as said in _lay_out
            self.setLineWrapColumnOrWidth(room if is_wide else 0)
        if self.lineWrapMode() != mode:
            self.setLineWrapMode(mode)
        self.setHorizontalScrollBarPolicy(bars.ScrollBarAlwaysOn if is_wide else bars.ScrollBarAlwaysOff)

    def _lay_out(self, room: int) -> None:
        """Wrap at a width (-1: not at all); Qt would lay out everything once more also where that is the width."""
        if self.document().textWidth() != room:
            self.document().setTextWidth(room)

    def _apply_font(self) -> None:
        font = text_font(self._theme.text_size_px)
        if font == self.document().defaultFont():  # each style sheet says so to every text of a page
            return
        self.document().setDefaultFont(font)
        self._heights.clear()
        self._ideal = 0.0

    @property
    def _text_color(self) -> str:
        return self._theme.colors.muted if self._muted else self._theme.colors.text

    def _show_html(self, html: str) -> None:
        is_new = not self.pending
        self._places.show_html(html, self._theme, self._text_color)
        self.pending = self._places.pending
        if self.pending and is_new:
            formulas().drawn.connect(self._on_drawn, Qt.ConnectionType.UniqueConnection)

    @Slot(object)
    def _on_drawn(self, drawn: frozenset[Formula]) -> None:
        if self.pending.isdisjoint(drawn):
            return
        if not any(map(formulas().is_pending, self.pending)):
            self._on_drawings_due()
        elif not self._drawings_due.isActive():  # placing many again for each that arrives would take most of the time
            self._drawings_due.start()

    @Slot()
    def _on_drawings_due(self) -> None:
        self._drawings_due.stop()
        self._places.place_drawn()
        self.pending = self._places.pending
        self._heights.clear()
        self._ideal = 0.0
        self._fit(self.viewport().width())
        self._lay_out(self._room_at(self.viewport().width()))
        self.marks.refresh()
        self.updateGeometry()
        parent = self.parentWidget()
        if parent is not None:
            QCoreApplication.postEvent(parent, QEvent(QEvent.Type.LayoutRequest))

    def _select_again(self, anchor: int, position: int) -> None:
        """Keep what the reader selected, and where the caret is, while the text below it grows."""
        if anchor == position == 0:
            return
        cursor = self.textCursor()
        last = self.document().characterCount() - 1
        cursor.setPosition(min(anchor, last))
        cursor.setPosition(min(position, last), cursor.MoveMode.KeepAnchor)
        self.setTextCursor(cursor)

    @Slot()
    def _show_first_column(self) -> None:
        if self._begins_right and not self._is_scrolled:
            self.horizontalScrollBar().setValue(self.horizontalScrollBar().maximum())

    @Slot(int)
    def _on_scrolled(self, _action: int) -> None:
        self._is_scrolled = True

    @Slot(QUrl)
    def _on_anchor_clicked(self, url: QUrl) -> None:
        target = safe_url(bytes(url.toEncoded().data()).decode("ascii"))
        if target:
            self.link_activated.emit(target)
