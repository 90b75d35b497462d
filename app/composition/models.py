"""The part of the composition root that is about models: the Hub, downloads, the disk, and the first start."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from app.access_token import AccessTokens
from app.controllers.models import hub_notices
from app.controllers.models.checkpoint_controller import CheckpointController
from app.controllers.models.download_controller import DownloadController
from app.controllers.models.first_start_controller import FirstStartController
from app.controllers.models.fit_controller import FitController
from app.controllers.models.hub_controller import HubController
from app.controllers.models.library_controller import LibraryController
from app.controllers.models.recommendation_controller import RecommendationController
from app.controllers.models.token_controller import TokenController
from app.controllers.settings_controller import SettingsController
from app.models.checkpoint_list_model import CheckpointListModel
from app.models.download_list_model import DownloadListModel
from app.models.hub_result_list_model import HubResultListModel
from app.paths import Paths
from app.recommendations import Candidate, read_candidates
from app.settings.schema import Settings
from app.widgets.basics.assets import asset
from app.widgets.window.main_window import MainWindow
from app.worker.engine_client import EngineClient
from engine.api.plan import Plan

if TYPE_CHECKING:  # they are made when they are first wanted
    from app.widgets.models.first_start_page import FirstStartPage
    from app.widgets.models.models_page import ModelsPage

_log = logging.getLogger(__name__)


class ModelParts(QObject):
    """Builds and connects them. Signal engine_renewal_wanted(): the engine has to be started with other arguments."""

    engine_renewal_wanted = Signal()

    def __init__(
        self,
        paths: Paths,
        engine: EngineClient,
        settings: SettingsController,
        checkpoints: CheckpointController,
        checkpoint_model: CheckpointListModel,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._engine = engine
        self._settings = settings
        self._checkpoints = checkpoints
        self._listed = checkpoint_model
        self._hub_cache = settings.settings.hub_cache
        self._page: ModelsPage | None = None
        self._first_start_page: FirstStartPage | None = None
        self._hub_folder = ""
        self._awaited = ""  # the reference of a model that was downloaded to chat with
        self._folders = settings.settings.checkpoint_folders
        self.results = HubResultListModel(self)
        self.downloads_model = DownloadListModel(self)
        submit, cancel, current = engine.submit, engine.cancel, self._current
        self.tokens = TokenController(AccessTokens(paths.tokens_file), current, self)
        access = self.tokens.access
        self.hub = HubController(submit, cancel, access, current, self.results, checkpoint_model, self)
        self.fits = FitController(submit, cancel, access, current, self.results, self)
        self.downloads = DownloadController(submit, cancel, access, self.downloads_model, paths.downloads_file, self)
        self.first_start = FirstStartController(self.downloads, self.downloads_model, self)
        self.library = LibraryController(submit, checkpoint_model, current, self)
        self.recommendations = RecommendationController(submit, _candidates(), current, self)
        self._connect_engine()
        self._connect_controllers()

    def connect_window(self, window: MainWindow) -> None:
        """Connect what the window wants and shows."""
        self._window = window
        window.pages.models_made.connect(self._on_models_made)
        window.pages.first_start_made.connect(self._on_first_start_made)
        self.first_start.shown_changed.connect(window.show_first_start)
        window.send_requested.connect(self.first_start.finish)
        self._connect_dialogs(window)
        for source in (self.downloads, self.library):
            source.notice_raised.connect(window.show_notice)
            source.notice_cleared.connect(window.clear_notice)
        window.notice_action_requested.connect(self._on_notice_action)
        self._settings.settings_changed.connect(self._on_settings_changed)

    def start(self) -> None:
        """Begin with what needs the engine; it may still be starting."""
        self.tokens.refresh()
        self.downloads.start()
        if self.first_start.is_shown:
            self.recommendations.request()

    def shut_down(self) -> None:
        """Leave the downloads as they are for the next start."""
        self.downloads.shut_down()

    def _current(self) -> Settings:
        return self._settings.settings

    def _connect_engine(self) -> None:
        for part in (self.hub, self.fits, self.downloads, self.library, self.recommendations):
            self._engine.event_received.connect(part.on_event)

    def _connect_controllers(self) -> None:
        self.hub.rows_shown.connect(self.fits.request)
        self.tokens.token_changed.connect(self.hub.inspect_again)
        self.recommendations.rows_changed.connect(self._on_recommended)
        self.downloads.changed.connect(self._checkpoints.refresh)
        self.downloads.load_wanted.connect(self._load_and_chat)
        self.library.changed.connect(self._checkpoints.refresh)
        self.library.cache_moved.connect(self._on_cache_moved)
        self.library.reload_wanted.connect(self._checkpoints.reload)
        self.library.folder_told.connect(self._on_folder_told)
        self._checkpoints.plan_changed.connect(self.library.set_plan)
        self._checkpoints.plan_changed.connect(self._on_plan_changed)
        self._checkpoints.plan_changed.connect(self.first_start.set_plan)
        self._checkpoints.loading_changed.connect(self.first_start.set_loading)
        self._checkpoints.checkpoint_chosen.connect(self._on_checkpoint_chosen)

    @Slot(object)
    def _on_models_made(self, page: "ModelsPage") -> None:
        self._page = page
        self._connect_page(page)
        page.set_cache_folder(self._hub_folder)
        self._show_settings(self._settings.settings)

    def _connect_page(self, page: "ModelsPage") -> None:
        page.search_requested.connect(self.hub.search)
        page.details_requested.connect(self.hub.inspect)
        page.download_requested.connect(self.downloads.request)
        page.pause_requested.connect(self.downloads.pause)
        page.resume_requested.connect(self.downloads.resume)
        page.cancel_requested.connect(self.downloads.cancel)
        page.dismiss_requested.connect(self.downloads.dismiss)
        page.load_requested.connect(self._checkpoints.load)
        page.delete_requested.connect(self.library.count)
        page.delete_confirmed.connect(self.library.delete)
        page.discard_requested.connect(self.library.discard)
        page.refresh_requested.connect(self._checkpoints.refresh)
        page.refresh_requested.connect(self.recommendations.request)
        page.folder_added.connect(self._on_folder_added)
        page.folder_removed.connect(self._on_folder_removed)
        page.cache_move_requested.connect(self.library.move)
        self.hub.searching_changed.connect(page.set_searching)
        self.hub.found.connect(page.show_results_state)
        self.hub.search_failed.connect(page.show_search_error)
        self.hub.details_found.connect(page.show_details)
        self.hub.details_failed.connect(page.show_details_error)
        self.hub.plan_found.connect(page.show_plan)
        self.library.deletion_counted.connect(page.ask_delete)
        self.library.move_progressed.connect(page.set_move_progress)

    @Slot(object)
    def _on_first_start_made(self, page: "FirstStartPage") -> None:
        self._first_start_page = page
        page.set_offline(self._current().work_offline)
        page.recommended_accepted.connect(self.first_start.accept)
        page.starter_chosen.connect(self.first_start.finish)
        page.skipped.connect(self.first_start.finish)
        page.browse_requested.connect(self.first_start.finish)
        page.browse_requested.connect(self._window.show_models)
        page.pause_requested.connect(self.downloads.pause)
        page.resume_requested.connect(self.downloads.resume)
        page.cancel_requested.connect(self.downloads.cancel)
        self.recommendations.hardware_described.connect(page.set_hardware)
        self.recommendations.recommended.connect(page.set_recommendations)
        self.first_start.download_changed.connect(page.set_download)
        self.first_start.loading_changed.connect(page.set_loading)

    def _connect_dialogs(self, window: MainWindow) -> None:
        dialogs = window.dialogs
        dialogs.token_requested.connect(self.tokens.describe)
        dialogs.token_given.connect(self.tokens.give)
        dialogs.token_removed.connect(self.tokens.remove)
        dialogs.connection_check_requested.connect(self.hub.check_connection)
        self.hub.connection_checked.connect(dialogs.show_connection)
        self.tokens.state_changed.connect(dialogs.show_token)

    @Slot(object)
    def _load_and_chat(self, reference: str) -> None:
        self._awaited = reference
        self._checkpoints.load(reference)

    @Slot(object)
    def _on_plan_changed(self, plan: Plan | None) -> None:
        if plan is not None:
            if plan.checkpoint == self._awaited:
                self._window.show_chat()
            self._awaited = ""

    @Slot()
    def _on_recommended(self) -> None:
        self.hub.show_recommended(self.recommendations.rows())

    @Slot(object)
    def _on_settings_changed(self, settings: Settings) -> None:
        self.tokens.refresh()
        self._show_settings(settings)
        if self._first_start_page is not None:
            self._first_start_page.set_offline(settings.work_offline)
        if settings.checkpoint_folders != self._folders:
            self._folders = settings.checkpoint_folders
            self._checkpoints.refresh()
        if settings.hub_cache != self._hub_cache:
            self._hub_cache = settings.hub_cache
            self.engine_renewal_wanted.emit()
            self._checkpoints.refresh()

    def _show_settings(self, settings: Settings) -> None:
        if self._page is not None:
            self._page.set_offline(settings.work_offline)
            self._page.set_folders(settings.checkpoint_folders)

    @Slot(object)
    def _on_folder_told(self, folder: str) -> None:
        self._hub_folder = folder
        if self._page is not None:
            self._page.set_cache_folder(folder)

    @Slot(object)
    def _on_folder_added(self, folder: object) -> None:
        folders = self._settings.settings.checkpoint_folders
        if folder not in folders:
            self._settings.change(("checkpoint_folders", (*folders, str(folder))))

    @Slot(object)
    def _on_checkpoint_chosen(self, reference: object) -> None:
        """List a folder or file that was opened from elsewhere, so that it can be chosen again."""
        path = str(reference)
        if Path(path).is_absolute() and all(each.reference != path for each in self._listed.checkpoints):
            self._on_folder_added(path)

    @Slot(object)
    def _on_folder_removed(self, folder: object) -> None:
        folders = self._settings.settings.checkpoint_folders
        self._settings.change(("checkpoint_folders", tuple(each for each in folders if each != folder)))

    @Slot(object)
    def _on_cache_moved(self, folder: object) -> None:
        self._settings.change(("hub_cache", str(folder)))

    @Slot(object)
    def _on_notice_action(self, action_key: str) -> None:
        if action_key == hub_notices.SHOW_DOWNLOADS:
            self._window.pages.show_downloads()
        elif action_key == hub_notices.ENTER_TOKEN:
            self._window.dialogs.open_token()
        elif action_key.startswith(hub_notices.OPEN_LINK):
            self._window.dialogs.open_page(action_key.removeprefix(hub_notices.OPEN_LINK))
        elif action_key.startswith(hub_notices.LOAD):
            self._checkpoints.load(action_key.removeprefix(hub_notices.LOAD))
        elif action_key.startswith(hub_notices.RESUME):
            self.downloads.resume(action_key.removeprefix(hub_notices.RESUME))


def _candidates() -> tuple[Candidate, ...]:
    """Return the list that comes with Hearth; without it nothing is recommended."""
    try:
        return read_candidates(asset("models", "recommended.json"))
    except (OSError, ValueError) as error:  # msgspec's errors are ValueErrors
        _log.warning("the list of recommended models can't be read: %s", error)
        return ()
