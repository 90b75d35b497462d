"""The answer saver as the GUI thread sees it: what it reports on the store's thread arrives here as signals."""

from PySide6.QtCore import QObject, Qt, Signal, Slot

from app.conversations.answer_saver import AnswerSaver
from app.conversations.errors import ConversationGone, StoreError
from app.conversations.records import Message
from app.conversations.store_thread import StoreThread


class AnswerSaves(QObject):
    """Signals: failed(StoreError) for each try that did not succeed, recovered() when a later one did.

    What could not be saved is kept and tried again by itself.
    """

    failed = Signal(object)
    recovered = Signal()
    _failed_on_store_thread = Signal(object)
    _recovered_on_store_thread = Signal()

    def __init__(self, store_thread: StoreThread, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._failed_on_store_thread.connect(self._on_failed, Qt.ConnectionType.QueuedConnection)
        self._recovered_on_store_thread.connect(self._on_recovered, Qt.ConnectionType.QueuedConnection)
        self._saver = AnswerSaver(store_thread, self._failed_on_store_thread.emit, self._recovered_on_store_thread.emit)

    @property
    def has_failed(self) -> bool:
        """Whether the newest try failed."""
        return self._saver.last_error is not None

    def update(self, message: Message) -> None:
        """Have a growing answer saved within half a second."""
        self._saver.update(message)

    def finish(self, message: Message) -> None:
        """Have a finished answer saved now."""
        self._saver.finish(message)

    @Slot(object)
    def _on_failed(self, error: StoreError) -> None:
        # The user deleted that conversation: nothing to tell.
        if not isinstance(error, ConversationGone):
            self.failed.emit(error)

    @Slot()
    def _on_recovered(self) -> None:
        self.recovered.emit()
