"""The window: puts the parts together, turns what the user does into intent signals, shows what it is told."""

from typing import TYPE_CHECKING

from PySide6.QtCore import QAbstractItemModel, QRect, QSize, Signal, Slot
from PySide6.QtGui import QCloseEvent, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QMainWindow, QWidget

from app.bidi import without_controls
from app.conversations.records import Conversation
from app.language import tr
from app.models.checkpoint_list_model import CheckpointListModel
from app.models.context_use import ContextUse
from app.models.conversation_list_model import ConversationListModel, shown_title
from app.models.download_list_model import DownloadListModel
from app.models.hub_result_list_model import HubResultListModel
from app.models.notice import Notice
from app.models.plan_words import ModelFit
from app.models.transcript_model import TranscriptModel
from app.settings.schema import Settings
from app.widgets.access.tab_order import step_past
from app.widgets.actions.window_actions import WindowActions
from app.widgets.basics.icon_button import IconButton
from app.widgets.basics.icons import app_icon
from app.widgets.basics.theme import Theme, give_look, theme_for
from app.widgets.picker.model_button import ModelButton
from app.widgets.sidebar.sidebar import WIDTH_PX, Sidebar
from app.widgets.window.conversation_page import ConversationPage
from app.widgets.window.download_indicator import DownloadIndicator
from app.widgets.window.window_dialogs import WindowDialogs
from app.widgets.window.window_layout import Whole, restore
from app.widgets.window.window_pages import WindowPages
from app.widgets.window.window_wiring import connect_actions, connect_parts
from engine.api.message import Role
from engine.api.plan import Plan

if TYPE_CHECKING:
    from app.widgets.models.first_start_page import FirstStartPage

SMALLEST_SIZE = QSize(720, 480)
_FIRST_SIZE = QSize(1100, 760)


