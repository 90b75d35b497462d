"""The first start: shown until something was chosen; what was chosen there is followed until it answers."""

from PySide6.QtCore import QModelIndex, QObject, Signal, Slot

from app.controllers.models.download_controller import DownloadController
from app.models.download_list_model import DownloadListModel
from app.models.hub_rows import DownloadRequest, DownloadRow, DownloadState
from engine.api.plan import Plan


class FirstStartController(QObject):
    """Signals: shown_changed(bool), download_changed(DownloadRow | None), loading_changed(str), finished()."""

    shown_changed = Signal(object)
    download_changed = Signal(object)
    loading_changed = Signal(object)
    finished = Signal()

    def __init__(self, downloads: DownloadController, rows: DownloadListModel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._downloads = downloads
        self._rows = rows
        self._hub_id = ""
        self._shown_row: DownloadRow | None = None
        self.is_shown = False
        for changed in (rows.dataChanged, rows.rowsInserted, rows.rowsRemoved, rows.modelReset):
            changed.connect(self._on_rows_changed)

    def begin(self) -> None:
        """Show the page."""
        self.is_shown = True
        self.shown_changed.emit(True)

    @Slot(object)
    def accept(self, request: DownloadRequest) -> None:
        """Download a model from here, and chat with it when it is there."""
        self._hub_id = request.hub_id
        self._downloads.request(request)
        self._on_rows_changed()

    @Slot()
    def finish(self) -> None:
        """Go to the chat; a download goes on."""
        if self.is_shown:
            self.is_shown = False
            self.shown_changed.emit(False)
            self.finished.emit()

    @Slot(object)
    def set_loading(self, words: str) -> None:
        """Follow the load of what was downloaded here; the load of the built-in model bothers nobody."""
        if self._shown_row is not None and self._shown_row.state is DownloadState.FINISHED:
            self.loading_changed.emit(words)

    @Slot(object)
    def set_plan(self, plan: Plan | None) -> None:
        """The model that was chosen here answers: the chat begins."""
        if plan is not None and plan.checkpoint == self._hub_id:
            self.finish()

    @Slot(QModelIndex, QModelIndex)
    def _on_rows_changed(self, *_: object) -> None:
        found = next((row for row in self._rows.rows if row.hub_id == self._hub_id), None)
        if found != self._shown_row:
            self._shown_row = found
            self.download_changed.emit(found)
