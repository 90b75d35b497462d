"""The transfer lane's handler: downloads checkpoints, so that no download ever delays a token."""

from engine.api.cancellation import CancellationToken
from engine.api.commands import Command, DownloadCheckpoint
from engine.api.errors import EngineError, ErrorKind
from engine.api.events import DownloadFinished, DownloadProgress, Emit, Terminal
from engine.hub.download import download


class Transfers:
    """Handles DownloadCheckpoint, on several threads at once."""

    def handle(self, command: Command, cancellation: CancellationToken, emit: Emit) -> Terminal:
        """Run the command and return its terminal event. Raises EngineError and Cancelled."""
        if not isinstance(command, DownloadCheckpoint):
            raise EngineError(ErrorKind.INVALID_COMMAND, f"{type(command).__name__} is not for the transfer lane.")
        last = (-1, -1)

        def report(done: int, total: int) -> None:
            nonlocal last
            if (done, total) != last:
                last = (done, total)
                emit(DownloadProgress(command_id=command.command_id, done_bytes=done, total_bytes=total))

        revision = command.revision or "main"
        commit = download(command.checkpoint, revision, command.access, cancellation, report)
        return DownloadFinished(command_id=command.command_id, checkpoint=command.checkpoint, revision=commit)
