"""The part of the composition root that is about the window's frame: its memory bar, and what the desktop is told."""

from PySide6.QtCore import QObject, Qt, Signal, Slot
from PySide6.QtGui import QGuiApplication

from app.controllers.answered_controller import AnsweredController
from app.controllers.chat_controller import ChatController
from app.controllers.conversation_controller import ConversationController
from app.controllers.memory_controller import MemoryController
from app.controllers.settings_controller import SettingsController
from app.models.conversation_list_model import ConversationListModel
from app.settings.schema import Settings
from app.widgets.main_window import MainWindow
from app.widgets.tray import Tray
from app.worker.engine_client import EngineClient


class FrameParts(QObject):
    """Builds and connects them. Signal raise_requested(): the window is to come to the front."""

    raise_requested = Signal()

    def __init__(
        self,
        engine: EngineClient,
        chat: ChatController,
        conversation_model: ConversationListModel,
        conversations: ConversationController,
        settings: SettingsController,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._conversations = conversations
        self._settings = settings
        self.memory = MemoryController(engine.submit, self)
        engine.event_received.connect(self.memory.on_event)
        self.answered = AnsweredController(conversation_model.found, lambda: settings.settings, _is_in_front, self)
        chat.runner.ended.connect(self.answered.on_ended)

    def connect_window(self, window: MainWindow) -> None:
        """Connect what the window wants and shows."""
        self._window = window
        window.model_button.memory_requested.connect(self.memory.request)
        self.memory.described.connect(window.model_button.show_hardware)
        self.tray = Tray(window.actions_by_name, window)
        self.tray.raise_requested.connect(self._on_raise_requested)
        self.answered.wanted.connect(self.tray.tell)
        self._settings.settings_changed.connect(self._on_settings_changed)

    @Slot(object)
    def _on_settings_changed(self, settings: Settings) -> None:
        self.tray.set_wanted(settings.notify)

    @Slot(object)
    def _on_raise_requested(self, conversation_id: object) -> None:
        if conversation_id and conversation_id != self._conversations.current_id:
            self._window.open_conversation(conversation_id)
        self.raise_requested.emit()


def _is_in_front() -> bool:
    return QGuiApplication.applicationState() is Qt.ApplicationState.ApplicationActive
