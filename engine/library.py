"""The library lane's handler: what lies on this computer's disk, listed and deleted."""

from pathlib import Path

from engine.api.cancellation import CancellationToken
from engine.api.codec import clean_text
from engine.api.commands import Command, ListCheckpoints
from engine.api.errors import EngineError, ErrorKind
from engine.api.events import CheckpointsListed, Emit, Terminal
from engine.checkpoints.local import list_checkpoints


class Library:
    """Handles the commands about the disk, one at a time, on the lane's thread."""

    def __init__(self, data_folder: Path) -> None:
        self._data_folder = data_folder

    def handle(self, command: Command, _cancellation: CancellationToken, _emit: Emit) -> Terminal:
        """Run the command and return its terminal event. Raises EngineError and Cancelled."""
        match command:
            case ListCheckpoints():
                return self._list(command)
            case _:
                raise EngineError(ErrorKind.INVALID_COMMAND, f"{type(command).__name__} is not for the library lane.")

    def _list(self, command: ListCheckpoints) -> Terminal:
        found = list_checkpoints(self._data_folder, command.folders)
        # A file name that is no valid text can't cross the pipe, and its cleaned form would lead nowhere.
        usable = tuple(checkpoint for checkpoint in found if clean_text(checkpoint.reference) == checkpoint.reference)
        return CheckpointsListed(command_id=command.command_id, checkpoints=usable)