class MainWindow(QMainWindow):
    """Knows models and settings, no controller. Every signal is an intent; every setter shows a state."""

    send_requested = Signal(object)  # str
    stop_requested = Signal()
    new_requested = Signal()
    new_private_requested = Signal()
    open_requested = Signal(object)  # conversation id
    rename_requested = Signal(object)  # (conversation id, title)
    delete_requested = Signal(object)  # conversation id
    regenerate_requested = Signal(object)  # message id
    edit_requested = Signal(object)  # (message id, text)
    continue_requested = Signal(object)  # message id
    version_requested = Signal(object)  # (message id, step)
    branch_requested = Signal(object)  # message id
    when_full_requested = Signal(object)  # WhenFull, or None: as the settings say
    load_requested = Signal(object)  # reference
    fits_requested = Signal()
    unload_requested = Signal()
    reload_requested = Signal()
    notice_action_requested = Signal(object)  # action_key
    settings_changed = Signal(object)  # (key, value)
    setting_reset_requested = Signal(object)  # key
    draft_changed = Signal(object)  # str
    queue_removed = Signal(object)  # int
    queue_edit_requested = Signal(object)  # int
    quit_requested = Signal()
    restart_requested = Signal()

    def __init__(
        self,
        transcript_model: TranscriptModel,
        conversation_model: ConversationListModel,
        checkpoint_model: CheckpointListModel,
        settings: Settings | None = None,
        parent: QWidget | None = None,
        *,
        results: QAbstractItemModel | None = None,
        downloads: QAbstractItemModel | None = None,
    ) -> None:
        super().__init__(parent)
        results, downloads = results or HubResultListModel(self), downloads or DownloadListModel(self)
        self._settings = settings or Settings()
        self._conversation: Conversation | None = None
        self._plan: Plan | None = None
        self._busy = False
        self._phase = ""
        self._loading = ""
        self._theme = theme_for(self._settings.theme, self._settings.text_size_px)
        give_look(self._theme)
        self.setWindowTitle("Hearth")
        self.setWindowIcon(app_icon())
        self.setMinimumSize(SMALLEST_SIZE)
        self.resize(_FIRST_SIZE)
        menus = self.menuBar()  # before all else, also for whoever walks through the window's parts
        self._splitter = Whole(self)
        self.setCentralWidget(self._splitter)
        self.sidebar = Sidebar(conversation_model, self._theme, self._splitter)
        self.sidebar_button = IconButton("panel-left", tr("Sidebar"), self._theme)
        keep_room = self.sidebar_button.sizePolicy()
        keep_room.setRetainSizeWhenHidden(True)  # the model stays in the middle without it
        self.sidebar_button.setSizePolicy(keep_room)
        self.model_button = ModelButton(checkpoint_model, self._theme)
        self.settings_button = IconButton("settings", tr("Settings"), self._theme)
        self.download_indicator = DownloadIndicator(downloads, self._theme, self)
        controls = ((self.sidebar_button,), (self.model_button,), (self.download_indicator, self.settings_button))
        right = self._splitter.begin(self.sidebar, controls)
        self.page = ConversationPage(transcript_model, self._theme)
        lists = (results, downloads, checkpoint_model)
        self.pages = WindowPages(self.page, *lists, self._theme, right)
        self._splitter.end(self.pages, self.width())
        self.actions_by_name = WindowActions(self)
        self.actions_by_name.fill(menus)
        self.dialogs = WindowDialogs(self._settings, conversation_model, checkpoint_model, self._theme, self)
        connect_parts(self)
        connect_actions(self)
        self.apply_settings(self._settings)
        self.show_state()
        self.page.composer.take_focus()

    @property
    def theme(self) -> Theme:
        """The look that is shown now."""
        return self._theme

    @property
    def first_start(self) -> "FirstStartPage":
        """The page of the first start, which is made when it is asked for."""
        return self.pages.first_start

    @property
    def shown_conversation_id(self) -> str:
        """Which conversation is shown, "" for none."""
        return self._conversation.id if self._conversation is not None else ""

    @property
    def sidebar_width(self) -> int:
        """Width of the sidebar in pixels, for the next start."""
        return self._splitter.sizes()[0] or WIDTH_PX

    @property
    def place(self) -> tuple[int, int, int, int]:
        """Left, top, width and height in pixels when it doesn't fill the screen, for the next start."""
        place = self.normalGeometry()
        return place.x(), place.y(), place.width(), place.height()

    def restore_window(
        self,
        geometry: bytes,
        sidebar_width: int | None,
        sidebar_shown: bool,
        place: tuple[int, int, int, int] | None = None,
    ) -> None:
        """Look as at the last time, on the screens that there are."""
        restore(self, geometry, QRect(*place) if place is not None else None)
        if sidebar_width:
            self._splitter.setSizes([sidebar_width, max(1, self.width() - sidebar_width)])
        self.actions_by_name.sidebar.setChecked(sidebar_shown)

    @Slot(object)
    def show_conversation(self, conversation: Conversation | None) -> None:
        """Show that this conversation is open; its messages come through the transcript model."""
        another = (conversation.id if conversation else "") != (self._conversation.id if self._conversation else "")
        self._conversation = conversation
        has_title = conversation is not None and conversation.title
        title = without_controls(shown_title(conversation)) if conversation is not None and has_title else ""
        self.setWindowTitle(f"{title} — Hearth" if title else "Hearth")
        self.show_state()
        if another:
            self.sidebar.set_active(conversation.id if conversation else "")
            self.page.composer.take_focus()

    @Slot(object)
    def set_private(self, is_private: object) -> None:
        """Show whether the open conversation, or the one that would begin, is a private one."""
        self.page.set_private(bool(is_private))

    @Slot(object)
    def set_busy(self, busy: object) -> None:
        """Show that the open conversation is being answered, or that it no longer is."""
        self._busy = bool(busy)
        self.page.set_busy(self._busy)
        self.show_state()

    @Slot(object)
    def set_phase(self, phase: object) -> None:
        """Show what the engine is doing where no message says it yet."""
        self._phase = str(phase)
        self.page.empty_state.set_phase(self._loading or self._phase)

    @Slot(object)
    def show_notice(self, notice: object) -> None:
        """Show a notice above the composer."""
        assert isinstance(notice, Notice)
        self.page.notices.show_notice(notice)

    @Slot(object)
    def clear_notice(self, key: object) -> None:
        """Take the notice with this key away."""
        self.page.notices.clear_notice(str(key))

    @Slot(object)
    def set_draft(self, text: object) -> None:
        """Put a restored draft into the composer."""
        self.page.composer.set_text(str(text))

    @Slot(object)
    def set_plan(self, plan: object) -> None:
        """Show which model is loaded and how, None if none is."""
        self._plan = plan if isinstance(plan, Plan) else None
        self.model_button.set_plan(self._plan)
        self.page.set_model_name(self._plan.name if self._plan else "")
        self.pages.set_loaded(self._plan.checkpoint if self._plan else "")
        self.dialogs.set_has_model(self._plan is not None)
        self.show_state()

    @Slot(object)
    def show_fit(self, fit: object) -> None:
        """Show in the model menu how well a model would fit."""
        if isinstance(fit, ModelFit):
            self.model_button.show_fit(fit)
            self.pages.show_fit(fit)

    @Slot(object)
    def set_loading(self, phase: object) -> None:
        """Show how far a load has come, "" when it is over."""
        started_or_ended = bool(phase) != bool(self._loading)
        self._loading = str(phase)
        self.model_button.set_loading(self._loading)
        if started_or_ended:
            self.show_state()
        self.page.empty_state.set_phase(self._loading or self._phase)

    @Slot(object)
    def set_queue(self, queue: object) -> None:
        """Show the messages that wait for the present answer."""
        self.page.set_queue(queue if isinstance(queue, tuple) else ())

    @Slot(object)
    def set_context_use(self, use: object) -> None:
        """Show how much of the model's context window is taken, None if that is not known."""
        known = use if isinstance(use, ContextUse) else None
        self.page.composer.set_context_use(known)
        self.page.transcript.set_window_tokens(known.window_tokens if known is not None else 0)

    @Slot(object)
    def apply_settings(self, settings: object) -> None:
        """Show the settings and take the look they ask for."""
        assert isinstance(settings, Settings)
        self._settings = settings
        self.actions_by_name.themes[settings.theme].setChecked(True)
        self.actions_by_name.shortcuts.apply(settings.keys)
        self.page.transcript.set_statistics_shown(settings.show_statistics)
        self.page.transcript.announcements.manner = settings.read_aloud
        self.dialogs.show_settings(settings)
        self.show_state()
        self.follow_color_scheme()

    @Slot()
    def choose_model(self) -> None:
        """Open the model menu."""
        self.model_button.open_menu()

    @Slot()
    def open_settings(self) -> None:
        """Open the settings beside the window, or bring them to the front."""
        self.dialogs.open_settings()

    @Slot()
    def show_models(self) -> None:
        """Show the page of models."""
        self.pages.show_models()

    @Slot()
    def show_chat(self) -> None:
        """Show the conversation."""
        self.pages.show_conversation()

    @Slot(bool)
    def show_first_start(self, shown: bool) -> None:
        """Show what a first start begins with, or the conversation."""
        (self.pages.show_first_start if shown else self.pages.show_conversation)()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """The composer may grow to a third of the window, and a low one has room for one notice."""
        super().resizeEvent(event)
        self.page.composer.set_window_height(event.size().height())
        self.page.notices.set_window_height(event.size().height())

    def closeEvent(self, event: QCloseEvent) -> None:
        """Closing the window ends the program: hand over the draft and say so."""
        self.page.composer.flush_draft()
        self.quit_requested.emit()
        event.accept()

    def focusNextPrevChild(self, forward: bool) -> bool:
        """Tab visits the page of messages once, not every message that happens to exist."""
        return step_past(self.page.transcript, forward, super().focusNextPrevChild, self.page.beside_messages)

    def _apply_theme(self, theme: Theme) -> None:
        self._theme = theme
        give_look(theme)
        parts = (self.sidebar, self.sidebar_button, self.model_button, self.download_indicator, self.settings_button)
        for part in (*parts, self.pages, self.dialogs):
            part.set_theme(theme)

    @Slot()
    def show_state(self) -> None:
        """Enable what can be done now."""
        self.actions_by_name.show_state(
            conversation=self._conversation is not None,
            answer=self.page.has_message_of(Role.ASSISTANT),
            question=self.page.has_message_of(Role.USER),
            busy=self._busy,
            model=self._plan is not None,
            loading=bool(self._loading),
        )
        choice = self._conversation.when_full if self._conversation is not None else None
        self.actions_by_name.show_when_full(choice, self._settings.when_full)

    @Slot()
    def follow_color_scheme(self) -> None:
        """Take the look that settings and desktop ask for."""
        theme = theme_for(self._settings.theme, self._settings.text_size_px)
        if theme != self._theme:
            self._apply_theme(theme)

    @Slot()
    def begin_new(self) -> None:
        """Go to the page of a new conversation."""
        self.page.composer.flush_draft()
        self.new_requested.emit()
        self.pages.show_conversation()

    @Slot()
    def begin_new_private(self) -> None:
        """Go to the page of a conversation that is never saved."""
        self.page.composer.flush_draft()
        self.new_private_requested.emit()
        self.pages.show_conversation()

    @Slot()
    def arrange(self) -> None:
        """A first start is not the moment for a list of conversations."""
        self.sidebar_button.setVisible(not self.pages.is_first_start)
        self.sidebar.setVisible(self.actions_by_name.sidebar.isChecked() and not self.pages.is_first_start)

    @Slot(object)
    def open_conversation(self, conversation_id: object) -> None:
        """Go to a conversation."""
        self.page.composer.flush_draft()
        self.open_requested.emit(conversation_id)
        self.pages.setCurrentWidget(self.page)
        is_open = self._conversation is not None and self._conversation.id == conversation_id
        if is_open and self.sidebar.list.state() != QAbstractItemView.State.EditingState:
            self.page.composer.take_focus()

    @Slot(object)
    def branch_from(self, message_id: object) -> None:
        """Ask for a new conversation that goes on from a message."""
        self.page.composer.flush_draft()
        self.branch_requested.emit(message_id)

    @Slot()
    def rename_shown(self) -> None:
        """Let the title of the shown conversation be edited in the list."""
        if self._conversation is not None:
            self.actions_by_name.sidebar.setChecked(True)
            self.sidebar.rename(self._conversation.id)

    @Slot()
    def delete_shown(self) -> None:
        """Ask for the shown conversation to be deleted."""
        if self._conversation is not None:
            self.delete_requested.emit(self._conversation.id)

    @Slot(object)
    def ask_about_link(self, url: object) -> None:
        """Show a link in full and ask whether to open it."""
        self.dialogs.ask_about_link(str(url))
