"""The transfer lane's handler: downloads checkpoints, so that no download ever delays a token."""

from engine.api.cancellation import CancellationToken
from engine.api.commands import Command, DownloadCheckpoint
from engine.api.errors import EngineError, ErrorKind
from engine.api.events import DownloadFinished, DownloadProgress, Emit, Terminal
from engine.hub.download import DownloadState, download


class Transfers:
    """Handles DownloadCheckpoint, on several threads at once."""

    def handle(self, command: Command, cancellation: CancellationToken, emit: Emit) -> Terminal:
        """Run the command and return its terminal event. Raises EngineError and Cancelled."""
        if not isinstance(command, DownloadCheckpoint):
            raise EngineError(ErrorKind.INVALID_COMMAND, f"{type(command).__name__} is not for the transfer lane.")

        def report(state: DownloadState) -> None:
            emit(
                DownloadProgress(
                    command_id=command.command_id,
                    done_bytes=state.done_bytes,
                    total_bytes=state.total_bytes,
                    phase=state.phase,
                    bytes_per_second=state.bytes_per_second,
                    seconds_left=state.seconds_left,
                    words=state.words,
                )
            )

        found = download(command.checkpoint, command.revision, command.access, cancellation, report)
        return DownloadFinished(
            command_id=command.command_id,
            checkpoint=found.hub_id,
            revision=found.commit,
            received_bytes=found.received_bytes,
        )
