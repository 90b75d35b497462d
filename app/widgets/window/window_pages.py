"""The pages that take turns beside the sidebar: the conversation, the models, and the first start."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from PySide6.QtCore import QAbstractItemModel, QTimer, Signal, Slot
from PySide6.QtGui import QHideEvent, QKeyEvent
from PySide6.QtWidgets import QApplication, QStackedWidget, QWidget

from app.models.plan_words import ModelFit
from app.widgets.basics.theme import Theme
from app.widgets.window.conversation_page import ConversationPage, is_text
from app.widgets.window.window_dialogs import WindowDialogs

if TYPE_CHECKING:  # made when they are first wanted: they would take a third of the time until the window is there
    from app.widgets.models.first_start_page import FirstStartPage
    from app.widgets.models.models_page import ModelsPage, ModelViews


class WindowPages(QStackedWidget):
    """One page at a time; whichever comes takes the keyboard."""

    page_changed = Signal()
    models_made = Signal(object)  # ModelsPage, to be connected and told how things stand
    first_start_made = Signal(object)  # FirstStartPage, likewise
    fits_requested = Signal()  # show_fit() is wanted for each model on this computer

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
        self._first_start: FirstStartPage | None = None
        self._models: ModelsPage | None = None
        self._views: ModelViews | None = None
        self._preparing = QTimer(self)
        self._preparing.timeout.connect(self._prepare_part)
        views = self._made_views
        parts = (views, lambda: views().finder, lambda: views().local, lambda: views().downloads, lambda: self.models)
        self._parts: Iterator[Callable[[], object]] = iter(parts)
        self._lists = (results, downloads, checkpoints)
        self._theme = theme
        self._loaded = ""
        self._dialogs: WindowDialogs | None = None
        self.addWidget(self.conversation)
        self.currentChanged.connect(self._on_current_changed)

    @property
    def first_start(self) -> "FirstStartPage":
        """The page of the first start, which is made when it is asked for."""
        if self._first_start is None:
            from app.widgets.models.first_start_page import FirstStartPage

            self._first_start = FirstStartPage(self._theme)
            self.addWidget(self._first_start)
            self._connect_dialogs(self._first_start)
            self.first_start_made.emit(self._first_start)
        return self._first_start

    @property
    def models(self) -> "ModelsPage":
        """The page of models, which is made when it is asked for."""
        if self._models is None:
            from app.widgets.models.models_page import ModelsPage

            views = self._made_views()
            self._models = ModelsPage(views, self)
            if views.theme != self._theme:
                self._models.set_theme(self._theme)
            self.addWidget(self._models)
            self._models.closed.connect(self.show_conversation)
            self._models.fits_requested.connect(self.fits_requested)
            self._models.set_loaded(self._loaded)
            self._connect_dialogs(self._models)
            self.models_made.emit(self._models)
        return self._models

    def prepare(self, delay_ms: int) -> None:
        """Make the page of models after a while, a part a turn: all at once would keep the window for 0.1 s."""
        self._preparing.start(delay_ms)

    def hideEvent(self, event: QHideEvent) -> None:
        """Prepare nothing for a window that is closed."""
        self._preparing.stop()
        super().hideEvent(event)

    @Slot()
    def _prepare_part(self) -> None:
        self._preparing.setInterval(0)
        part = next(self._parts, None)
        if part is None or self._models is not None:
            self._preparing.stop()
        else:
            part()

    def _made_views(self) -> "ModelViews":
        if self._views is None:
            from app.widgets.models.models_page import ModelViews

            self._views = ModelViews(*self._lists, self._theme)
        return self._views

    @property
    def is_first_start(self) -> bool:
        """Whether the page of the first start is shown."""
        return self._first_start is not None and self.currentWidget() is self._first_start

    def set_loaded(self, reference: str) -> None:
        """Know which model answers, "" for none."""
        self._loaded = reference
        if self._models is not None:
            self._models.set_loaded(reference)

    def show_fit(self, fit: ModelFit) -> None:
        """Say how a model on this computer fits, where that is shown."""
        if self._models is not None:
            self._models.show_fit(fit)

    def show_conversation(self) -> None:
        """Show the conversation."""
        self._turn_to(self.conversation)
        self.conversation.composer.take_focus()

    @Slot()
    def bring_conversation(self) -> None:
        """Show the conversation if another page is shown, as something is about to be done in it."""
        self.end_first_start()
        if self.currentWidget() is not self.conversation:
            self.show_conversation()

    @Slot()
    def end_first_start(self) -> None:
        """Leave the page of the first start, if it is shown: somebody has begun without it."""
        if self.is_first_start:
            self.first_start.skipped.emit()
            self.show_conversation()

    def show_models(self) -> None:
        """Show the models."""
        self._turn_to(self.models)
        self.models.take_focus()

    def show_downloads(self) -> None:
        """Show the models at their downloads."""
        from app.widgets.models.models_page import DOWNLOADS

        self.models.show_view(DOWNLOADS)
        self.show_models()

    def show_first_start(self) -> None:
        """Show what a first start begins with."""
        self._turn_to(self.first_start)
        self.first_start.take_focus()

    def _turn_to(self, page: QWidget) -> None:
        """Let a page come. The one that goes gives up the keyboard: Qt hands it to a button beside, which is said."""
        focused = QApplication.focusWidget()
        if focused is not None and page is not self.currentWidget() and self.isAncestorOf(focused):
            focused.clearFocus()
        self.setCurrentWidget(page)

    def _on_current_changed(self) -> None:
        """What has to be said is said on the page that is seen."""
        notices = self.conversation.notices
        for page in (self.conversation, self._first_start, self._models):
            if page is not None and page is self.currentWidget():
                page.hold_notices(notices)
                notices.setVisible(bool(notices.rows))
        self.page_changed.emit()

    def open_with(self, dialogs: WindowDialogs) -> None:
        """Let the pages open the token dialog, the settings, and pages of the Hub in the browser."""
        self._dialogs = dialogs

    def _connect_dialogs(self, page: "ModelsPage | FirstStartPage") -> None:
        if self._dialogs is not None:
            page.token_requested.connect(self._dialogs.open_token)
            page.settings_requested.connect(self._dialogs.open_settings)
            page.link_activated.connect(self._dialogs.open_page)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Take what is typed on the page of the first start as the beginning of a message: that starts as well."""
        if self.is_first_start and is_text(event):
            self.bring_conversation()
            self.conversation.composer.take_key(event)
        else:
            super().keyPressEvent(event)

    def set_theme(self, theme: Theme) -> None:
        """Draw in another theme or text size."""
        self._theme = theme
        for page in (self.conversation, self._first_start, self._models):
            if page is not None:
                page.set_theme(theme)
