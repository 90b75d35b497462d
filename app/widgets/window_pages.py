"""The pages that take turns beside the sidebar: the conversation, the models, and the first start."""

from PySide6.QtCore import QAbstractItemModel, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QStackedWidget, QWidget

from app.widgets.conversation_page import ConversationPage, is_text
from app.widgets.models.first_start_page import FirstStartPage
from app.widgets.models.models_page import DOWNLOADS, ModelsPage
from app.widgets.theme import Theme
from app.widgets.window_dialogs import WindowDialogs


class WindowPages(QStackedWidget):
    """One page at a time; whichever comes takes the keyboard."""

    page_changed = Signal()

    def __init__(
        self,
        conversation: ConversationPage,
        results: QAbstractItemModel,
        downloads: QAbstractItemModel,
        checkpoints: QAbstractItemModel,
        theme: Theme,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.conversation = conversation
        self.models = ModelsPage(results, downloads, checkpoints, theme)
        self.first_start = FirstStartPage(theme)
        for page in (self.conversation, self.models, self.first_start):
            self.addWidget(page)
        self.models.closed.connect(self.show_conversation)
        self.currentChanged.connect(self._on_current_changed)

    @property
    def is_first_start(self) -> bool:
        """Whether the page of the first start is shown."""
        return self.currentWidget() is self.first_start

    def show_conversation(self) -> None:
        """Show the conversation."""
        self.setCurrentWidget(self.conversation)
        self.conversation.composer.take_focus()

    def show_models(self) -> None:
        """Show the models."""
        self.setCurrentWidget(self.models)
        self.models.take_focus()

    def show_downloads(self) -> None:
        """Show the models at their downloads."""
        self.models.show_view(DOWNLOADS)
        self.show_models()

    def show_first_start(self) -> None:
        """Show what a first start begins with."""
        self.setCurrentWidget(self.first_start)
        self.first_start.take_focus()

    def _on_current_changed(self) -> None:
        """What has to be said is said on the page that is seen."""
        page, notices = self.currentWidget(), self.conversation.notices
        if isinstance(page, ConversationPage | ModelsPage | FirstStartPage):
            page.hold_notices(notices)
            notices.setVisible(bool(notices.rows))
        self.page_changed.emit()

    def open_with(self, dialogs: WindowDialogs) -> None:
        """Let the pages open the token dialog, the settings, and pages of the Hub in the browser."""
        for page in (self.models, self.first_start):
            page.token_requested.connect(dialogs.open_token)
            page.settings_requested.connect(dialogs.open_settings)
            page.link_activated.connect(dialogs.open_page)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Take what is typed on the page of the first start as the beginning of a message: that starts as well."""
        if self.is_first_start and is_text(event):
            self.first_start.skipped.emit()
            self.show_conversation()
            self.conversation.composer.take_key(event)
        else:
            super().keyPressEvent(event)

    def set_theme(self, theme: Theme) -> None:
        """Draw in another theme or text size."""
        for page in (self.conversation, self.models, self.first_start):
            page.set_theme(theme)
