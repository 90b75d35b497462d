"""Keeps a model from answering out of files that were changed under it, without waiting for a disk that hangs."""

from engine.api.cancellation import CancellationToken
from engine.api.errors import EngineError, ErrorKind
from engine.checkpoints.mapped_files import MappedFiles
from engine.kv.disk.file_reader import FileReader, GivenUpError, Patience

# What lies in memory answers also where its disk hangs.
_PATIENCE_SECONDS = 2.0


class WeightsGuard:
    """Remembers the files of the model that is loaded. Belongs to the compute lane."""

    def __init__(self) -> None:
        self._files = MappedFiles({})
        self._reader = FileReader("model-files", "models")

    def note(self) -> None:
        """Remember the files as they are now."""
        self._files = MappedFiles.of_this_process()

    def check(self, model_name: str, cancellation: CancellationToken) -> None:
        """Raise EngineError(MODEL_CHANGED) if one was written to since."""
        if not self._files or self._reader.rests:
            return
        try:
            patience = Patience(_PATIENCE_SECONDS, lambda: cancellation.is_cancelled)
            changed = self._reader.result(lambda _: self._files.changed(), patience)
        except GivenUpError:
            return
        if changed is not None:
            raise EngineError(
                ErrorKind.MODEL_CHANGED,
                f"A file of {model_name} was changed while the model was in use, so its answers would be wrong.",
                "Load the model again.",
                str(changed),
            )
