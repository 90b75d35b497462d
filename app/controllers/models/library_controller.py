"""What lies on this computer's disk: deleting a model, throwing an unfinished download away, moving them all."""

from collections.abc import Callable

from PySide6.QtCore import QObject, Signal, Slot

from app.controllers.models import hub_notices
from app.controllers.submitting import Submit
from app.conversations.records import new_id
from app.models.checkpoint_list_model import CheckpointListModel
from app.models.notice import Notice
from app.settings.schema import Settings
from engine.api.checkpoint import LocalCheckpoint
from engine.api.commands import Command, DeleteCheckpoint, DiscardDownload, MoveCache, UnloadCheckpoint
from engine.api.errors import ErrorReport
from engine.api.events import (
    CacheMoved,
    CacheMoveProgress,
    CheckpointDeleted,
    CheckpointsListed,
    CheckpointUnloaded,
    CommandCancelled,
    CommandFailed,
    DownloadDiscarded,
)
from engine.api.plan import Plan


class LibraryController(QObject):
    """Signals: deletion_counted((LocalCheckpoint, bytes)) to be confirmed, move_progressed((done, total) | None),
    cache_moved(folder), reload_wanted() after a move, done or not, for which a model was let go,
    folder_told(folder that downloads lie in), changed() when the list has to be made anew, notice_raised(Notice),
    notice_cleared(key)."""

    deletion_counted = Signal(object)
    move_progressed = Signal(object)
    cache_moved = Signal(object)
    reload_wanted = Signal()
    folder_told = Signal(object)
    changed = Signal()
    notice_raised = Signal(object)
    notice_cleared = Signal(object)

    def __init__(
        self,
        submit: Submit,
        checkpoints: CheckpointListModel,
        settings: Callable[[], Settings],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._submit = submit
        self._checkpoints = checkpoints
        self._settings = settings
        self._plan: Plan | None = None
        self._counted: dict[str, LocalCheckpoint] = {}  # command id: what it asks about
        self._changes: set[str] = set()
        self._move_id = ""
        self._had_model = False
        self._after_unload: dict[str, Command] = {}  # what touches the loaded model's files waits for its unloading

    @Slot(object)
    def set_plan(self, plan: Plan | None) -> None:
        """Know which model is loaded: its files are let go before anything happens to them."""
        self._plan = plan

    @Slot(object)
    def count(self, reference: str) -> None:
        """Find out what deleting a model would free, so that it can be confirmed."""
        checkpoint = self._found(reference)
        if checkpoint is not None:
            command_id = new_id()
            self._counted[command_id] = checkpoint
            self._submit(self._delete(command_id, reference, only_count=True))

    @Slot(object)
    def delete(self, reference: str) -> None:
        """Delete a model from the disk; if it is loaded, it is unloaded first."""
        command_id = new_id()
        self._changes.add(command_id)
        self.notice_cleared.emit(hub_notices.LIBRARY_KEY)
        command = self._delete(command_id, reference, only_count=False)
        if self._is_in_use(reference):
            self._submit_after_unload(command)
        else:
            self._submit(command)

    @Slot(object)
    def discard(self, hub_id: str) -> None:
        """Throw away what there is of a model that was not downloaded to the end."""
        command_id = new_id()
        self._changes.add(command_id)
        self.notice_cleared.emit(hub_notices.LIBRARY_KEY)
        self._submit(DiscardDownload(command_id=command_id, checkpoint=hub_id))

    @Slot(object)
    def move(self, folder: str) -> None:
        """Move the folder of downloads; the loaded model is let go first, as its files may lie in it."""
        if self._move_id:
            return
        self._move_id = new_id()
        self._had_model = self._plan is not None
        self.notice_cleared.emit(hub_notices.LIBRARY_KEY)
        self.move_progressed.emit((0, 0))
        self._submit_after_unload(MoveCache(command_id=self._move_id, target=folder))

    @Slot(object)
    def on_event(self, event: object) -> None:
        """Take an event of the engine."""
        match event:
            case CheckpointsListed(hub_folder=folder) if folder:
                self.folder_told.emit(folder)
            case CheckpointUnloaded(command_id=command_id) if command_id in self._after_unload:
                self._submit(self._after_unload.pop(command_id))
            case CacheMoveProgress(command_id=self._move_id, done_bytes=done, total_bytes=total):
                self.move_progressed.emit((done, total))
            case CacheMoved(command_id=self._move_id, folder=folder):
                self._end_move()
                self.cache_moved.emit(folder)
                self._bring_model_back()
            case CheckpointDeleted(command_id=command_id, freed_bytes=freed) if command_id in self._counted:
                self.deletion_counted.emit((self._counted.pop(command_id), freed))
            case CheckpointDeleted(command_id=command_id, freed_bytes=freed, checkpoint=reference):
                self._end_change(command_id, hub_notices.deleted_model_notice(reference, freed))
            case DownloadDiscarded(command_id=command_id):
                self._end_change(command_id)
            case CommandFailed(command_id=command_id, error=error):
                self._on_failed(command_id, error)
            case CommandCancelled(command_id=command_id):
                self._on_cancelled(command_id)

    def _is_in_use(self, reference: str) -> bool:
        """Return whether the loaded model or its draft is this one, or a revision of it."""
        used = () if self._plan is None else (self._plan.checkpoint, self._plan.draft)
        return any(each == reference or each.startswith(f"{reference}@") for each in used)

    def _delete(self, command_id: str, reference: str, *, only_count: bool) -> DeleteCheckpoint:
        folders = self._settings().checkpoint_folders
        return DeleteCheckpoint(command_id=command_id, checkpoint=reference, only_count=only_count, folders=folders)

    def _end_change(self, command_id: str, notice: Notice | None = None) -> None:
        if command_id in self._changes:
            self._changes.discard(command_id)
            self.changed.emit()
            if notice is not None:
                self.notice_raised.emit(notice)

    def _on_failed(self, command_id: str, error: ErrorReport) -> None:
        put_off = self._after_unload.pop(command_id, None)
        if put_off is not None:
            command_id = put_off.command_id
        if command_id == self._move_id:
            self._end_move()
            self._bring_model_back()
        elif command_id in self._counted:
            del self._counted[command_id]
        elif command_id in self._changes:
            self._end_change(command_id)
        else:
            return
        self.notice_raised.emit(hub_notices.library_failed_notice(error))

    def _on_cancelled(self, command_id: str) -> None:
        put_off = self._after_unload.pop(command_id, None)
        ended = put_off.command_id if put_off is not None else command_id
        self._counted.pop(ended, None)
        self._changes.discard(ended)
        if ended and ended == self._move_id:
            self._end_move()
            self._bring_model_back()

    def _submit_after_unload(self, command: Command) -> None:
        unload = UnloadCheckpoint(command_id=new_id())
        self._after_unload[unload.command_id] = command
        self._submit(unload)

    def _bring_model_back(self) -> None:
        if self._had_model:
            self._had_model = False
            self.reload_wanted.emit()

    def _end_move(self) -> None:
        self._move_id = ""
        self.move_progressed.emit(None)
        self.changed.emit()

    def _found(self, reference: str) -> LocalCheckpoint | None:
        return next((each for each in self._checkpoints.checkpoints if each.reference == reference), None)
