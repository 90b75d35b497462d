"""The lookup lane's handler: asks the Hub about checkpoints that are to be planned and are not on this computer."""

from engine.api.cancellation import CancellationToken
from engine.api.commands import Command, PlanCheckpoint
from engine.api.errors import EngineError, ErrorKind
from engine.api.events import Emit
from engine.checkpoints import known_shapes
from engine.checkpoints.lookups import Lookups
from engine.checkpoints.presence import is_local
from engine.checkpoints.published_files import look_up

# A known shape answers where the Hub can't or may not; what the Hub shows to be unfit stays so.
_UNANSWERED = frozenset({
    ErrorKind.NETWORK, ErrorKind.OFFLINE, ErrorKind.CHECKPOINT_NOT_FOUND, ErrorKind.TOKEN_NEEDED,
    ErrorKind.TERMS_NOT_ACCEPTED,
})  # fmt: skip


class HubLookups:
    """Handles the first half of PlanCheckpoint, on several threads at once; what is found is left in lookups."""

    def __init__(self, lookups: Lookups) -> None:
        self._lookups = lookups

    def handle(self, command: Command, cancellation: CancellationToken, _emit: Emit) -> None:
        """Look the checkpoint up if it isn't here. Raises EngineError and Cancelled."""
        if not isinstance(command, PlanCheckpoint):
            raise EngineError(ErrorKind.INVALID_COMMAND, f"{type(command).__name__} is not for the lookup lane.")
        reference = command.checkpoint
        if is_local(reference) or (known_shapes.named(reference) and "/" not in reference):
            return
        try:
            found = look_up(reference, command.revision or "main", command.access, cancellation)
        except EngineError as error:
            if error.report.kind not in _UNANSWERED or not known_shapes.named(reference):
                raise
            self._lookups.put(command.command_id, error.with_traceback(None))
        else:
            self._lookups.put(command.command_id, found)
