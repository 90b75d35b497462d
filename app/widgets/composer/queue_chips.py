"""Messages that wait until the present answer is finished, shown above the composer."""

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QApplication, QFrame, QHBoxLayout, QLabel, QToolButton, QVBoxLayout, QWidget

from app.language import joined, tr
from app.models.waiting_item import WaitingItem
from app.widgets.basics.elided_label import ElidedLabel
from app.widgets.basics.foreign_text import set_tooltip
from app.widgets.basics.icon_button import IconButton
from app.widgets.basics.icons import pixmap
from app.widgets.basics.mirroring import margins
from app.widgets.basics.theme import Theme

_SHOWN_CHIPS = 3
_CLIP_PX = 14
_LOW_PX, _LOWEST_PX = 640, 540  # heights of a window below which one less is shown
_WAITING_SHARE = 0.4  # of the room for words, where both don't fit; the rest is for the message


class QueueChips(QWidget):
    """One chip per waiting message, with Send now, Edit (of a text) and Remove; the first says what it waits for."""

    remove_requested = Signal(object)  # int: place in the queue
    edit_requested = Signal(object)  # int: place in the queue
    emptied = Signal()  # the last one is gone, and it had the keyboard
    send_now_requested = Signal(object)  # int: place in the queue

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._queue: tuple[WaitingItem, ...] = ()
        self._waits_for = ""
        self._can_send = True
        self._chips: list[_Chip] = []
        self._most = _SHOWN_CHIPS
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 8)
        self._column.setSpacing(4)
        self._more = QLabel()
        self._more.setProperty("role", "small")
        self._more.setContentsMargins(margins(12, 0, 0, 0))
        self.hide()

    @property
    def queue(self) -> tuple[str, ...]:
        """The waiting messages that are shown."""
        return tuple(item.words for item in self._queue)

    def set_queue(self, queue: tuple[WaitingItem, ...]) -> None:
        """Show exactly these."""
        self._queue = queue
        place, part = self._focused()
        for chip in self._chips:
            chip.hide()
            chip.deleteLater()
        self._chips = [_Chip(place, item, self._theme) for place, item in enumerate(queue[: self._most])]
        for chip in self._chips:
            chip.remove_requested.connect(self.remove_requested)
            chip.edit_requested.connect(self.edit_requested)
            chip.send_now_requested.connect(self.send_now_requested)
            chip.show_waiting(self._waits_for, self._can_send)
            self._column.addWidget(chip)
        self._column.removeWidget(self._more)
        self._more.setText(tr("and {number} more").format(number=len(queue) - self._most))
        self._more.setVisible(len(queue) > self._most)
        self._column.addWidget(self._more)
        self.setVisible(bool(queue))
        if place >= 0 and self._chips:
            self._chips[min(place, len(self._chips) - 1)].take_focus(part)
        elif place >= 0:
            self.emptied.emit()

    def _focused(self) -> tuple[int, int]:
        """Return which message has the keyboard, and which of its parts; -1 for none."""
        focused = QApplication.focusWidget()
        for place, chip in enumerate(self._chips):
            if focused in chip.parts:
                return place, chip.parts.index(focused)
        return -1, 0

    def set_waiting(self, waits_for: str, can_send: bool) -> None:
        """Say what the first one waits for, "" for the answer that is seen here; without a model none can be sent."""
        self._waits_for, self._can_send = waits_for, can_send
        for chip in self._chips:
            chip.show_waiting(waits_for, can_send)

    def set_window_height(self, height: int) -> None:
        """Leave a low window to the text and the conversation; those behind move up as the first are sent."""
        most = _SHOWN_CHIPS - (height < _LOW_PX) - (height < _LOWEST_PX)
        if most != self._most:
            self._most = most
            self.set_queue(self._queue)

    def set_theme(self, theme: Theme) -> None:
        """Draw in another theme."""
        self._theme = theme
        self.set_queue(self._queue)


