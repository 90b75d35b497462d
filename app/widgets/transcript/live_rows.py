"""The messages that exist as widgets, and which of them have to be measured."""

from collections.abc import Callable, Iterator

from PySide6.QtCore import QObject

from app.models.transcript_model import TranscriptEntry, TranscriptModel
from app.widgets.transcript.message_widget import MessageWidget


class LiveRows(QObject):
    """make(entry) builds one message; let_go(widget) is told of each before it goes."""

    def __init__(
        self,
        model: TranscriptModel,
        make: Callable[[TranscriptEntry], MessageWidget],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._model = model
        self._make = make
        self._widgets: dict[str, MessageWidget] = {}
        self._unmeasured: set[str] = set()
        self.let_go: Callable[[MessageWidget], None] = lambda widget: None

    def __iter__(self) -> Iterator[MessageWidget]:
        """Go through the widgets, in no particular order; they may be dropped meanwhile."""
        return iter(list(self._widgets.values()))

    def __contains__(self, message_id: object) -> bool:
        return message_id in self._widgets

    def get(self, row: int) -> MessageWidget | None:
        """Return the widget of a row if both exist."""
        return self._widgets.get(self._model.entry(row).message.id) if 0 <= row < self._model.rowCount() else None

    def at(self, row: int) -> MessageWidget:
        """Return the widget of a row, made if it wasn't there; raises IndexError."""
        entry = self._model.entry(row)
        widget = self._widgets.get(entry.message.id)
        if widget is None:
            widget = self._make(entry)
            widget.show_entry(entry, is_last=row == self._model.rowCount() - 1)
            self._put_in_order(widget, row)
            self._widgets[entry.message.id] = widget
            self._unmeasured.add(entry.message.id)
            widget.show()
        return widget

    def _put_in_order(self, widget: MessageWidget, row: int) -> None:
        """Screen readers go through messages in the order of the widgets, however they were made."""
        places = ((self._model.row_of(each.message_id), each) for each in self._widgets.values())
        below = min(((place, each) for place, each in places if place is not None and place > row), default=None,
                    key=lambda found: found[0])  # fmt: skip
        if below is not None:
            widget.stackUnder(below[1])

    def show_entry(self, row: int) -> bool:
        """Let a row's widget show what its entry is now; False: it has none."""
        widget = self.get(row)
        if widget is None:
            return False
        widget.show_entry(self._model.entry(row), is_last=row == self._model.rowCount() - 1)
        self._unmeasured.add(widget.message_id)
        return True

    def needs_measuring(self, row: int) -> bool:
        """Return whether a row has no widget, or one whose height isn't known any more."""
        message_id = self._model.entry(row).message.id
        return message_id not in self._widgets or message_id in self._unmeasured

    def to_measure(self, message_id: str) -> None:
        """Know that a message may need another height."""
        self._unmeasured.add(message_id)

    def all_to_measure(self) -> None:
        """Know that all may need another height."""
        self._unmeasured.update(self._widgets)

    def measured(self, row: int, width: int) -> int | None:
        """Give a row's widget the height that it needs and return that; None: it has it already."""
        widget = self.at(row)
        if widget.message_id not in self._unmeasured:
            return None
        self._unmeasured.discard(widget.message_id)
        height = widget.height_at(width)
        widget.resize(width, height)
        return height

    def drop(self, message_id: str) -> None:
        """Let a message go without a widget."""
        self._unmeasured.discard(message_id)
        widget = self._widgets.pop(message_id, None)
        if widget is not None:
            self.let_go(widget)
            widget.hide()
            widget.deleteLater()
