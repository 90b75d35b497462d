"""The transfer lane's handler: lists and downloads checkpoints, so that neither ever delays a token."""

from pathlib import Path

from engine.api.cancellation import CancellationToken
from engine.api.codec import clean_text
from engine.api.commands import Command, DownloadCheckpoint, ListCheckpoints
from engine.api.errors import EngineError, ErrorKind
from engine.api.events import CheckpointsListed, DownloadFinished, DownloadProgress, Emit, Terminal
from engine.checkpoints.download import download
from engine.checkpoints.local import list_checkpoints


class Transfers:
    """Handles ListCheckpoints and DownloadCheckpoint, one at a time, on the lane's thread."""

    def __init__(self, data_folder: Path) -> None:
        self._data_folder = data_folder

    def handle(self, command: Command, cancellation: CancellationToken, emit: Emit) -> Terminal:
        """Run the command and return its terminal event. Raises EngineError and Cancelled."""
        if isinstance(command, ListCheckpoints):
            return self._list(command)
        if isinstance(command, DownloadCheckpoint):
            return self._download(command, cancellation, emit)
        raise EngineError(ErrorKind.INVALID_COMMAND, f"{type(command).__name__} is not for the transfer lane.")

    def _list(self, command: ListCheckpoints) -> Terminal:
        found = list_checkpoints(self._data_folder, command.folders)
        # A file name that is no valid text can't cross the pipe, and its cleaned form would lead nowhere.
        usable = tuple(checkpoint for checkpoint in found if clean_text(checkpoint.reference) == checkpoint.reference)
        return CheckpointsListed(command_id=command.command_id, checkpoints=usable)

    def _download(self, command: DownloadCheckpoint, cancellation: CancellationToken, emit: Emit) -> Terminal:
        last = (-1, -1)

        def report(done: int, total: int) -> None:
            nonlocal last
            if (done, total) != last:
                last = (done, total)
                emit(DownloadProgress(command_id=command.command_id, done_bytes=done, total_bytes=total))

        revision = command.revision or "main"
        commit = download(command.checkpoint, revision, command.endpoint, command.token, cancellation, report)
        return DownloadFinished(command_id=command.command_id, checkpoint=command.checkpoint, revision=commit)