class _Chip(QFrame):
    remove_requested = Signal(object)
    edit_requested = Signal(object)
    send_now_requested = Signal(object)

    def __init__(self, place: int, item: WaitingItem, theme: Theme) -> None:
        super().__init__()
        self._place = place
        self._waits_for = ""
        self._can_send = True
        self.setProperty("surface", "card")
        self.waiting = QLabel(tr("Sent next") if place == 0 else tr("Then"))
        self.waiting.setProperty("role", "small")
        words = (tr("Sent next"), tr("Then"))  # the messages begin below each other
        self.waiting.setMinimumWidth(max(self.fontMetrics().horizontalAdvance(each) for each in words))
        self._words = ElidedLabel(item.words)
        self.remove_button = IconButton("x", tr("Remove waiting message {place}").format(place=place + 1), theme)
        self.remove_button.clicked.connect(self._on_remove)
        self.edit_button = IconButton("pencil", tr("Edit waiting message {place}").format(place=place + 1), theme)
        self.edit_button.clicked.connect(self._on_edit)
        self._is_written = item.is_written
        if not item.is_written:
            self.edit_button.hide()
        self.send_button = QToolButton()
        self.send_button.setProperty("kind", "small")
        self.send_button.setText(tr("Send now"))
        self.send_button.setToolTip(tr("Stop the running answer and send this message now"))
        self.send_button.setAccessibleName(tr("Send waiting message {number} now").format(number=place + 1))
        self.send_button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.send_button.setCursor(Qt.CursorShape.PointingHandCursor)
        self.send_button.clicked.connect(self._on_send_now)
        self.parts: tuple[QWidget, ...] = (self.send_button, self.edit_button, self.remove_button)
        row = QHBoxLayout(self)
        row.setContentsMargins(margins(12, 2, 4, 2))
        row.setSpacing(4)
        row.addWidget(self.waiting)
        row.addSpacing(4)
        row.addWidget(self._words, 1)
        self.attached = _AttachedMark(item.attached, theme)
        row.addWidget(self.attached)
        row.addWidget(self.send_button)
        row.addWidget(self.edit_button)
        row.addWidget(self.remove_button)

    def take_focus(self, part: int) -> None:
        """Let a part have the keyboard, or the one that every message has."""
        is_there = (self._can_send, self._is_written, True)[part]
        (self.parts[part] if is_there else self.remove_button).setFocus(Qt.FocusReason.OtherFocusReason)

    def show_waiting(self, waits_for: str, can_send: bool) -> None:
        if self._place == 0:
            self._waits_for = waits_for
            set_tooltip(self.waiting, waits_for)
            self.waiting.setAccessibleName(waits_for)  # also where only its beginning is read
            self._fit_waiting()
        self._can_send = can_send
        self.send_button.setVisible(can_send)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self._waits_for:
            self._fit_waiting()

    def _fit_waiting(self) -> None:
        room = self._room_for_words()
        left = room - self._words.fontMetrics().horizontalAdvance(self._words.text())
        share = int(room * _WAITING_SHARE)
        words = self.waiting.fontMetrics().elidedText(self._waits_for, Qt.TextElideMode.ElideRight, max(left, share))
        if words != self._waits_for and left < share:
            words = tr("Waits")  # the message is cut as well, and one of the two has to be read
        self.waiting.setText(words or tr("Sent next"))

    def _room_for_words(self) -> int:
        row = self.layout()
        assert row is not None
        buttons = [part for part in (self.attached, *self.parts) if not part.isHidden()]
        gaps = row.spacing() * (3 + len(buttons))  # the one behind the reason is a double one
        sides = row.contentsMargins().left() + row.contentsMargins().right()
        return self.width() - sides - gaps - sum(part.sizeHint().width() for part in buttons)

    @Slot()
    def _on_send_now(self) -> None:
        self.send_now_requested.emit(self._place)

    @Slot()
    def _on_remove(self) -> None:
        self.remove_requested.emit(self._place)

    @Slot()
    def _on_edit(self) -> None:
        self.edit_requested.emit(self._place)


class _AttachedMark(QLabel):
    """That files go with a waiting message, and which: their chips have left the composer with it."""

    def __init__(self, names: tuple[str, ...], theme: Theme) -> None:
        super().__init__()
        self.setPixmap(pixmap("paperclip", theme.colors.muted, _CLIP_PX, self.devicePixelRatioF()))
        self.setContentsMargins(margins(4, 0, 4, 0))
        words = tr("Attached: {names}").format(names=joined(names, ", "))
        set_tooltip(self, words)
        self.setAccessibleName(words)
        if not names:
            self.hide()
