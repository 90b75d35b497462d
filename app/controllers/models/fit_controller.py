"""How each result of a search would run on this computer: asked of the engine, a few at a time."""

from collections.abc import Callable
from dataclasses import replace

from PySide6.QtCore import QObject, Slot

from app.controllers.submitting import CancelCommand, Submit
from app.conversations.records import new_id
from app.engine_words import said
from app.language import mark, tr
from app.models.hub_result_list_model import HubResultListModel
from app.models.plan_words import ModelFit, fit_of
from app.settings.schema import Settings
from engine.api.commands import PlanCheckpoint
from engine.api.events import CheckpointPlanned, CommandCancelled, CommandFailed
from engine.api.hub import HubAccess

# Each asks the Hub for one small file, so that several at once hide its distance.
AT_ONCE = 3
_UNKNOWN = mark("Not known yet")


class FitController(QObject):
    """Completes the rows of the results with their fit."""

    def __init__(
        self,
        submit: Submit,
        cancel: CancelCommand,
        access: Callable[[], HubAccess],
        settings: Callable[[], Settings],
        results: HubResultListModel,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._submit = submit
        self._cancel = cancel
        self._access = access
        self._settings = settings
        self._results = results
        self._waiting: list[str] = []
        self._asked: dict[str, str] = {}

    @Slot()
    def request(self) -> None:
        """Find out about the results that are listed now; what was asked before is given up."""
        for command_id in self._asked:
            self._cancel(command_id)
        self._asked = {}
        usable = (row for row in self._results.rows if row.fit is None and not row.checkpoint.unusable)
        self._waiting = [row.checkpoint.hub_id for row in usable]
        self._ask_next()

    @Slot(object)
    def on_event(self, event: object) -> None:
        """Take an event of the engine."""
        match event:
            case CheckpointPlanned(command_id=command_id, plan=plan) if command_id in self._asked:
                self._take(command_id, fit_of(plan))
            case CommandFailed(command_id=command_id, error=error) if command_id in self._asked:
                self._take(command_id, ModelFit("", tr(_UNKNOWN), said(error.sentence())))
            case CommandCancelled(command_id=command_id) if command_id in self._asked:
                del self._asked[command_id]
                self._ask_next()

    def _take(self, command_id: str, fit: ModelFit) -> None:
        hub_id = self._asked.pop(command_id)
        row = self._results.found(hub_id)
        if row is not None:
            self._results.put(replace(row, fit=ModelFit(hub_id, fit.label, fit.details)))
        self._ask_next()

    def _ask_next(self) -> None:
        settings = self._settings()
        while self._waiting and len(self._asked) < AT_ONCE:
            hub_id = self._waiting.pop(0)
            command_id = new_id()
            self._asked[command_id] = hub_id
            self._submit(
                PlanCheckpoint(
                    command_id=command_id,
                    checkpoint=hub_id,
                    precision=settings.precision,
                    context_tokens=settings.context_tokens,
                    ask_hub=True,
                    reads_headers=False,
                    access=self._access(),
                )
            )
