"""How well each model on this computer would fit: asked of the engine one by one, when someone wants to see it."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QObject, Signal, Slot

from app.controllers.submitting import Submit
from app.conversations.records import new_id
from app.engine_words import said
from app.language import mark, tr
from app.models.checkpoint_list_model import CheckpointListModel
from app.models.plan_words import ModelFit, fit_of
from app.settings.levels import for_model
from app.settings.schema import Settings
from app.worker.engine_state import EngineState, EngineStateChanged
from engine.api.checkpoint import LocalCheckpoint
from engine.api.commands import PlanCheckpoint
from engine.api.errors import ErrorKind
from engine.api.events import CheckpointPlanned, CommandCancelled, CommandFailed
from engine.api.plan import PrecisionChoice

# Other programs take and give memory: what is older is shown, and asked again behind it.
STALE_SECONDS = 60.0
_UNUSABLE = mark("Can't be used")
# Failures that say nothing about the checkpoint.
_PASSING = frozenset({ErrorKind.ENGINE_DIED, ErrorKind.INTERNAL, ErrorKind.DEVICE_LOST, ErrorKind.OUT_OF_MEMORY})


@dataclass(frozen=True)
class _Question:
    """What an answer depends on: the files and the settings."""

    checkpoint: LocalCheckpoint
    precision: PrecisionChoice
    context_tokens: int | None


class PlanController(QObject):
    """Signal: fit_found(ModelFit). Only one plan at a time is with the engine, so that an answer waits for no more."""

    fit_found = Signal(object)

    def __init__(
        self,
        submit: Submit,
        checkpoints: CheckpointListModel,
        settings: Callable[[], Settings],
        parent: QObject | None = None,
        *,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(parent)
        self._submit = submit
        self._checkpoints = checkpoints
        self._settings = settings
        self._now = now
        self._known: dict[_Question, tuple[ModelFit, float]] = {}
        self._waiting: list[_Question] = []
        self._asked: _Question | None = None
        self._command_id = ""
        self._engine_is_there = True

    @Slot()
    def request(self) -> None:
        """Tell how every listed model fits: what is known at once, the rest as the engine says it."""
        questions = [self._question(checkpoint) for checkpoint in self._checkpoints.usable()]
        self._known = {question: found for question, found in self._known.items() if question in questions}
        oldest = self._now() - STALE_SECONDS
        self._waiting = []
        for question in questions:
            found = self._known.get(question)
            if found is not None:
                self.fit_found.emit(found[0])
            if (found is None or found[1] < oldest) and question != self._asked:
                self._waiting.append(question)
        self._ask_next()

    @Slot(object)
    def on_event(self, event: object) -> None:
        """Take an event of the engine."""
        match event:
            case EngineStateChanged(state=state):
                self._engine_is_there = state is not EngineState.FAILED
            case CheckpointPlanned(command_id=command_id, plan=plan) if command_id == self._command_id:
                self._take(fit_of(plan))
            case CommandFailed(command_id=command_id, error=error) if command_id == self._command_id:
                if error.kind in _PASSING:
                    self._waiting = []
                    self._take(None)
                else:
                    self._take(ModelFit("", tr(_UNUSABLE), said(error.sentence())))
            case CommandCancelled(command_id=command_id) if command_id == self._command_id:
                self._take(None)

    def _question(self, checkpoint: LocalCheckpoint) -> _Question:
        settings = for_model(self._settings(), checkpoint.reference)
        return _Question(checkpoint, settings.precision, settings.context_tokens)

    def _take(self, found: ModelFit | None) -> None:
        question, self._asked, self._command_id = self._asked, None, ""
        if found is not None and question is not None:
            fit = ModelFit(question.checkpoint.reference, found.label, found.details)
            self._known[question] = (fit, self._now())
            if question == self._current(question.checkpoint.reference):
                self.fit_found.emit(fit)
        self._ask_next()

    def _current(self, reference: str) -> _Question | None:
        found = (each for each in self._checkpoints.usable() if each.reference == reference)
        return next((self._question(checkpoint) for checkpoint in found), None)

    def _ask_next(self) -> None:
        if self._asked is not None or not self._waiting or not self._engine_is_there:
            return
        question = self._waiting.pop(0)
        self._asked, self._command_id = question, new_id()
        self._submit(
            PlanCheckpoint(
                command_id=self._command_id,
                checkpoint=question.checkpoint.reference,
                precision=question.precision,
                context_tokens=question.context_tokens,
            )
        )
