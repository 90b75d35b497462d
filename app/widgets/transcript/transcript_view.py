"""The conversation as a long page of which only the messages near the viewport exist as widgets.

Heights of all other rows are estimates (or what was measured before). What the reader looks at never moves when a
height above turns out different: the page is placed by an anchor (a row, or a block inside it, at a fixed place of the
viewport), and the scroll bar follows from that. While the view is at the bottom, the anchor is the end of the page.
"""

from collections.abc import Callable

from PySide6.QtCore import QEvent, QModelIndex, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QAbstractScrollArea, QFrame, QWidget

from app.conversations.records import MessageState
from app.language import tr
from app.models.transcript_model import TranscriptEntry, TranscriptModel
from app.widgets.basics.faded_edges import FADE_PX, fade_edges
from app.widgets.basics.theme import TEXT_COLUMN_PX
from app.widgets.transcript.held_place import place_at
from app.widgets.transcript.live_rows import LiveRows
from app.widgets.transcript.message_widget import MessageWidget
from app.widgets.transcript.reading_place import TOP_MARGIN_PX, ReadingPlace
from app.widgets.transcript.row_heights import BOTTOM_MARGIN_PX, EstimateHeight, RowHeights

SIDE_MARGIN = 24
_PART_MARGIN = FADE_PX  # a match is not left where words fade
_KEPT_PAGES = 1.5
_AHEAD_PAGES = 0.5
_MANY_PARTS = 100  # more than fit on a page
_MANY_ROWS = 1_000
_ROWS_AT_ONCE = 2  # are made in one turn while a page that was just opened fills
_LONG_ROWS = 1_000
_ROUNDS = 8

MakeRow = Callable[[TranscriptEntry, QWidget], MessageWidget]


