"""Which message the keyboard is at, and that it stays at one when messages come and go."""

from PySide6.QtCore import QObject, Qt, QTimer, Signal, Slot
from PySide6.QtWidgets import QApplication, QMenu, QMenuBar, QWidget

from app.models.transcript_model import TranscriptEntry
from app.widgets.transcript.message_widget import MessageWidget
from app.widgets.transcript.transcript import Transcript


class MessageFocus(QObject):
    """Watches one page of messages. A menu that opens doesn't count as leaving a message.

    Signals: changed(): entry() is another message. left(): the message that had the keyboard was the last one to go.
    """

    changed = Signal()
    left = Signal()

    def __init__(self, transcript: Transcript, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._transcript = transcript
        self._model = transcript.model
        self._message_id = ""
        self._row: int | None = None
        self._lost: tuple[int, str] | None = None  # row that had the keyboard, and the name of its part
        self._return_timer = QTimer(self, interval=0, singleShot=True)
        self._return_timer.timeout.connect(self._on_return_due)
        application = QApplication.instance()
        assert isinstance(application, QApplication)
        application.focusChanged.connect(self._on_focus_changed)

    def entry(self) -> TranscriptEntry | None:
        """Return the message that the keyboard is at, else the last one; None without any."""
        row = self._model.row_of(self._message_id)
        count = self._model.rowCount()
        return self._model.entry(count - 1 if row is None else row) if count else None

    def target(self) -> MessageWidget | None:
        """Return the message that the keyboard is at, else the last one, which comes into view; None without any."""
        row = self._model.row_of(self._message_id)
        if row is None:
            row = self._model.rowCount() - 1
        if row < 0:
            return None
        return self._transcript.view.live_widget(row) or self._transcript.view.reveal(row)

    @Slot(QWidget, QWidget)
    def _on_focus_changed(self, old: QWidget | None, new: QWidget | None) -> None:
        if new is not None and isinstance(new, QMenu | QMenuBar):
            return
        self._note_loss(old, new)
        if new is None:
            return
        around = message_around(new)
        self._row = self._model.row_of(around.message_id) if around is not None else None
        message_id = around.message_id if around is not None else ""
        if message_id != self._message_id:
            self._message_id = message_id
            self.changed.emit()

    def _note_loss(self, old: QWidget | None, new: QWidget | None) -> None:
        """Remember where the keyboard was if that place is gone and nothing outside the page has got it instead."""
        around = message_around(old)
        is_elsewhere = new is not None and new.isVisible() and not self._transcript.isAncestorOf(new)
        if is_elsewhere and self._model.rowCount():
            self._lost = None
        elif old is not None and around is not None and around.isHidden() and self._row is not None:
            self._lost = (self._row, old.accessibleName() if old is not around else "")
            self._return_timer.start()

    @Slot()
    def _on_return_due(self) -> None:
        """Give the keyboard to what stands there now."""
        lost, self._lost = self._lost, None
        count = self._model.rowCount()
        if lost is None:
            return
        if not count:
            self.left.emit()
            return
        row, part = lost
        widget = self._transcript.view.reveal(min(row, count - 1))
        found = [each for each in widget.focus_stops() if part and each.accessibleName() == part]
        (found[0] if found else widget).setFocus(Qt.FocusReason.OtherFocusReason)
        widget.update_actions()


def message_around(widget: QWidget | None) -> MessageWidget | None:
    """Return the message that a widget is a part of."""
    while widget is not None and not isinstance(widget, MessageWidget):
        widget = widget.parentWidget()
    return widget
