"""The page of models: Find, On this computer, Downloads."""

from functools import cached_property

from PySide6.QtCore import QAbstractItemModel, Qt, Signal, Slot
from PySide6.QtGui import QHideEvent, QKeyEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QApplication, QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from app.language import mark, tr
from app.models.hub_rows import HubQuery
from app.models.plan_words import ModelFit
from app.widgets.basics.elided_label import ElidedLabel
from app.widgets.basics.icon_button import IconButton
from app.widgets.basics.mirroring import margins
from app.widgets.basics.theme import Theme
from app.widgets.models.downloads_view import DownloadsView
from app.widgets.models.find_view import FindView
from app.widgets.models.local_view import LocalView
from app.widgets.models.segmented import Segmented
from engine.api.checkpoint import LocalCheckpoint
from engine.api.errors import ErrorReport
from engine.api.hub import HubDetails
from engine.api.plan import Plan

FIND, LOCAL, DOWNLOADS = range(3)
_HEAD_PX = 56  # margins and gaps of the head
_LABELS = (mark("Find"), mark("On this computer"), mark("Downloads"))


class ModelViews:
    """The page's three views, each made when it is first asked for."""

    def __init__(
        self, results: QAbstractItemModel, downloads: QAbstractItemModel, checkpoints: QAbstractItemModel, theme: Theme
    ) -> None:
        self._results = results
        self._downloads = downloads
        self._checkpoints = checkpoints
        self.theme = theme

    @cached_property
    def finder(self) -> FindView:
        """What is on the Hub."""
        return FindView(self._results, self._downloads, self._checkpoints, self.theme)

    @cached_property
    def local(self) -> LocalView:
        """What is on this computer."""
        return LocalView(self._checkpoints, self._downloads, self.theme)

    @cached_property
    def downloads(self) -> DownloadsView:
        """What is being fetched."""
        return DownloadsView(self._downloads, self.theme)


