"""The part of the composition root that is about importing and exporting conversations."""

from collections.abc import Sequence
from datetime import date

from PySide6.QtCore import QObject, Slot

from app.controllers.conversations import exchange_notices
from app.controllers.conversations.conversation_controller import ConversationController
from app.controllers.conversations.deletion_controller import DeletionController
from app.controllers.conversations.exchange_controller import ExchangeController
from app.controllers.store_requests import StoreRequests
from app.conversations.store_thread import StoreThread
from app.language import tr
from app.models.conversation_list_model import ConversationListModel
from app.widgets.dialogs.exchange_dialogs import ExchangeDialogs
from app.widgets.window.main_window import MainWindow


class ExchangeParts(QObject):
    """Builds and connects them."""

    def __init__(
        self,
        conversations: ConversationController,
        deletions: DeletionController,
        requests: StoreRequests,
        store_thread: StoreThread,
        listed: ConversationListModel,
        window: MainWindow,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._conversations = conversations
        self._listed = listed
        self.controller = ExchangeController(conversations, deletions, requests, store_thread.submit, listed, self)
        self.dialogs = ExchangeDialogs(window)
        self._connect_window(window)

    def shut_down(self) -> None:
        """End what runs."""
        self.controller.shut_down()

    def _connect_window(self, window: MainWindow) -> None:
        actions = window.actions_by_name
        actions.import_conversations.triggered.connect(self.dialogs.ask_import)
        actions.export_markdown.triggered.connect(lambda: self._export_shown(markdown=True))
        actions.export_json.triggered.connect(lambda: self._export_shown(markdown=False))
        actions.export_all.triggered.connect(self._export_all)
        window.sidebar.list.export_requested.connect(self.export_selected)
        window.sidebar.list.can_export = True
        window.notice_action_requested.connect(self.controller.on_notice_action)
        window.notice_action_requested.connect(self._on_notice_action)
        self.dialogs.import_chosen.connect(self.controller.import_files)
        self.dialogs.export_chosen.connect(self.controller.export)
        self.controller.notice_raised.connect(window.show_notice)
        self.controller.notice_cleared.connect(window.clear_notice)

    @Slot(object)
    def export_selected(self, conversation_ids: Sequence[str]) -> None:
        """Ask where to put conversations that were selected in the list."""
        if len(conversation_ids) == 1 and (found := self._listed.found(conversation_ids[0])) is not None:
            self.dialogs.ask_export(found.title, conversation_ids, both=True)
        elif conversation_ids:
            self.dialogs.ask_export(_dated(), conversation_ids, both=True)

    def _export_shown(self, *, markdown: bool) -> None:
        current = self._conversations.current
        if current is not None:
            conversation = current.conversation
            self.dialogs.ask_export(conversation.title, (conversation.id,), markdown=markdown)

    def _export_all(self) -> None:
        self.dialogs.ask_export(_dated(), None, both=True)

    @Slot(object)
    def _on_notice_action(self, action_key: str) -> None:
        if action_key.startswith(exchange_notices.SHOW_FOLDER):
            self.dialogs.show_folder(action_key.removeprefix(exchange_notices.SHOW_FOLDER))


def _dated() -> str:
    return tr("Conversations {date}").format(date=date.today().isoformat())
