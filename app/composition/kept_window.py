"""Keeps where the window is and what it shows, for the next start. Owns the file of the window's state."""

from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Slot

from app.controllers.conversations.conversation_controller import ConversationController
from app.controllers.conversations.exchange_controller import ExchangeController
from app.controllers.models.first_start_controller import FirstStartController
from app.settings.file_writer import FileWriter
from app.settings.window_state import WindowState, load_window_state, save_window_state
from app.widgets.window.main_window import MainWindow


class KeptWindow(QObject):
    """The state of before is there at once; the present one is written on a thread."""

    def __init__(self, path: Path, parent: QObject) -> None:
        super().__init__(parent)
        self._path = path
        self._writer = FileWriter()
        self.state = load_window_state(path)

    def connect_parts(
        self,
        window: MainWindow,
        conversations: ConversationController,
        first_start: FirstStartController,
        exchange: ExchangeController,
    ) -> None:
        """Know what there is to be kept."""
        self._window = window
        self._conversations = conversations
        self._first_start = first_start
        self._exchange = exchange
        conversations.conversation_changed.connect(self._on_conversation_changed)
        first_start.finished.connect(self.save)

    @Slot()
    def save(self) -> None:
        """Keep how things are now."""
        self.state = WindowState(
            geometry=bytes(self._window.saveGeometry().data()),
            place=self._window.place,
            sidebar_width=self._window.sidebar_width,
            sidebar_shown=self._window.actions_by_name.sidebar.isChecked(),
            first_start_done=not self._first_start.is_shown,
            last_conversation_id=None if self._conversations.is_private else self._conversations.current_id,
            unfinished_import=self._exchange.unfinished.imported,
            unfinished_export=self._exchange.unfinished.exported,
        )
        self._writer.write(self._path, partial(save_window_state, self._path, self.state))

    def finish(self) -> bool:
        """Wait until all is written; return whether it is."""
        return self._writer.finish()

    @Slot(object)
    def _on_conversation_changed(self, conversation: object) -> None:
        # Kept at once, as after a crash the same conversation is to be open.
        is_kept = conversation is not None and not self._conversations.is_private
        if is_kept and self.state.last_conversation_id != self._conversations.current_id:
            self.save()
