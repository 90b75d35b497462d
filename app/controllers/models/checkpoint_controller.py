"""Which model is loaded: load, reload, unload, the list of what is on this computer, and the state of the engine."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import msgspec
from PySide6.QtCore import QObject, Signal, Slot

from app.controllers import notices, phases
from app.controllers.submitting import CancelCommand, Submit
from app.conversations.records import new_id
from app.language import tr
from app.models.checkpoint_list_model import CheckpointListModel
from app.models.notice import Notice, Severity
from app.settings.levels import for_model
from app.settings.schema import Settings, budgets_from
from app.worker.engine_state import EngineState, EngineStateChanged
from app.worker.reload import RELOAD_PREFIX
from engine.api.commands import ListCheckpoints, LoadCheckpoint, UnloadCheckpoint
from engine.api.errors import ErrorKind, ErrorReport
from engine.api.events import (
    CheckpointLoaded,
    CheckpointsListed,
    CheckpointUnloaded,
    CommandCancelled,
    CommandFailed,
    LoadPhase,
    LoadProgress,
    Terminal,
)
from engine.api.plan import Plan, PrecisionChoice


@dataclass(frozen=True)
class _Wanted:
    """What was asked for with a load."""

    reference: str = ""
    precision: PrecisionChoice = PrecisionChoice.AUTO
    context_tokens: int | None = None
    device: str = "auto"
    draft: str = ""


class CheckpointController(QObject):
    """Signals: load_begun() when a model is asked for, plan_changed(Plan | None), loading_changed(str, "" when idle),
    checkpoint_chosen(reference that was loaded because the user asked for it), notice_raised(Notice),
    notice_cleared(key)."""

    load_begun = Signal()
    plan_changed = Signal(object)
    loading_changed = Signal(object)
    checkpoint_chosen = Signal(object)
    notice_raised = Signal(object)
    notice_cleared = Signal(object)

    def __init__(
        self,
        submit: Submit,
        cancel: CancelCommand,
        restart_engine: Callable[[], None],
        checkpoints: CheckpointListModel,
        settings: Callable[[], Settings],
        is_answering: Callable[[], bool],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._submit = submit
        self._cancel = cancel
        self._restart_engine = restart_engine
        self._checkpoints = checkpoints
        self._settings = settings
        self._is_answering = is_answering
        self._engine_is_ready = False
        self._has_failed = False  # no engine is started any more, unless somebody asks for it
        self._is_asked_again = False
        self._load_id = ""
        self._wanted = _Wanted()
        self._loaded = _Wanted()  # what an engine that is started again loads
        self._missed = ""  # what was wanted when it came back with that instead
        self._remedy: notices.RemedyChoice | None = None
        self._reload_id = ""  # with which the engine that was started loads the model from before
        self._is_stopping = False
        self._card_is_lost = False
        self._fatal: ErrorReport | None = None  # of the load that the engine has died of
        self._replaced: tuple[_Wanted, Plan] | None = None
        self.plan: Plan | None = None
        self.loading = ""

    @property
    def reference(self) -> str:
        """The model in use: the one that is loaded, else the one that was wanted last, else the one to begin with."""
        loaded = self.plan.checkpoint if self.plan is not None else ""
        return loaded or self._wanted.reference or self._settings().checkpoint

    @Slot(object)
    def load(self, reference: str) -> None:
        """Load a checkpoint under the settings' precision and context window; a load that runs is given up for it."""
        self._start_load(_wanted(reference, self._settings()), None)

    @Slot()
    def reload(self) -> None:
        """Load the same checkpoint again, under the settings of now."""
        self.load(self._wanted.reference or self._settings().checkpoint)

    @Slot()
    def provide(self) -> None:
        """See that a model comes: the one that was wanted last, unless one is there or on its way."""
        if self.plan is None and (self._is_stopping or not (self._load_id or self._reload_id)):
            self._begin_load(self._wanted_last(), None)

    @Slot()
    def unload(self) -> None:
        """Give the model's memory back; a load that runs is given up instead."""
        if self._load_id or self._reload_id:
            self.stop_loading()
        else:
            self._submit(UnloadCheckpoint(command_id=new_id()))

    @Slot()
    def stop_loading(self) -> None:
        """Give up the load that runs, if there is one, also one that the engine does by itself."""
        running = [each for each in (self._load_id, self._reload_id) if each]
        if running:
            self._is_stopping = True
            self._set_loading(tr(phases.STOPPING))
        for command_id in running:
            self._cancel(command_id)

    @Slot()
    def refresh(self) -> None:
        """List again what is on this computer."""
        self._submit(ListCheckpoints(command_id=new_id(), folders=self._settings().checkpoint_folders))

    @Slot(object)
    def on_notice_action(self, action_key: str) -> None:
        """Do what a notice's button says, if it is one of this controller's."""
        if action_key == notices.LOAD_MODEL:
            self.load(self._missed) if self._missed else self.reload()
        elif action_key == notices.RESTART_ENGINE:
            self.notice_cleared.emit(notices.ENGINE_KEY)
            self.notice_cleared.emit(notices.MODEL_KEY)
            self._is_asked_again = self._has_failed
            self._restart_engine()
        elif (choice := notices.remedy_choice(action_key)) is not None:
            self._load_with(choice)

    @Slot(object)
    def on_event(self, event: object) -> None:
        """Take an event of the engine."""
        if isinstance(event, CommandFailed) and event.error.kind is ErrorKind.DEVICE_LOST:
            self._card_is_lost = True
        if isinstance(event, LoadProgress) and event.phase in (LoadPhase.LOADING, LoadPhase.CHECKING):
            self._replaced = None
        if isinstance(event, Terminal) and event.command_id == self._reload_id:
            self._reload_id = ""
        match event:
            case EngineStateChanged():
                self._on_engine_state(event)
            case LoadProgress(command_id=command_id) if self._is_load(command_id) and not self._is_stopping:
                self._set_loading(phases.load_phase(event))
            case CheckpointLoaded(command_id=command_id, plan=plan) if self._is_awaited(command_id):
                self._on_loaded(command_id, plan)
            case CheckpointLoaded(command_id=command_id, plan=plan) if self._is_load(command_id):
                self._replaced = (self._loaded, plan)  # the engine's own reload: there until what is wanted begins
            case CheckpointUnloaded():
                self._set_plan(None)
            case CheckpointsListed(checkpoints=found):
                self._checkpoints.set_checkpoints(found)
            case CommandFailed(command_id=command_id, error=error) if self._is_awaited(command_id):
                self._on_load_failed(error)
            case CommandCancelled(command_id=command_id) if self._is_awaited(command_id):
                self._end_load(self._taken_back())

    def _load_with(self, choice: notices.RemedyChoice) -> None:
        """Load as before, but for what the remedy changes."""
        reference, remedy = choice.checkpoint or self._wanted.reference, choice.remedy
        settings = self._settings()
        before = self._wanted
        if reference != before.reference:
            before = _wanted(reference or settings.checkpoint, settings)
        wanted = replace(
            before,
            precision=remedy.precision or before.precision,
            context_tokens=remedy.context_tokens or before.context_tokens,
            device=remedy.device or before.device,
            draft=before.draft if remedy.draft is None else remedy.draft,
        )
        self._start_load(wanted, choice)

    def _wanted_last(self) -> _Wanted:
        settings = self._settings()
        return _wanted(self._wanted.reference or settings.checkpoint, settings)

    def _start_load(self, wanted: _Wanted, remedy: notices.RemedyChoice | None) -> None:
        """Load what the user has asked for, with another engine if the last one was given up."""
        if self._has_failed:
            self._restart_engine()
        self._begin_load(wanted, remedy)

    def _begin_load(self, wanted: _Wanted, remedy: notices.RemedyChoice | None) -> None:
        self.load_begun.emit()
        if self._load_id:
            self._cancel(self._load_id)
        if self.plan is not None:
            self._replaced = (self._wanted, self.plan)
        self._wanted = wanted
        self._fatal = None
        self._missed = ""
        self._is_stopping = False
        self._remedy = remedy
        self._load_id = new_id()
        self.notice_cleared.emit(notices.MODEL_KEY)
        self._set_plan(None)
        self._set_loading(self._first_words())
        self._submit(
            LoadCheckpoint(
                command_id=self._load_id,
                checkpoint=wanted.reference,
                draft=wanted.draft,
                precision=wanted.precision,
                context_tokens=wanted.context_tokens,
                device=wanted.device,
                compiles=self._settings().compile_model,
                budgets=budgets_from(self._settings()),
            )
        )

    def _first_words(self) -> str:
        """Return what is told until the engine tells how far the load has come."""
        if not self._engine_is_ready:
            return tr(phases.STARTING_ENGINE)
        if not self._is_answering():
            return tr(phases.LOADING)
        return tr(phases.LOADS_AFTER_ANSWER).format(name=self._checkpoints.name_of(self._wanted.reference))

    def _is_load(self, command_id: str) -> bool:
        return command_id == self._load_id or command_id.startswith(RELOAD_PREFIX)

    def _is_awaited(self, command_id: str) -> bool:
        """Whether a load's end is what is waited for: the engine's own reload is not, once something else is wanted."""
        return self._is_load(command_id) and (not self._load_id or command_id == self._load_id)

    def _on_loaded(self, command_id: str, plan: Plan) -> None:
        chosen = command_id == self._load_id
        if not chosen and plan.checkpoint == self._loaded.reference != self._wanted.reference:
            self._missed, self._wanted = self._wanted.reference, self._loaded
        wanted, remedy, card_was_lost, self._card_is_lost = self._wanted, self._remedy, self._card_is_lost, False
        self._loaded = wanted
        self._fatal = None
        if not self._missed:  # else it says why the one that was wanted isn't here
            self.notice_cleared.emit(notices.MODEL_KEY)
        self.notice_cleared.emit(notices.ENGINE_KEY)
        self._end_load(plan)
        if chosen:
            self.checkpoint_chosen.emit(wanted.reference)
            self.refresh()
            if remedy is not None:
                self.notice_raised.emit(notices.loaded_again_notice(plan, remedy))
        if card_was_lost and plan.device == "cpu" and wanted.device != "cpu":
            self.notice_raised.emit(notices.card_gone_notice(plan))

    def _on_load_failed(self, error: ErrorReport) -> None:
        if error.kind in (ErrorKind.ENGINE_DIED, ErrorKind.DEVICE_LOST):
            self._replaced = None
        self._fatal = error if error.kind is ErrorKind.ENGINE_DIED else None
        failed = self._wanted.reference
        self._end_load(self._taken_back())
        self._raise_load_notice(error, failed)

    def _raise_load_notice(self, error: ErrorReport, failed: str) -> None:
        """Say that the load failed; where no engine is left, its button starts one too, and tells it alone."""
        if self._has_failed and error.kind is ErrorKind.ENGINE_DIED:
            self.notice_cleared.emit(notices.ENGINE_KEY)
        self.notice_raised.emit(notices.load_failed_notice(error, failed, card_is_lost=self._card_is_lost))

    def _taken_back(self) -> Plan | None:
        """Want the model from before again and return its plan: it is given up only for one that can be loaded."""
        if self._replaced is None:
            return None
        self._wanted, plan = self._replaced
        return plan

    def _end_load(self, plan: Plan | None = None) -> None:
        """End the wait for a load, with the model that is there now.

        First the model, then the end of the wait: so what waited for it begins without a moment of idleness, and may
        have another model loaded at once, which is then waited for.
        """
        self._load_id = ""
        self._remedy = None
        self._replaced = None
        if plan is not None:
            self._set_plan(plan)
        if not self._load_id and not self._reload_id:
            self._is_stopping = False
            self._set_loading("")

    def _on_engine_state(self, change: EngineStateChanged) -> None:
        self._engine_is_ready = change.state is EngineState.READY
        had_failed, self._has_failed = self._has_failed, change.state is EngineState.FAILED
        if change.state in (EngineState.STARTING, EngineState.RESTARTING):
            self._reload_id = change.reload_id
            self._is_stopping = False
            self._replaced = None
            self._set_plan(None)
            if change.state is EngineState.RESTARTING:
                self._set_loading(tr(phases.RESTARTING_ENGINE))
                self._raise_engine_notice(change, Severity.WARNING)
                self._go_on_after(change.reload_id, had_failed=had_failed)
            elif change.reload_id:
                self._set_loading(tr(phases.STARTING_ENGINE))
        elif change.state is EngineState.READY:
            # With a model from before, the link loads it again; that load's end is the end of this phase.
            if not self._load_id and not self._reload_id:
                self._set_loading("")
                self.notice_cleared.emit(notices.ENGINE_KEY)
        elif change.state is EngineState.FAILED:
            self._reload_id = ""
            self._set_plan(None)
            self._end_load()
            if self._fatal is None:
                self._raise_engine_notice(change, Severity.ERROR)
            else:
                told = msgspec.structs.replace(self._fatal, message=change.message)
                self._raise_load_notice(told, self._wanted.reference)

    def _go_on_after(self, reload_id: str, *, had_failed: bool) -> None:
        """See that an engine which somebody has asked for brings one model: what is wanted, else the one of before."""
        is_asked_again, self._is_asked_again = self._is_asked_again, False
        if had_failed and self._load_id and reload_id:
            self._cancel(reload_id)
        elif is_asked_again and not self._load_id and not reload_id:
            self._begin_load(self._wanted if self._wanted.reference else self._wanted_last(), None)

    def _raise_engine_notice(self, change: EngineStateChanged, severity: Severity) -> None:
        failed = change.state is EngineState.FAILED
        self.notice_raised.emit(
            Notice(
                key=notices.ENGINE_KEY,
                text=change.message,
                severity=severity,
                action=tr("Start it again") if failed else "",
                action_key=notices.RESTART_ENGINE if failed else "",
                details=change.details,
            )
        )

    def _set_plan(self, plan: Plan | None) -> None:
        if plan != self.plan:
            self.plan = plan
            self.plan_changed.emit(plan)

    def _set_loading(self, words: str) -> None:
        if words != self.loading:
            self.loading = words
            self.loading_changed.emit(words)


def _wanted(reference: str, settings: Settings) -> _Wanted:
    """Return what is wanted of a checkpoint under the settings; a model is no draft model of its own."""
    settings = for_model(settings, reference)
    draft = "" if settings.draft_checkpoint == reference else settings.draft_checkpoint
    return _Wanted(reference, settings.precision, settings.context_tokens, draft=draft)
