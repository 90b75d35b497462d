"""The models on this computer, and the folders they lie in."""

from PySide6.QtCore import QAbstractItemModel, Signal, Slot
from PySide6.QtWidgets import QPushButton, QVBoxLayout, QWidget

from app.language import tr
from app.models.checkpoint_list_model import CHECKPOINT_ROLE
from app.models.hub_rows import OVER, DownloadRequest, DownloadRow
from app.models.plan_words import ModelFit
from app.models.row_list_model import ROW_ROLE
from app.widgets.basics.theme import Theme
from app.widgets.models.discard_dialog import DeleteDialog, DiscardDialog
from app.widgets.models.folders_part import FoldersPart
from app.widgets.models.invitation import Invitation
from app.widgets.models.local_row import LocalRow
from app.widgets.models.row_column import RowColumn
from app.widgets.models.scrolled import scrolled
from engine.api.checkpoint import LocalCheckpoint


class LocalView(QWidget):
    """What is incomplete stands among the others, with Resume instead of Chat."""

    chat_requested = Signal(object)  # reference
    download_requested = Signal(object)  # DownloadRequest
    delete_requested = Signal(object)  # reference: ask_delete() is wanted
    delete_confirmed = Signal(object)  # reference
    discard_requested = Signal(object)  # hub id
    find_requested = Signal()

    def __init__(
        self,
        checkpoints: QAbstractItemModel,
        downloads: QAbstractItemModel,
        theme: Theme,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._checkpoints = checkpoints
        self._downloads = downloads
        self._theme = theme
        self._loaded = ""
        self._fits: dict[str, ModelFit] = {}
        self.column: RowColumn[LocalCheckpoint] = RowColumn(checkpoints, CHECKPOINT_ROLE, _key, self._make_row)
        self.column.setAccessibleName(tr("Models on this computer"))
        self.folders = FoldersPart()
        self.invitation = Invitation(
            "hard-drive",
            tr("No model on this computer yet"),
            tr("Find one that suits it; this takes a few minutes."),
            theme,
        )
        find = QPushButton(tr("Find a model"))
        find.clicked.connect(self.find_requested)
        self.invitation.add_button(find)
        content = QWidget()
        inner = QVBoxLayout(content)
        inner.setContentsMargins(16, 0, 16, 16)
        inner.setSpacing(24)
        inner.addWidget(self.column)
        inner.addWidget(self.invitation)
        inner.addWidget(self.folders)
        inner.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(scrolled(content, tr("On this computer")))
        for changed in (checkpoints.modelReset, checkpoints.rowsInserted, checkpoints.rowsRemoved):
            changed.connect(self._on_changed)
        self.column.more_made.connect(self._on_more_made)
        for changed in (downloads.modelReset, downloads.rowsInserted, downloads.rowsRemoved, downloads.dataChanged):
            changed.connect(self._mark_under_way)
        self._on_changed()

    def show_fit(self, fit: ModelFit) -> None:
        """Say how a model fits."""
        self._fits[fit.reference] = fit
        for row in self._local_rows():
            if row.checkpoint is not None and row.checkpoint.reference == fit.reference:
                row.show_fit(fit)

    def set_loaded(self, reference: str) -> None:
        """Mark the model that answers."""
        self._loaded = reference
        self._mark()

    def ask_delete(self, checkpoint: LocalCheckpoint, freed_bytes: int) -> None:
        """Ask whether to delete a model, with the bytes that it frees."""
        dialog = DeleteDialog(checkpoint, freed_bytes, self)
        dialog.accepted.connect(lambda: self.delete_confirmed.emit(checkpoint.reference))
        dialog.open()

    def set_theme(self, theme: Theme) -> None:
        """Draw in another theme."""
        self._theme = theme
        self.column.set_theme(theme)
        self.invitation.set_theme(theme)

    def take_focus(self) -> None:
        """Give the keyboard to the first row."""
        if self.column.rows:
            self.column.rows[0].setFocus()

    def _local_rows(self) -> list[LocalRow]:
        return [row for row in self.column.rows if isinstance(row, LocalRow)]

    def _make_row(self) -> LocalRow:
        row = LocalRow(self._theme)
        row.chat_requested.connect(self._on_chat)
        row.resume_requested.connect(self._on_resume)
        row.delete_requested.connect(self._on_delete)
        row.discard_requested.connect(self._on_discard)
        return row

    def _mark(self) -> None:
        for row in self._local_rows():
            if row.checkpoint is not None:
                row.set_loaded(bool(self._loaded) and row.checkpoint.reference == self._loaded)
                fit = self._fits.get(row.checkpoint.reference)
                if fit is not None:
                    row.show_fit(fit)

    @Slot()
    def _mark_under_way(self) -> None:
        values = [self._downloads.index(place, 0).data(ROW_ROLE) for place in range(self._downloads.rowCount())]
        rows = [value for value in values if isinstance(value, DownloadRow)]
        ids = {row.hub_id for row in rows if row.state not in OVER}
        for each in self._local_rows():
            each.set_under_way(each.checkpoint is not None and _hub_id(each.checkpoint) in ids)

    @Slot()
    def _on_changed(self) -> None:
        is_empty = self._checkpoints.rowCount() == 0
        self.column.setVisible(not is_empty)
        self.invitation.setVisible(is_empty)
        self._on_more_made()

    @Slot()
    def _on_more_made(self) -> None:
        self._mark()
        self._mark_under_way()

    @Slot(object)
    def _on_chat(self, checkpoint: LocalCheckpoint) -> None:
        self.chat_requested.emit(checkpoint.reference)

    @Slot(object)
    def _on_resume(self, checkpoint: LocalCheckpoint) -> None:
        self.download_requested.emit(DownloadRequest(_hub_id(checkpoint), checkpoint.wanted_revision or "main"))

    @Slot(object)
    def _on_delete(self, checkpoint: LocalCheckpoint) -> None:
        self.delete_requested.emit(checkpoint.reference)

    @Slot(object)
    def _on_discard(self, checkpoint: LocalCheckpoint) -> None:
        arrived = max(0, checkpoint.total_bytes - checkpoint.missing_bytes)
        dialog = DiscardDialog(_hub_id(checkpoint), arrived, self)
        dialog.accepted.connect(lambda: self.discard_requested.emit(_hub_id(checkpoint)))
        dialog.open()


def _key(value: object) -> str | None:
    return f"{value.kind}:{value.reference}:{value.revision}" if isinstance(value, LocalCheckpoint) else None


def _hub_id(checkpoint: LocalCheckpoint) -> str:
    return checkpoint.reference.partition("@")[0]
