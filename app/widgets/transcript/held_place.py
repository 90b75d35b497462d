"""Where the page of messages is held while heights change: at what the reader has been looking at."""

from collections.abc import Callable

from app.widgets.text.piece_stack import GAP_PX
from app.widgets.transcript.message_widget import MessageWidget
from app.widgets.transcript.reading_place import ReadingPlace
from app.widgets.transcript.row_heights import RowHeights

LiveWidget = Callable[[int], MessageWidget | None]


def place_at(value: int, entered: int, page: int, heights: RowHeights, live: LiveWidget) -> ReadingPlace:
    """Return what holds a page that begins at a height in its place, of which so much came into sight from above.

    That is a row at its top, a block of it, or the row below if only its end is seen; what entered and awaits drawings
    is passed over, as it grows upwards then: what was read before stands below it.
    """
    line = value + _unsettled(value, entered, page, heights, live)
    row = max(0, heights.row_at(line))
    top = heights.top(row)
    place = ReadingPlace(row, None, top - value)
    if row >= len(heights) or top >= line:
        return place
    widget = live(row)
    place.block = (widget.block_at(line - top) or widget.block_at(line - top + GAP_PX)) if widget is not None else None
    if place.block is not None and widget is not None:
        place.source = widget.source_at(max(0, value - top))
        place.offset += place.block_top(widget)
    elif row + 1 < len(heights):
        place = ReadingPlace(row + 1, None, heights.top(row + 1) - value)
    return place


def _unsettled(value: int, entered: int, page: int, heights: RowHeights, live: LiveWidget) -> int:
    """Return how far down the page what entered and awaits drawings reaches; 0 if that is all there is to hold on to.

    At the very beginning, too: the first line stays where it is.
    """
    reach = 0
    if entered and value:
        for row in heights.between(value, value + entered):
            widget, top = live(row), heights.top(row) - value
            end = widget.unsettled_end(-top, entered - top) if widget is not None else 0
            reach = top + end if end else reach
    return reach if reach < page else 0
