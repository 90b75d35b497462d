"""The library lane's handler: what lies on this computer's disk, listed, deleted and moved."""

from pathlib import Path

import msgspec

from engine.api.cancellation import CancellationToken
from engine.api.codec import clean_text
from engine.api.commands import Command, DeleteCheckpoint, DiscardDownload, ListCheckpoints, MoveCache
from engine.api.errors import EngineError, ErrorKind
from engine.api.events import (
    CacheMoved,
    CacheMoveProgress,
    CheckpointDeleted,
    CheckpointsListed,
    DownloadDiscarded,
    Emit,
    Terminal,
)
from engine.checkpoints.library.deletion import delete_checkpoint, discard_download
from engine.checkpoints.library.listing import list_checkpoints
from engine.hub import moving, removal
from engine.hub.cache import cache_folder


class Library:
    """Handles the commands about the disk, one at a time, on the lane's thread."""

    def __init__(self, data_folder: Path) -> None:
        self._data_folder = data_folder

    def handle(self, command: Command, cancellation: CancellationToken, emit: Emit) -> Terminal:
        """Run the command and return its terminal event. Raises EngineError and Cancelled."""
        match command:
            case ListCheckpoints():
                return self._list(command)
            case DeleteCheckpoint():
                return self._delete(command)
            case DiscardDownload():
                freed = discard_download(command.checkpoint, self._data_folder)
                return DownloadDiscarded(
                    command_id=command.command_id, checkpoint=command.checkpoint, freed_bytes=freed
                )
            case MoveCache():
                return self._move(command, cancellation, emit)
            case _:
                raise EngineError(ErrorKind.INVALID_COMMAND, f"{type(command).__name__} is not for the library lane.")

    def _list(self, command: ListCheckpoints) -> Terminal:
        removal.remove_abandoned()
        found = list_checkpoints(self._data_folder, command.folders)
        # A file name that is no valid text can't cross the pipe, and its cleaned form would lead nowhere.
        usable = tuple(
            msgspec.structs.replace(checkpoint, name=clean_text(checkpoint.name), folder=clean_text(checkpoint.folder))
            for checkpoint in found
            if clean_text(checkpoint.reference) == checkpoint.reference
        )
        hub_folder = clean_text(str(cache_folder()))
        return CheckpointsListed(command_id=command.command_id, checkpoints=usable, hub_folder=hub_folder)

    def _delete(self, command: DeleteCheckpoint) -> Terminal:
        removal.remove_abandoned()
        freed = delete_checkpoint(
            command.checkpoint, command.revision, command.folders, self._data_folder, only_count=command.only_count
        )
        return CheckpointDeleted(command_id=command.command_id, checkpoint=command.checkpoint, freed_bytes=freed)

    def _move(self, command: MoveCache, cancellation: CancellationToken, emit: Emit) -> Terminal:
        def report(done: int, total: int) -> None:
            emit(CacheMoveProgress(command_id=command.command_id, done_bytes=done, total_bytes=total))

        folder, moved = moving.move_cache(command.target, cancellation, report)
        return CacheMoved(command_id=command.command_id, folder=str(folder), moved_bytes=moved)
