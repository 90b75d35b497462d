"""The part of the composition root about the window's frame: memory, what the desktop is told, reports of problems."""

from PySide6.QtCore import QObject, Qt, Signal, Slot
from PySide6.QtGui import QGuiApplication

from app.controllers.chat.answered_controller import AnsweredController
from app.controllers.chat.chat_controller import ChatController
from app.controllers.conversations.conversation_controller import ConversationController
from app.controllers.models.memory_controller import MemoryController
from app.controllers.settings_controller import SettingsController
from app.controllers.store_requests import StoreRequests
from app.language import tr
from app.licences import Component, packages
from app.models.conversation_list_model import ConversationListModel
from app.models.notice import Notice, Severity
from app.paths import Paths
from app.problem_report import problem_report
from app.settings.schema import Settings
from app.widgets.basics.assets import asset
from app.widgets.window.main_window import MainWindow
from app.widgets.window.tray import Tray
from app.worker.engine_client import EngineClient
from engine.api.hardware import Hardware

_REPORT = "report_bug"


class BugReports(QObject):
    """Brings a report from whichever thread the bug surfaced on to the window. Signal notice_raised(Notice)."""

    notice_raised = Signal(object)
    _reported = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.last = ""
        self._reported.connect(self._on_reported, Qt.ConnectionType.QueuedConnection)

    def report(self, text: str) -> None:
        """Show the report; any thread."""
        self._reported.emit(text)

    @Slot(object)
    def _on_reported(self, text: str) -> None:
        self.last = text
        self.notice_raised.emit(bug_notice(text))


def bug_notice(details: str) -> Notice:
    """Return what to say about a fault of Hearth's own."""
    return Notice(
        key="bug",
        text=tr("Something in Hearth went wrong. Your conversations are saved; the details help us to mend it."),
        severity=Severity.ERROR,
        action=tr("Report…"),
        action_key=_REPORT,
        details=details,
    )


class FrameParts(QObject):
    """Builds and connects them. Signal raise_requested(): the window is to come to the front."""

    raise_requested = Signal()

    def __init__(
        self,
        paths: Paths,
        engine: EngineClient,
        requests: StoreRequests,
        chat: ChatController,
        conversation_model: ConversationListModel,
        conversations: ConversationController,
        settings: SettingsController,
        bugs: BugReports,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._paths = paths
        self._requests = requests
        self._bugs = bugs
        self._hardware: Hardware | None = None
        self._problem = ""  # what the open report is about
        self._components: list[Component] = []  # of Hearth, once they were asked for
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
        self.memory.described.connect(self._on_described)
        window.dialogs.report_requested.connect(self._on_report_requested)
        window.dialogs.licences_requested.connect(self._on_licences_requested)
        window.notice_action_requested.connect(self._on_notice_action)

    @Slot(object)
    def _on_settings_changed(self, settings: Settings) -> None:
        self.tray.set_wanted(settings.notify)

    @Slot(object)
    def _on_described(self, hardware: Hardware) -> None:
        self._hardware = hardware
        if self._window.dialogs.is_reporting:
            self._collect_report()

    @Slot(object)
    def _on_report_requested(self, details: str) -> None:
        self._problem = details
        self._collect_report()
        self.memory.request()

    def _collect_report(self) -> None:
        """Collect the report on the store's thread, as it reads files."""
        paths, hardware, details = self._paths, self._hardware, self._problem
        show = self._window.dialogs.show_report
        self._requests.request(lambda _store: problem_report(paths, hardware, details), show)

    @Slot()
    def _on_licences_requested(self) -> None:
        """Look for the packages once: each time leaves Python's memory more scattered, and they stay the same."""
        if self._components:
            self._window.dialogs.show_licences(self._components)
            return
        texts = tuple(asset("licences", name) for name in ("LGPL-3.0.txt", "GPL-3.0.txt"))
        self._requests.request(lambda _store: packages(texts), self._on_components_found)

    def _on_components_found(self, components: list[Component]) -> None:
        if not self._components:  # else the list was closed and opened again meanwhile, and has them
            self._components = components
            self._window.dialogs.show_licences(components)

    @Slot(object)
    def _on_notice_action(self, action_key: str) -> None:
        if action_key == _REPORT:
            self._window.dialogs.open_report(self._bugs.last)

    @Slot(object)
    def _on_raise_requested(self, conversation_id: object) -> None:
        if conversation_id and conversation_id != self._conversations.current_id:
            self._window.open_conversation(conversation_id)
        self.raise_requested.emit()


def _is_in_front() -> bool:
    return QGuiApplication.applicationState() is Qt.ApplicationState.ApplicationActive
