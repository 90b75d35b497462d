"""Files that were dropped on the page: attached, or offered to be imported where they look like exports."""

import logging
import threading
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QObject, Qt, Signal, Slot

from app.controllers.conversations import exchange_notices
from app.controllers.conversations.conversation_controller import ConversationController
from app.conversations.exchange.recognising import may_be_export

_log = logging.getLogger(__name__)
_SUFFIXES = (".json", ".jsonl", ".zip", ".html", ".htm")


class DroppedFiles(QObject):
    """Only the page of a new conversation makes that offer: in a conversation a file is about what is said there.

    Signals: attach_requested(paths), import_requested(paths), notice_raised(Notice), notice_cleared(key).
    """

    attach_requested = Signal(object)
    import_requested = Signal(object)
    notice_raised = Signal(object)
    notice_cleared = Signal(object)
    _looked_at = Signal(object)  # (exports, others)

    def __init__(self, conversations: ConversationController, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._conversations = conversations
        self._offered: tuple[str, ...] = ()
        self._looked_at.connect(self._on_looked_at, Qt.ConnectionType.QueuedConnection)

    @Slot(object)
    def take(self, paths: Sequence[str]) -> None:
        """Do what is to be done with files that were dropped."""
        candidates = [path for path in paths if Path(path).suffix.lower() in _SUFFIXES]
        if self._conversations.current is not None or not candidates:
            self.attach_requested.emit(tuple(paths))
            return
        # On a thread: a disk may be asleep, or at the other end of a network.
        look = threading.Thread(target=self._look, args=(tuple(paths), candidates), name="dropped", daemon=True)
        look.start()

    def _look(self, paths: tuple[str, ...], candidates: Sequence[str]) -> None:
        exports = tuple(path for path in candidates if may_be_export(Path(path)))
        try:
            self._looked_at.emit((exports, tuple(path for path in paths if path not in exports)))
        except RuntimeError:  # the window has gone meanwhile
            _log.info("files were looked at too late")

    @Slot(object)
    def _on_looked_at(self, found: tuple[tuple[str, ...], tuple[str, ...]]) -> None:
        exports, others = found
        if others:
            self.attach_requested.emit(others)
        if exports:
            self._offered = exports
            self.notice_raised.emit(exchange_notices.import_offer([Path(path).name for path in exports]))

    @Slot(object)
    def on_notice_action(self, action_key: str) -> None:
        """Do what was chosen for the files."""
        wanted = {
            exchange_notices.IMPORT_DROPPED: self.import_requested,
            exchange_notices.ATTACH_DROPPED: self.attach_requested,
        }.get(action_key)
        if wanted is not None and self._offered:
            offered, self._offered = self._offered, ()
            self.notice_cleared.emit(exchange_notices.OFFER_KEY)
            wanted.emit(offered)
