"""Which model is loaded: load, reload, unload, the list of what is on this computer, and the state of the engine."""

from collections.abc import Callable

from PySide6.QtCore import QObject, Signal, Slot

from app.controllers import notices, phases
from app.controllers.answer_runner import CancelCommand, Submit
from app.conversations.records import new_id
from app.models.checkpoint_list_model import CheckpointListModel
from app.models.notice import Notice, Severity
from app.settings.schema import Settings
from app.worker.engine_link import RELOAD_PREFIX, EngineState, EngineStateChanged
from engine.api.commands import ListCheckpoints, LoadCheckpoint, UnloadCheckpoint
from engine.api.errors import ErrorKind
from engine.api.events import (
    CheckpointLoaded,
    CheckpointsListed,
    CheckpointUnloaded,
    CommandCancelled,
    CommandFailed,
    LoadPhase,
    LoadProgress,
)
from engine.api.plan import Plan

_LOADING = "Loading the model"


class CheckpointController(QObject):
    """Signals: plan_changed(Plan | None), loading_changed(str, "" when idle), checkpoint_chosen(reference that was
    loaded because the user asked for it), notice_raised(Notice), notice_cleared(key)."""

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
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._submit = submit
        self._cancel = cancel
        self._restart_engine = restart_engine
        self._checkpoints = checkpoints
        self._settings = settings
        self._engine_is_ready = False
        self._load_id = ""
        self._reference = ""
        self._had_plan = False
        self._replaced: tuple[str, Plan] | None = None
        self.plan: Plan | None = None
        self.loading = ""

    @Slot(object)
    def load(self, reference: str) -> None:
        """Load a checkpoint under the settings' precision and context window; a load that runs is given up for it."""
        if self._load_id:
            self._cancel(self._load_id)
        settings = self._settings()
        if self.plan is not None:
            self._replaced = (self._reference, self.plan)
        self._reference = reference
        self._load_id = new_id()
        self.notice_cleared.emit(notices.MODEL_KEY)
        self._set_plan(None)
        self._set_loading(_LOADING if self._engine_is_ready else phases.STARTING_ENGINE)
        self._submit(
            LoadCheckpoint(
                command_id=self._load_id,
                checkpoint=reference,
                precision=settings.precision,
                context_tokens=settings.context_tokens,
            )
        )

    @Slot()
    def reload(self) -> None:
        """Load the same checkpoint again, under the settings of now."""
        self.load(self._reference or self._settings().checkpoint)

    @Slot()
    def unload(self) -> None:
        """Give the model's memory back; a load that runs is given up instead."""
        if self._load_id:
            self.stop_loading()
        else:
            self._submit(UnloadCheckpoint(command_id=new_id()))

    @Slot()
    def stop_loading(self) -> None:
        """Give up the load that runs, if there is one."""
        if self._load_id:
            self._cancel(self._load_id)

    @Slot()
    def refresh(self) -> None:
        """List again what is on this computer."""
        self._submit(ListCheckpoints(command_id=new_id(), folders=self._settings().checkpoint_folders))

    @Slot(object)
    def on_notice_action(self, action_key: str) -> None:
        """Do what a notice's button says, if it is one of this controller's."""
        if action_key == notices.LOAD_MODEL:
            self.reload()
        elif action_key == notices.RESTART_ENGINE:
            self.notice_cleared.emit(notices.ENGINE_KEY)
            self._restart_engine()

    @Slot(object)
    def on_event(self, event: object) -> None:
        """Take an event of the engine."""
        if isinstance(event, LoadProgress) and event.phase in (LoadPhase.LOADING, LoadPhase.CHECKING):
            self._replaced = None
        match event:
            case EngineStateChanged():
                self._on_engine_state(event)
            case LoadProgress(command_id=command_id) if self._is_load(command_id):
                self._set_loading(phases.load_phase(event))
            case CheckpointLoaded(command_id=command_id, plan=plan) if self._is_load(command_id):
                self._on_loaded(command_id, plan)
            case CheckpointUnloaded():
                self._set_plan(None)
            case CheckpointsListed(checkpoints=found):
                self._checkpoints.set_checkpoints(found)
            case CommandFailed(command_id=command_id, error=error) if self._is_load(command_id):
                if error.kind is ErrorKind.ENGINE_DIED:
                    self._replaced = None
                self._take_back()
                self._end_load()
                self.notice_raised.emit(notices.load_failed_notice(error))
            case CommandCancelled(command_id=command_id) if self._is_load(command_id):
                self._take_back()
                self._end_load()

    def _is_load(self, command_id: str) -> bool:
        return command_id == self._load_id or command_id.startswith(RELOAD_PREFIX)

    def _on_loaded(self, command_id: str, plan: Plan) -> None:
        chosen = command_id == self._load_id
        if self._load_id and not chosen:
            return  # the engine's own reload, while something else is already wanted
        # First the model, then the end of the wait: so what waited for it begins without a moment of idleness.
        self._set_plan(plan)
        self._end_load()
        self.notice_cleared.emit(notices.MODEL_KEY)
        self.notice_cleared.emit(notices.ENGINE_KEY)
        if chosen:
            self.checkpoint_chosen.emit(self._reference)
            self.refresh()

    def _take_back(self) -> None:
        """Show the model from before again: the engine gives it up only for one that can be loaded."""
        if self._replaced is not None:
            self._reference, plan = self._replaced
            self._set_plan(plan)

    def _end_load(self) -> None:
        self._load_id = ""
        self._replaced = None
        self._had_plan = False
        self._set_loading("")

    def _on_engine_state(self, change: EngineStateChanged) -> None:
        self._engine_is_ready = change.state is EngineState.READY
        if change.state is EngineState.RESTARTING:
            self._had_plan = self.plan is not None
            self._set_plan(None)
            self._set_loading(phases.RESTARTING_ENGINE)
            self._raise_engine_notice(change, Severity.WARNING)
        elif change.state is EngineState.READY:
            # With a model loaded before, the link loads it again; that load's end is the end of this phase.
            if not self._load_id and not self._had_plan:
                self._set_loading("")
                self.notice_cleared.emit(notices.ENGINE_KEY)
        elif change.state is EngineState.FAILED:
            self._set_plan(None)
            self._end_load()
            self._raise_engine_notice(change, Severity.ERROR)

    def _raise_engine_notice(self, change: EngineStateChanged, severity: Severity) -> None:
        failed = change.state is EngineState.FAILED
        self.notice_raised.emit(
            Notice(
                key=notices.ENGINE_KEY,
                text=change.message,
                severity=severity,
                action="Start it again" if failed else "",
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
