"""All about one model of the Hub: how it would run here, its numbers, its files, and what can be done with it."""

from PySide6.QtCore import QAbstractItemModel, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from app.engine_words import said
from app.language import tr
from app.models import hub_words
from app.models.checkpoint_list_model import CHECKPOINT_ROLE
from app.models.hub_rows import OVER, DownloadRequest, DownloadRow, HubRow
from app.models.row_list_model import ROW_ROLE
from app.widgets.basics.choice_box import ChoiceBox
from app.widgets.basics.elided_label import ElidedLabel
from app.widgets.basics.foreign_text import breakable
from app.widgets.basics.plain_label import plain_label
from app.widgets.basics.theme import Theme
from app.widgets.models.action_bar import ActionBar, Offer, Standing
from app.widgets.models.fact_table import FactTable
from app.widgets.models.file_list import FileList
from app.widgets.models.gate import gate_note
from app.widgets.models.plan_view import PlanView
from app.widgets.models.problem_view import ProblemView
from app.widgets.models.scrolled import scrolled
from engine.api.checkpoint import CheckpointKind, LocalCheckpoint
from engine.api.errors import ErrorReport
from engine.api.hub import Gating, HubDetails
from engine.api.plan import Plan


class DetailsPanel(QWidget):
    """show_row() begins with what the search told; details and plan come later, each in its time."""

    details_requested = Signal(object)  # (hub id, revision), revision "" for the default one
    download_requested = Signal(object)  # DownloadRequest
    chat_requested = Signal(object)  # reference
    downloads_requested = Signal()
    token_requested = Signal()
    settings_requested = Signal()
    link_activated = Signal(object)  # url

    def __init__(
        self,
        downloads: QAbstractItemModel,
        checkpoints: QAbstractItemModel,
        theme: Theme,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._downloads = downloads
        self._checkpoints = checkpoints
        self._row: HubRow | None = None
        self._details: HubDetails | None = None
        self._plan: Plan | None = None
        self._revision = ""
        self._news_bytes = 0  # what the Hub has newer than the model that is here
        self._loaded = ""
        self._is_offline = False
        self.name = plain_label("", "title", wraps=True)
        self.publisher = ElidedLabel()
        self.publisher.setProperty("role", "muted")
        self.page_button = QPushButton(tr("Open its page"))
        self.page_button.setProperty("kind", "quiet")
        self.page_button.setAutoDefault(False)
        self.unusable = plain_label("", "warning", wraps=True)
        self.gate = ProblemView(role="")
        self.problem = ProblemView()
        self.plan = PlanView()
        self.facts = FactTable()
        self.revisions = ChoiceBox()
        self.revisions.setAccessibleName(tr("Version"))
        self._revision_row = _labelled(tr("Version"), self.revisions)
        self.files = FileList(theme)
        self.action_bar = ActionBar()
        self._build_layout()
        self._connect()

    @property
    def hub_id(self) -> str:
        """The model that is looked at, "" for none."""
        return self._row.checkpoint.hub_id if self._row is not None else ""

    def show_row(self, row: HubRow) -> None:
        """Look at another model; what is not known of it yet is asked for."""
        self._row, self._details, self._plan, self._revision, self._news_bytes = row, None, None, "", 0
        self.problem.show_error(None)
        self.plan.show_waiting()
        self.files.show_files(())
        self._show_revisions(())
        self._scroll.verticalScrollBar().setValue(0)
        self._show()
        self.ask()

    def forget(self) -> None:
        """Look at no model any more."""
        self._row = self._details = self._plan = None

    def update_row(self, row: HubRow) -> None:
        """Show that the row of this model says something else now."""
        self._row = row
        self._show()

    def ask(self) -> None:
        """Ask for the details, again if need be."""
        if self.hub_id:
            self.details_requested.emit((self.hub_id, self._revision))

    def show_details(self, details: HubDetails) -> None:
        """Show all that the Hub says, if it is about this model."""
        if self.hub_id not in (details.checkpoint.hub_id, details.current_id) or not self.hub_id:
            return
        self._details = details
        local = self._local()
        is_here = local is not None and local.is_complete and not details.checkpoint.unusable
        self._news_bytes = details.missing_bytes if is_here else 0
        self.problem.show_error(None)
        self._show_revisions(details.revisions)
        self.files.show_files(details.files)
        self._show()

    def show_error(self, hub_id: str, error: ErrorReport) -> None:
        """Say why there are no details."""
        if hub_id == self.hub_id:
            self.problem.show_error(error)
            self._show()

    def show_plan(self, hub_id: str, plan: Plan | ErrorReport | None) -> None:
        """Show how the model would be loaded here."""
        if hub_id == self.hub_id:
            self.plan.show_plan(plan)
            self._plan = plan if isinstance(plan, Plan) else None
            self._show_standing()

    def set_loaded(self, reference: str) -> None:
        """Know which model answers."""
        self._loaded = reference
        self._show_standing()

    def set_offline(self, is_offline: bool) -> None:
        """Offer no download while nothing may be asked."""
        self._is_offline = is_offline
        self._show_standing()

    def set_theme(self, theme: Theme) -> None:
        """Draw in another theme."""
        self.files.set_theme(theme)

    def standing(self) -> Standing:
        """Return what can be done with the model now."""
        if self._row is None:
            return Standing()
        missing = self._details.missing_bytes if self._details else self._row.checkpoint.download_bytes
        free = self._details.disk_free_bytes if self._details else 0
        download = self._download()
        local = self._local()
        is_loaded = local is not None and local.reference == self._loaded
        if download is not None:
            return Standing(Offer.UNDER_WAY, download=download)
        if local is not None and local.is_complete:
            offer = Offer.UPDATE if self._news_bytes and not self._is_offline else Offer.CHAT
            return Standing(offer, self._news_bytes, free, loaded=is_loaded)
        if self._is_offline or self._row.checkpoint.unusable or self.problem.error is not None:
            return Standing()
        is_begun = local is not None and not local.is_complete
        offer = Offer.RESUME if is_begun else Offer.DOWNLOAD
        return Standing(offer, missing, free, hub_words.copy_bytes(self._plan))

    def _local(self) -> LocalCheckpoint | None:
        for value in _values(self._checkpoints, CHECKPOINT_ROLE):
            if not isinstance(value, LocalCheckpoint) or value.kind is not CheckpointKind.HUB_CACHE:
                continue
            if value.reference == hub_words.reference_of(self.hub_id, self._revision):
                return value
        return None

    def _download(self) -> DownloadRow | None:
        for value in _values(self._downloads, ROW_ROLE):
            if isinstance(value, DownloadRow) and value.hub_id == self.hub_id and value.state not in OVER:
                return value
        return None

    def _show(self) -> None:
        if self._row is None:
            return
        checkpoint = self._details.checkpoint if self._details is not None else self._row.checkpoint
        self.name.setText(breakable(hub_words.name_of(checkpoint.hub_id)))
        renamed = self._details.current_id if self._details is not None else ""
        publisher = hub_words.publisher_of(checkpoint.hub_id)
        is_renamed = renamed and renamed != checkpoint.hub_id
        self.publisher.set_text(
            tr("{publisher} · now called {renamed}").format(publisher=publisher, renamed=hub_words.one_line(renamed))
            if is_renamed
            else publisher
        )
        self.page_button.setVisible(bool(self._details and self._details.page))
        self.unusable.setText(breakable(said(checkpoint.unusable)))
        self.unusable.setVisible(bool(checkpoint.unusable))
        self.plan.setVisible(not checkpoint.unusable)
        self.facts.show_checkpoint(checkpoint)
        has_gate = checkpoint.gating is not Gating.OPEN and self.problem.error is None and self._local() is None
        self.gate.show_error(gate_note(checkpoint, self._details.page if self._details else "") if has_gate else None)
        self._show_standing()

    @Slot()
    def _show_standing(self) -> None:
        if self._download() is not None:
            self._news_bytes = 0  # told before it was fetched
        self.action_bar.show_standing(self.standing())

    def _show_revisions(self, revisions: tuple[str, ...]) -> None:
        if tuple(self.revisions.itemData(place) for place in range(self.revisions.count())) != revisions:
            self.revisions.clear()
            for revision in revisions:
                self.revisions.addItem(hub_words.one_line(revision), revision)
        self._revision_row.setVisible(len(revisions) > 1)

    @Slot(int)
    def _on_revision(self, place: int) -> None:
        wanted = str(self.revisions.itemData(place)) if place else ""
        if wanted != self._revision:
            self._revision, self._news_bytes = wanted, 0
            self.plan.show_waiting()
            self.ask()

    @Slot(bool)
    def _on_download(self, loads: bool) -> None:
        default = str(self.revisions.itemData(0)) if self.revisions.count() else "main"
        self.download_requested.emit(DownloadRequest(self.hub_id, self._revision or default, loads))

    @Slot()
    def _on_chat(self) -> None:
        local = self._local()
        if local is not None:
            self.chat_requested.emit(local.reference)

    @Slot()
    def _on_page(self) -> None:
        if self._details is not None:
            self.link_activated.emit(self._details.page)

    def _build_layout(self) -> None:
        under_name = QHBoxLayout()
        under_name.setSpacing(8)
        under_name.addWidget(self.publisher, 1)
        under_name.addWidget(self.page_button)
        content = QWidget()
        inner = QVBoxLayout(content)
        inner.setContentsMargins(24, 8, 24, 16)
        inner.setSpacing(16)
        head = QVBoxLayout()
        head.setSpacing(0)
        head.addWidget(self.name)
        head.addLayout(under_name)
        inner.addLayout(head)
        for widget in (self.unusable, self.problem, self.gate, self.plan, self.facts, self._revision_row, self.files):
            inner.addWidget(widget)
        inner.addStretch(1)
        self._revision_row.hide()
        self._scroll = scrolled(content, tr("Details"))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._scroll, 1)
        column.addWidget(self.action_bar)

    def _connect(self) -> None:
        for view in (self.gate, self.problem):
            view.retry_requested.connect(self.ask)
            view.token_requested.connect(self.token_requested)
            view.settings_requested.connect(self.settings_requested)
            view.link_activated.connect(self.link_activated)
        self.page_button.clicked.connect(self._on_page)
        self.revisions.activated.connect(self._on_revision)
        self.action_bar.download_requested.connect(self._on_download)
        self.action_bar.chat_requested.connect(self._on_chat)
        self.action_bar.downloads_requested.connect(self.downloads_requested)
        for model in (self._downloads, self._checkpoints):
            for changed in (model.modelReset, model.rowsInserted, model.rowsRemoved, model.dataChanged):
                changed.connect(self._show_standing)


def _labelled(words: str, box: QWidget) -> QWidget:
    row = QWidget()
    layout = QHBoxLayout(row)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(24)
    label: QLabel = plain_label(words, "muted")
    label.setBuddy(box)
    layout.addWidget(label)
    layout.addWidget(box, 1)
    return row


def _values(model: QAbstractItemModel, role: int) -> list[object]:
    return [model.index(place, 0).data(role) for place in range(model.rowCount())]