class TranscriptView(QAbstractScrollArea):
    """Shows a TranscriptModel. make_row builds one entry's widget, estimate guesses its height at a width."""

    following_changed = Signal(object)  # bool: whether the view stays at the newest text
    arranged = Signal()  # messages were built, measured or moved
    resizing = Signal(object)  # int: how high the page was; messages stand where they stood
    resized = Signal()  # they stand where they do at the new size

    def __init__(
        self, model: TranscriptModel, make_row: MakeRow, estimate: EstimateHeight, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._model = model
        self._make_row = make_row
        self._live = LiveRows(model, self._made, self)
        self._heights = RowHeights(model, estimate, self._live.__contains__)
        self._anchor = ReadingPlace()
        self._entered = 0  # how much of the page came into sight from above
        self._following = True
        self._arranging = False
        self._is_filling = False
        self._value = 0
        self.is_needed: Callable[[int], bool] = lambda row: False  # rows that are kept however far away
        self._arrange_timer = QTimer(self, singleShot=True, interval=0)
        self._build_timer = QTimer(self, singleShot=True, interval=0)
        self._arrange_timer.timeout.connect(self._go_on)
        self._build_timer.timeout.connect(self._on_build_due)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(tr("Conversation"))
        self.verticalScrollBar().setSingleStep(48)
        self.viewport().setAutoFillBackground(False)
        fade_edges(self)
        model.modelReset.connect(self._on_reset)
        model.rowsInserted.connect(self._on_rows_inserted)
        model.rowsAboutToBeRemoved.connect(self._on_rows_about_to_be_removed)
        model.rowsRemoved.connect(lambda: self._live.show_entry(model.rowCount() - 1))  # is the last one now
        model.dataChanged.connect(self._on_data_changed)
        self._on_reset()

    @property
    def is_following(self) -> bool:
        """True while the view stays at the newest text."""
        return self._following

    @property
    def is_filling(self) -> bool:
        """True while a page that was just opened lacks messages that it shows; it is drawn when it has them all."""
        return self._is_filling

    @property
    def live_rows(self) -> list[MessageWidget]:
        """The message widgets that exist, in no particular order."""
        return list(self._live)

    def tell_before_drop(self, let_go: Callable[[MessageWidget], None]) -> None:
        """Call this with each message widget before it goes."""
        self._live.let_go = let_go

    @property
    def column_width(self) -> int:
        """Width of the text column in pixels, the same with and without a scroll bar."""
        return max(120, min(TEXT_COLUMN_PX, self.width() - 2 * SIDE_MARGIN))

    def live_widget(self, row: int) -> MessageWidget | None:
        """Return the widget of a row if it exists."""
        return self._live.get(row)

    def follow(self) -> None:
        """Go to the newest text and stay there."""
        self._set_following(True)
        self._arrange()

    def reveal(self, row: int) -> MessageWidget:
        """Bring a row into view and return its widget."""
        top = self._heights.top(row) - self.verticalScrollBar().value()
        if top < 0 or top + self._heights[row] > self.viewport().height():
            self._set_following(row == len(self._heights) - 1)
            below = top > 0 and self._heights[row] < self.viewport().height()
            offset = self.viewport().height() - self._heights[row] - BOTTOM_MARGIN_PX if below else TOP_MARGIN_PX
            self._anchor = ReadingPlace(row, None, offset)
            self._arrange()
        return self._live.at(row)

    def end_of(self, row: int) -> int:
        """Return how far below the top of what is seen a row ends."""
        return self._heights.top(row + 1) - self._value

    def hold_end(self, row: int, end: int) -> None:
        """Have a row end there, as the one did whose place it took, as far as the page reaches."""
        self._set_following(False)
        self._measure(row)
        self._anchor = ReadingPlace(row, None, end - self._heights[row])
        self._arrange()

    @property
    def first_row(self) -> int:
        """The row at the top of what is seen; -1: none."""
        return self._heights.row_at(self._value)

    def widget_of(self, row: int) -> MessageWidget:
        """Return a row's widget, built and measured, without going there."""
        self._measure(row)
        return self._live.at(row)

    def remeasure(self, row: int) -> None:
        """Give a row the room it needs now."""
        self._live.to_measure(self._model.entry(row).message.id)
        self._measure(row)

    def show_part(self, row: int, top: int, height: int) -> None:
        """Bring a part of a row into view, to a third of the page; what is in view already stays where it is."""
        place = self._heights.top(row) + top - self._value
        if place >= _PART_MARGIN and place + height <= self.viewport().height() - _PART_MARGIN:
            self._arrange()
            return
        self._set_following(False)
        self._anchor = ReadingPlace(row, self._live.at(row).block_at(top))
        third = self.height() // 3 - self.viewport().y()
        self._anchor.offset = third - top + self._anchored_top()
        self._arrange()

    def refresh(self, is_resized: bool = True) -> None:
        """Measure what is built anew, and with another size of the text also estimate all that is not."""
        self._live.all_to_measure()
        if is_resized:
            self._heights.wrap_at(self.column_width)
        self._arrange()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Wrap at the new width, or show more of the page; the reading place stays."""
        super().resizeEvent(event)
        if not self._arranging:  # else it is the scroll bar that comes or goes
            self.resizing.emit(event.oldSize().height())
        if event.oldSize().width() != event.size().width():
            self._live.all_to_measure()
        if self._heights.width != self.column_width:
            self._heights.wrap_at(self.column_width)
        if not self._arranging:
            self._go_on()
            self.resized.emit()

    def scrollContentsBy(self, dx: int, dy: int) -> None:
        """Follow the scroll bar: upwards ends following, reaching the end begins it."""
        if self._arranging:
            return
        bar = self.verticalScrollBar()
        moved = self._value - bar.value()
        following = bar.value() >= bar.maximum()
        page = self.viewport().height()
        self._entered = max(0, min(page, self._entered + moved)) if abs(moved) < page else 0
        if abs(moved) < page and self._anchor.row < len(self._heights):
            self._anchor.offset += moved
        else:
            row = max(0, self._heights.row_at(bar.value()))
            self._anchor = ReadingPlace(row, None, self._heights.top(row) - bar.value())
        self._set_following(following)  # only now: what hears of it may resize the page, which arranges by the place
        self._arrange()

    def event(self, event: QEvent) -> bool:
        """Ignore what the frame would do with a layout request; rows are placed here."""
        return event.type() == QEvent.Type.LayoutRequest or super().event(event)

    @Slot()
    def _on_reset(self) -> None:
        for widget in self._live:
            self._live.drop(widget.message_id)
        self._heights.clear()
        self._heights.wrap_at(self.column_width)
        self._set_following(True)
        if len(self._heights) < _LONG_ROWS:
            self._arrange(_ROWS_AT_ONCE)
        else:  # what so many messages cost before a widget is made is enough for a turn
            self._set_filling(True)
            self._arrange_timer.start()

    @Slot(QModelIndex, int, int)
    def _on_rows_inserted(self, parent: QModelIndex, first: int, last: int) -> None:
        self._heights.renew(first)
        self._live.show_entry(first - 1)  # what was the last message is no longer the last one
        self._arrange_timer.start()

    @Slot(QModelIndex, int, int)
    def _on_rows_about_to_be_removed(self, parent: QModelIndex, first: int, last: int) -> None:
        for row in range(first, last + 1):
            self._live.drop(self._model.entry(row).message.id)
        self._heights.remove(first, last)
        if self._anchor.row >= first:
            self._anchor = ReadingPlace(max(0, first - 1), None, self._heights.top(max(0, first - 1)) - self._value)
        self._arrange_timer.start()

    @Slot(QModelIndex, QModelIndex)
    def _on_data_changed(self, first: QModelIndex, last: QModelIndex) -> None:
        for row in range(first.row(), last.row() + 1):
            if not self._live.show_entry(row):
                self._heights.guess(row)
        self._go_on()

    @Slot(object)
    def _on_row_grown(self, message_id: object) -> None:
        """A row needs another height by itself: who is at the end stays there."""
        if message_id in self._live:
            self._live.to_measure(str(message_id))
            self._arrange_timer.start()

    @Slot(object)
    def _on_row_replaced(self, message_id: object) -> None:
        """What is seen of a row may have no widgets any more: not a frame without them."""
        self._on_row_grown(message_id)
        self._arrange()

    @Slot(object)
    def _on_row_folded(self, message_id: object) -> None:
        """A row was folded, unfolded or edited: its top stays where the reader's eye is."""
        if message_id in self._live and self._following and not self._is_streaming():
            self._set_following(False)
            self._pick_anchor()
        self._on_row_grown(message_id)

    @Slot()
    def _on_build_due(self) -> None:
        """Build one row ahead of the reader, so that scrolling finds it made; then guess what is far away."""
        if self._is_filling:
            return
        ahead = int(self.viewport().height() * _AHEAD_PAGES)
        rows = self._heights.between(self._value - ahead, self._page_bottom(_AHEAD_PAGES))
        unmade = next((row for row in rows if self._live.needs_measuring(row)), None)
        if unmade is not None:
            self._measure(unmade)
        elif not self._build_parts(rows, _AHEAD_PAGES, 1) and not self._heights.guess_on():
            return
        self._arrange()
        self._build_timer.start()

    def _build_parts(self, rows: range, pages: float, most: int) -> bool:
        """Make what long messages show on the page, or so many pages around it; return whether anything was missing."""
        top, bottom = self._value - int(pages * self.viewport().height()), self._page_bottom(pages)
        places = [(row, self._heights.top(row)) for row in rows]
        built = [row for row, above in places if self._live.at(row).build_part(top - above, bottom - above, most)]
        for row in built:
            self.remeasure(row)
        return bool(built)

    def _is_streaming(self) -> bool:
        count = self._model.rowCount()
        return count > 0 and self._model.entry(count - 1).message.state is MessageState.STREAMING

    def _set_following(self, following: bool) -> None:
        if following != self._following:
            self._following = following
            self.following_changed.emit(following)

    def _page_bottom(self, extra_pages: float) -> int:
        return self._value + int(self.viewport().height() * (1 + extra_pages))

    @Slot()
    def _go_on(self) -> None:
        """Arrange at once, or with the next messages of a page that fills."""
        self._arrange(_ROWS_AT_ONCE if self._is_filling else _MANY_ROWS)

    def _arrange(self, most: int = _MANY_ROWS) -> None:
        """Build and measure what is visible until nothing moves any more, then place it; so many new rows at most."""
        if self._arranging:
            return
        self._arranging = True
        try:
            self._arrange_timer.stop()
            self._set_filling(not self._build(most))
            self._value = self._wanted_value()
            self._apply_scroll_bar()
            self._place_rows()
            self._pick_anchor()
            self._set_following(self._value >= self.verticalScrollBar().maximum())
            self._drop_far_rows()
        except BaseException:
            self._set_filling(False)  # a bug in one message must not leave another conversation on screen
            raise
        finally:
            self._arranging = False
        self.arranged.emit()
        if self._is_filling:
            self._arrange_timer.start()
        elif self.isVisible():
            self._build_timer.start()

    def _build(self, most: int) -> bool:
        """Build and measure what is visible, from its end up; False: there is more than so many rows to be made."""
        for _ in range(_ROUNDS):
            self._value = self._wanted_value()
            rows = self._heights.between(self._value, self._page_bottom(0))
            changes = []
            for row in reversed(rows):
                if self._live.get(row) is None:
                    if not most:
                        return False
                    most -= 1
                changes.append(self._measure(row))
            if not self._build_parts(rows, 0.0, _MANY_PARTS) and not any(changes):
                break
        return True

    def _set_filling(self, filling: bool) -> None:
        """Leave on screen what was there until the page has all that it shows."""
        if filling != self._is_filling:
            self._is_filling = filling
            self.setUpdatesEnabled(not filling)

    def _wanted_value(self) -> int:
        anchor = self._anchor
        if not self._following and self.live_widget(anchor.row) is not None:
            self._measure(anchor.row)  # what it holds may have moved, and the rows below with it
        maximum = max(0, self._heights.page - self.viewport().height())
        if self._following:
            return maximum
        top = self._heights.top(min(anchor.row, len(self._heights)))
        return max(0, min(maximum, top + anchor.seen_from(self.live_widget(anchor.row))))

    def _anchored_top(self) -> int:
        return self._anchor.block_top(self.live_widget(self._anchor.row))

    def _pick_anchor(self) -> None:
        """Hold on to what is at the top of the viewport, or below what came in there and may still grow."""
        self._anchor = place_at(self._value, self._entered, self.viewport().height(), self._heights, self.live_widget)

    def _measure(self, row: int) -> bool:
        """Give a row its real height; return whether it differs from what was assumed."""
        height = self._live.measured(row, self.column_width)
        return height is not None and self._heights.set_height(row, height) != 0

    def _made(self, entry: TranscriptEntry) -> MessageWidget:
        widget = self._make_row(entry, self.viewport())
        widget.take_width(self.column_width)
        widget.height_changed.connect(self._on_row_folded)
        widget.grown.connect(self._on_row_grown)
        widget.replaced.connect(self._on_row_replaced)
        return widget

    def _apply_scroll_bar(self) -> None:
        bar = self.verticalScrollBar()
        bar.setPageStep(self.viewport().height())
        bar.setRange(0, max(0, self._heights.page - self.viewport().height()))
        bar.setValue(self._value)

    def _place_rows(self) -> None:
        left = (self.width() - self.column_width) // 2 - self.viewport().x()
        for widget in self._live:
            row = self._model.row_of(widget.message_id)
            if row is not None:
                widget.move(left, self._heights.top(row) - self._value)

    def _drop_far_rows(self) -> None:
        reach = int(self.viewport().height() * _KEPT_PAGES)
        near = self._heights.between(self._value - reach, self._page_bottom(_KEPT_PAGES))
        for widget in self._live:
            row = self._model.row_of(widget.message_id)
            is_kept = widget.is_pinned or (row is not None and self.is_needed(row))
            if row not in near and not is_kept:
                self._live.drop(widget.message_id)
            elif row is not None:
                top = self._value - self._heights.top(row)
                widget.drop_outside(top - reach, top + self.viewport().height() + reach)