class ModelsPage(QWidget):
    """Knows lists, no controller. Every signal is an intent; every slot shows a state."""

    search_requested = Signal(object)  # HubQuery
    details_requested = Signal(object)  # (hub id, revision), revision "" for the default one
    download_requested = Signal(object)  # DownloadRequest
    pause_requested = Signal(object)  # key
    resume_requested = Signal(object)  # key
    cancel_requested = Signal(object)  # key
    dismiss_requested = Signal(object)  # key
    load_requested = Signal(object)  # reference
    delete_requested = Signal(object)  # reference
    delete_confirmed = Signal(object)  # reference
    discard_requested = Signal(object)  # hub id
    refresh_requested = Signal()
    folder_added = Signal(object)  # path
    folder_removed = Signal(object)  # path
    cache_move_requested = Signal(object)  # path
    token_requested = Signal()
    settings_requested = Signal()
    fits_requested = Signal()  # show_fit() is wanted for each model on this computer
    link_activated = Signal(object)  # url
    closed = Signal()

    def __init__(self, views: ModelViews, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        theme = views.theme
        self._loaded = ""
        self.back_button = IconButton("chevron-left", tr("Back to the chat"), theme)
        self.refresh_button = IconButton("refresh-cw", tr("Look again what is on this computer"), theme)
        self.views = Segmented([tr(label) for label in _LABELS], tr("Views"))
        self.finder, self.local, self.downloads = views.finder, views.local, views.downloads
        self._stack = QStackedWidget()
        for view in (self.finder, self.local, self.downloads):
            self._stack.addWidget(view)
        self._build_layout()
        self._connect_find()
        self._connect_local()
        self._connect_downloads()
        self._on_count_changed(self.downloads.count)
        self._on_view_chosen(FIND)
        application = QApplication.instance()
        assert isinstance(application, QApplication)
        application.focusChanged.connect(self._on_focus_changed)

    def show_view(self, view: int) -> None:
        """Show FIND, LOCAL or DOWNLOADS."""
        self.views.choose(view)
        self._on_view_chosen(view)
        if self.isVisible():
            self.take_focus()

    @Slot(object)
    def set_searching(self, is_searching: object) -> None:
        """Show that the Hub was asked and has not answered."""
        self.finder.set_searching(bool(is_searching))

    @Slot(object)
    def show_results_state(self, said: tuple[HubQuery, bool]) -> None:
        """Show that the list has what was found for a query, and whether that is the one model that was named."""
        self.finder.show_results_state(*said)

    @Slot(object)
    def show_search_error(self, error: ErrorReport | None) -> None:
        """Say why nothing was found, None if nothing went wrong."""
        self.finder.show_error(error)

    @Slot(object)
    def show_details(self, details: HubDetails) -> None:
        """Show what the Hub says of a model."""
        self.finder.details.show_details(details)

    @Slot(object)
    def show_details_error(self, said: tuple[str, ErrorReport]) -> None:
        """Say why there are no details of a model."""
        self.finder.details.show_error(*said)

    @Slot(object)
    def show_plan(self, said: tuple[str, Plan | ErrorReport | None]) -> None:
        """Show how a model would be loaded on this computer."""
        self.finder.details.show_plan(*said)

    @Slot(object)
    def show_fit(self, fit: ModelFit) -> None:
        """Say how a model on this computer fits."""
        self.local.show_fit(fit)

    @Slot(object)
    def ask_delete(self, said: tuple[LocalCheckpoint, int]) -> None:
        """Ask whether to delete a model, with the bytes that it frees."""
        self.local.ask_delete(*said)

    @Slot(object)
    def set_folders(self, folders: tuple[str, ...]) -> None:
        """Show the folders that are searched for models."""
        self.local.folders.set_folders(tuple(folders))

    @Slot(object)
    def set_cache_folder(self, folder: str) -> None:
        """Show where downloads lie."""
        self.local.folders.set_cache_folder(str(folder))

    @Slot(object)
    def set_move_progress(self, progress: tuple[int, int] | None) -> None:
        """Show how many bytes of how many have moved, None when it is over."""
        self.local.folders.set_move_progress(progress)

    @Slot(object)
    def set_offline(self, is_offline: object) -> None:
        """Say that nothing is asked of any network."""
        self.finder.set_offline(bool(is_offline))

    @Slot(object)
    def set_loaded(self, reference: object) -> None:
        """Know which model answers, "" for none."""
        self._loaded = str(reference or "")
        self.local.set_loaded(self._loaded)
        self.finder.details.set_loaded(self._loaded)

    def set_theme(self, theme: Theme) -> None:
        """Draw in another theme or text size."""
        for part in (self.back_button, self.refresh_button, self.finder, self.local, self.downloads):
            part.set_theme(theme)

    def hold_notices(self, notices: QWidget) -> None:
        """Show the notices at the bottom."""
        self._column.addWidget(notices)

    def take_focus(self) -> None:
        """Give the keyboard to where one begins."""
        view = self._stack.currentWidget()
        self.views.buttons[self.views.current].setFocus()  # where a view has nothing to begin with
        if isinstance(view, FindView | LocalView | DownloadsView):
            view.take_focus()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Esc goes one step back, in the end to the chat."""
        if event.key() != Qt.Key.Key_Escape:
            super().keyPressEvent(event)
        elif not (self._stack.currentWidget() is self.finder and self.finder.step_back()):
            self.closed.emit()

    def showEvent(self, event: QShowEvent) -> None:
        """Ask for what may have changed on the disk."""
        super().showEvent(event)
        self.refresh_requested.emit()
        self.fits_requested.emit()

    def hideEvent(self, event: QHideEvent) -> None:
        """Begin with the first step at the next time."""
        super().hideEvent(event)
        self.finder.step_back()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Leave the title out where only a piece of it would fit: the views say enough."""
        super().resizeEvent(event)
        others = (self.back_button, self.refresh_button, self.views)
        room = self.width() - sum(each.sizeHint().width() for each in others if not each.isHidden()) - _HEAD_PX
        words = tr("Models")
        self._title.set_text(words if room >= self._title.fontMetrics().horizontalAdvance(words) else "")

    def _build_layout(self) -> None:
        head = QHBoxLayout()
        head.setContentsMargins(margins(8, 4, 16, 12))
        head.setSpacing(8)
        head.addWidget(self.back_button)
        self._title = ElidedLabel(tr("Models"))
        self._title.setProperty("role", "title")
        head.addWidget(self._title, 1)
        head.addWidget(self.refresh_button)
        head.addWidget(self.views)
        column = self._column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(head)
        column.addWidget(self._stack, 1)

    def _connect_find(self) -> None:
        details = self.finder.details
        self.back_button.clicked.connect(self.closed)
        self.refresh_button.clicked.connect(self.refresh_requested)
        self.views.chosen.connect(self._on_view_chosen)
        self.finder.search.search_requested.connect(self.search_requested)
        self.finder.problem.token_requested.connect(self.token_requested)
        self.finder.problem.settings_requested.connect(self.settings_requested)
        self.finder.settings_button.clicked.connect(self.settings_requested)
        self.finder.problem.link_activated.connect(self.link_activated)
        details.details_requested.connect(self.details_requested)
        details.download_requested.connect(self.download_requested)
        details.chat_requested.connect(self._on_chat)
        details.downloads_requested.connect(lambda: self.show_view(DOWNLOADS))
        details.token_requested.connect(self.token_requested)
        details.settings_requested.connect(self.settings_requested)
        details.link_activated.connect(self.link_activated)

    def _connect_local(self) -> None:
        self.local.chat_requested.connect(self._on_chat)
        self.local.download_requested.connect(self._on_resume)
        self.local.delete_requested.connect(self.delete_requested)
        self.local.delete_confirmed.connect(self.delete_confirmed)
        self.local.discard_requested.connect(self.discard_requested)
        self.local.find_requested.connect(lambda: self.show_view(FIND))
        self.local.folders.folder_added.connect(self.folder_added)
        self.local.folders.folder_removed.connect(self.folder_removed)
        self.local.folders.move_requested.connect(self.cache_move_requested)

    def _connect_downloads(self) -> None:
        self.downloads.pause_requested.connect(self.pause_requested)
        self.downloads.resume_requested.connect(self.resume_requested)
        self.downloads.cancel_requested.connect(self.cancel_requested)
        self.downloads.dismiss_requested.connect(self.dismiss_requested)
        self.downloads.chat_requested.connect(self._on_chat)
        self.downloads.find_requested.connect(lambda: self.show_view(FIND))
        self.downloads.token_requested.connect(self.token_requested)
        self.downloads.settings_requested.connect(self.settings_requested)
        self.downloads.link_activated.connect(self.link_activated)
        self.downloads.count_changed.connect(self._on_count_changed)

    @Slot(QWidget, QWidget)
    def _on_focus_changed(self, old: QWidget | None, new: QWidget | None) -> None:
        """What is hidden or can't be used any more hands the keyboard on to this page, not to the next one."""
        if old is None or not self.isVisible() or not self.isAncestorOf(old) or (old.isVisible() and old.isEnabled()):
            return
        if new is None or not self.isAncestorOf(new):
            self.take_focus()

    @Slot(int)
    def _on_view_chosen(self, view: int) -> None:
        self._stack.setCurrentIndex(view)
        self.refresh_button.setVisible(view == LOCAL)

    @Slot(int)
    def _on_count_changed(self, count: int) -> None:
        words = tr(_LABELS[DOWNLOADS])
        self.views.set_label(DOWNLOADS, f"{words} {count}" if count else words)

    @Slot(object)
    def _on_resume(self, request: object) -> None:
        """Go on downloading, and show it."""
        self.download_requested.emit(request)
        self.show_view(DOWNLOADS)

    @Slot(object)
    def _on_chat(self, reference: object) -> None:
        """Load the model unless it is the one that answers already, and go to the chat."""
        if reference != self._loaded:
            self.load_requested.emit(reference)
        self.closed.emit()
