"""The part of the composition root that is about the list of conversations: order, deletion, what was not read."""

from PySide6.QtCore import QObject, Slot
from PySide6.QtGui import QGuiApplication, QWindow

from app.controllers.chat.chat_controller import ChatController
from app.controllers.conversations.conversation_controller import ConversationController
from app.controllers.conversations.deletion_controller import DeletionController
from app.controllers.conversations.elsewhere_controller import ElsewhereController
from app.controllers.conversations.organizing_controller import OrganizingController
from app.controllers.conversations.unread_controller import UnreadController
from app.controllers.store_requests import StoreRequests
from app.models.conversation_list_model import ConversationListModel
from app.widgets.window.main_window import MainWindow


class ListParts(QObject):
    """Builds and connects them."""

    def __init__(
        self,
        conversations: ConversationController,
        chat: ChatController,
        requests: StoreRequests,
        listed: ConversationListModel,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._conversations = conversations
        self._listed = listed
        self._window: MainWindow | None = None
        self.deletions = DeletionController(conversations, requests, listed, self)
        self.organizing = OrganizingController(conversations, requests, listed, self)
        self.unread = UnreadController(conversations, requests, listed, self._is_looked_at, self)
        self.elsewhere = ElsewhereController(conversations, requests, listed, self)
        self.deletions.deleted.connect(chat.on_deleted)
        self.deletions.purged.connect(chat.on_purged)
        chat.runner.ended.connect(self.unread.on_answer_ended)

    def connect_window(self, window: MainWindow) -> None:
        """Connect what the window wants and shows."""
        self._window = window
        window.delete_requested.connect(self.deletions.delete)
        self._connect_list(window)
        self._connect_actions(window)
        for part in (self.deletions, self.organizing):
            window.notice_action_requested.connect(part.on_notice_action)
            part.notice_raised.connect(window.show_notice)
            part.notice_cleared.connect(window.clear_notice)
        window.pages.page_changed.connect(self.unread.on_looked)
        application = QGuiApplication.instance()
        if isinstance(application, QGuiApplication):
            application.focusWindowChanged.connect(self.unread.on_looked)
            application.focusWindowChanged.connect(self._on_focus_window_changed)

    def start(self) -> None:
        """Read what the list is ordered by."""
        self.elsewhere.look()
        self.deletions.start()
        self.organizing.start()

    def shut_down(self) -> None:
        """Ask the store nothing more: the application may outlive the window, and still says who has the keyboard."""
        application = QGuiApplication.instance()
        if self._window is not None and isinstance(application, QGuiApplication):
            application.focusWindowChanged.disconnect(self.unread.on_looked)
            application.focusWindowChanged.disconnect(self._on_focus_window_changed)
        self.deletions.shut_down()

    @Slot(QWindow)
    def _on_focus_window_changed(self, focused: QWindow | None) -> None:
        if focused is not None:
            self.elsewhere.look()

    def _connect_list(self, window: MainWindow) -> None:
        listing, organizing = window.sidebar.list, self.organizing
        listing.pin_requested.connect(organizing.pin)
        listing.move_requested.connect(organizing.move)
        listing.duplicate_requested.connect(organizing.duplicate)
        listing.folder_requested.connect(organizing.add_folder)
        listing.fold_requested.connect(organizing.fold)
        listing.folder_delete_requested.connect(organizing.delete_folder)
        window.sidebar.folder_rename_requested.connect(organizing.rename_folder)
        organizing.folder_added.connect(window.sidebar.name_folder)

    def _connect_actions(self, window: MainWindow) -> None:
        actions = window.actions_by_name
        actions.pin.triggered.connect(self._on_pin)
        actions.duplicate.triggered.connect(lambda: self.organizing.duplicate(self._shown_ids()))
        actions.new_folder.triggered.connect(self._on_new_folder)
        self._conversations.conversation_changed.connect(self._on_conversation_changed)

    def _is_looked_at(self) -> bool:
        window = self._window
        return window is not None and window.isActiveWindow() and window.pages.currentWidget() is window.page

    def _shown_ids(self) -> tuple[str, ...]:
        current_id = self._conversations.current_id
        return (current_id,) if current_id is not None else ()

    @Slot(bool)
    def _on_pin(self, is_pinned: bool) -> None:
        self.organizing.pin((self._shown_ids(), is_pinned))

    @Slot()
    def _on_new_folder(self) -> None:
        if self._window is not None:
            self._window.actions_by_name.sidebar.setChecked(True)
            self.organizing.add_folder(())

    @Slot(object)
    def _on_conversation_changed(self, _conversation: object) -> None:
        if self._window is not None:
            current = self._conversations.current
            self._window.actions_by_name.pin.setChecked(current is not None and current.conversation.is_pinned)
