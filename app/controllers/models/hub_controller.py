"""What the Hub has: searches, one model in detail with its plan, and whether the Hub can be reached."""

from collections.abc import Callable, Iterable
from dataclasses import replace

from PySide6.QtCore import QObject, Signal, Slot

from app.controllers.submitting import CancelCommand, Submit
from app.conversations.records import new_id
from app.models.checkpoint_list_model import CheckpointListModel
from app.models.hub_result_list_model import HubResultListModel
from app.models.hub_rows import HubQuery, HubRow
from app.settings.schema import Settings
from engine.api.commands import CheckConnection, InspectCheckpoint, PlanCheckpoint, SearchCheckpoints
from engine.api.errors import ErrorReport
from engine.api.events import (
    CheckpointInspected,
    CheckpointPlanned,
    CheckpointsFound,
    CommandCancelled,
    CommandFailed,
    ConnectionChecked,
)
from engine.api.hub import HubAccess, HubCheckpoint


class HubController(QObject):
    """Signals: searching_changed(bool), found((HubQuery, is_exact)), search_failed(ErrorReport | None),
    details_found(HubDetails), details_failed((hub_id, ErrorReport)), plan_found((hub_id, Plan | ErrorReport | None)),
    connection_checked(steps | None while it is being checked), rows_shown() when there are other results.

    Only the newest question of each kind counts: the ones before are cancelled, and what they find is left aside.
    """

    searching_changed = Signal(object)
    found = Signal(object)
    search_failed = Signal(object)
    details_found = Signal(object)
    details_failed = Signal(object)
    plan_found = Signal(object)
    connection_checked = Signal(object)
    rows_shown = Signal()

    def __init__(
        self,
        submit: Submit,
        cancel: CancelCommand,
        access: Callable[[], HubAccess],
        settings: Callable[[], Settings],
        results: HubResultListModel,
        checkpoints: CheckpointListModel,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._submit = submit
        self._cancel = cancel
        self._access = access
        self._settings = settings
        self._results = results
        self._checkpoints = checkpoints
        self._query = HubQuery()
        self._search_id = ""
        self._details_id = ""
        self._plan_id = ""
        self._check_id = ""
        self._shown = ("", "")
        checkpoints.modelReset.connect(self._on_checkpoints_changed)

    @Slot(object)
    def search(self, query: HubQuery) -> None:
        """Ask the Hub; results replace the list when they come."""
        self._give_up(self._search_id)
        self._query = query
        self._search_id = new_id()
        self.search_failed.emit(None)
        self.searching_changed.emit(True)
        self._submit(
            SearchCheckpoints(
                command_id=self._search_id,
                text=query.text,
                author=query.author,
                least_parameters=query.least_parameters,
                most_parameters=query.most_parameters,
                sort=query.sort,
                access=self._access(),
            )
        )

    @Slot(object)
    def inspect(self, wanted: tuple[str, str]) -> None:
        """Ask for the details of one model and how it would run here: (hub_id, revision or "")."""
        self._give_up(self._details_id)
        self._give_up(self._plan_id)
        self._shown = wanted
        self._details_id, self._plan_id = new_id(), new_id()
        hub_id, revision = wanted
        settings = self._settings()
        self.plan_found.emit((hub_id, None))
        self._submit(
            InspectCheckpoint(command_id=self._details_id, checkpoint=hub_id, revision=revision, access=self._access())
        )
        self._submit(
            PlanCheckpoint(
                command_id=self._plan_id,
                checkpoint=hub_id,
                precision=settings.precision,
                context_tokens=settings.context_tokens,
                ask_hub=True,
                revision=revision or "main",
                access=self._access(),
            )
        )

    @Slot()
    def inspect_again(self) -> None:
        """Ask once more about the model that is shown, as after a token was entered."""
        if self._shown[0]:
            self.inspect(self._shown)

    @Slot()
    def check_connection(self) -> None:
        """Try to reach the Hub step by step."""
        self._give_up(self._check_id)
        self._check_id = new_id()
        self.connection_checked.emit(None)
        self._submit(CheckConnection(command_id=self._check_id, access=self._access()))

    def show_recommended(self, rows: Iterable[HubRow]) -> None:
        """List what suits this computer, as long as nothing was searched for."""
        if not self._search_id:
            self._results.set_rows(self._marked(rows))

    @Slot(object)
    def on_event(self, event: object) -> None:
        """Take an event of the engine."""
        match event:
            case CheckpointsFound(command_id=self._search_id, results=results, is_exact=is_exact):
                self._show_results(results, is_exact)
            case CheckpointInspected(command_id=self._details_id, details=details):
                self.details_found.emit(details)
            case CheckpointPlanned(command_id=self._plan_id, plan=plan):
                self.plan_found.emit((self._shown[0], plan))
            case ConnectionChecked(command_id=self._check_id, steps=steps):
                self.connection_checked.emit(steps)
            case CommandFailed(command_id=command_id, error=error):
                self._on_failed(command_id, error)
            case CommandCancelled(command_id=self._search_id):
                self.searching_changed.emit(False)
            case CommandCancelled(command_id=self._check_id):
                self.connection_checked.emit(())

    def _show_results(self, results: tuple[HubCheckpoint, ...], is_exact: bool) -> None:
        self.searching_changed.emit(False)
        self._results.set_rows(self._marked(map(HubRow, results)))
        self.found.emit((self._query, is_exact))
        self.rows_shown.emit()

    def _on_failed(self, command_id: str, error: ErrorReport) -> None:
        if command_id == self._search_id:
            self.searching_changed.emit(False)
            self.search_failed.emit(error)
        elif command_id == self._details_id:
            self.details_failed.emit((self._shown[0], error))
        elif command_id == self._plan_id:
            self.plan_found.emit((self._shown[0], error))
        elif command_id == self._check_id:
            self.connection_checked.emit(())

    def _give_up(self, command_id: str) -> None:
        if command_id:
            self._cancel(command_id)

    def _marked(self, rows: Iterable[HubRow]) -> list[HubRow]:
        here = self._local_ids()
        return [replace(row, is_local=row.checkpoint.hub_id in here) for row in rows]

    def _local_ids(self) -> set[str]:
        return {checkpoint.reference for checkpoint in self._checkpoints.usable()}

    @Slot()
    def _on_checkpoints_changed(self) -> None:
        self._results.set_rows(self._marked(self._results.rows))
