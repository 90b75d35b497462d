"""Which message the keyboard is at, and that it stays at one when messages come and go."""

from PySide6.QtCore import QObject, Qt, QTimer, Signal, Slot
from PySide6.QtWidgets import QApplication, QMenu, QMenuBar, QWidget

from app.models.transcript_model import TranscriptEntry
from app.widgets.transcript.message_widget import MessageWidget, message_around
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

    def entry(self, *, of_versions: bool = False) -> TranscriptEntry | None:
        """Return the message that the keyboard is at, else the last one; None without any.

        of_versions: else the question before the last answer if that one has versions and the answer has none, as
        after the question was edited.
        """
        row = self._row_meant(of_versions)
        return self._model.entry(row) if row is not None else None

    def target(self, *, of_versions: bool = False) -> MessageWidget | None:
        """Return what shows that message; it comes into view if it isn't."""
        row = self._row_meant(of_versions)
        if row is None:
            return None
        return self._transcript.view.live_widget(row) or self._transcript.view.reveal(row)

    def _row_meant(self, of_versions: bool) -> int | None:
        row = self._model.row_of(self._message_id)
        last = self._model.rowCount() - 1
        if row is not None or last < 0:
            return row
        if of_versions and last > 0 and self._model.entry(last).versions == 1 < self._model.entry(last - 1).versions:
            return last - 1
        return last

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
