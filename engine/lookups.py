"""The lookup lane's handler: asks the Hub what it has, also of checkpoints that are to be planned and aren't here."""

import msgspec

from engine.api.cancellation import CancellationToken
from engine.api.commands import CheckConnection, Command, InspectCheckpoint, PlanCheckpoint, SearchCheckpoints
from engine.api.errors import EngineError, ErrorKind
from engine.api.events import CheckpointInspected, CheckpointsFound, ConnectionChecked, Emit, Terminal
from engine.checkpoints import known_shapes
from engine.checkpoints.lookups import Lookups, draft_key
from engine.checkpoints.presence import is_local
from engine.checkpoints.remote_files import LookedUp, look_up, look_up_shape
from engine.hub.address import parse
from engine.hub.connection import check_connection
from engine.hub.details import details_of
from engine.hub.search import search
from engine.hub.session import endpoint_of
from engine.hub.waiting import awaited

# A known shape answers where the Hub can't or may not; what the Hub shows to be unfit stays so.
_NOT_READABLE = frozenset({ErrorKind.TOKEN_NEEDED, ErrorKind.TERMS_NOT_ACCEPTED})
_UNANSWERED = _NOT_READABLE | {ErrorKind.NETWORK, ErrorKind.OFFLINE, ErrorKind.CHECKPOINT_NOT_FOUND}


class HubLookups:
    """Handles the questions to the Hub and the first half of PlanCheckpoint, on several threads at once.

    What is found for a plan is left in lookups. Every question ends at once when it is cancelled.
    """

    def __init__(self, lookups: Lookups) -> None:
        self._lookups = lookups

    def handle(self, command: Command, cancellation: CancellationToken, _emit: Emit) -> Terminal | None:
        """Return the answer, None for a plan, which the compute lane goes on with. Raises EngineError and Cancelled."""
        return awaited(lambda: self._answer(command, cancellation), cancellation)

    def _answer(self, command: Command, cancellation: CancellationToken) -> Terminal | None:
        command_id = command.command_id
        match command:
            case SearchCheckpoints():
                found = search(command, cancellation)
                return CheckpointsFound(command_id=command_id, results=found.results, is_exact=found.is_exact)
            case InspectCheckpoint():
                return CheckpointInspected(command_id=command_id, details=details_of(command, cancellation))
            case CheckConnection():
                return ConnectionChecked(command_id=command_id, steps=check_connection(command.access, cancellation))
            case PlanCheckpoint():
                self._look_up(command, cancellation)
                return None
            case _:
                raise EngineError(ErrorKind.INVALID_COMMAND, f"{type(command).__name__} is not for the lookup lane.")

    def _look_up(self, command: PlanCheckpoint, cancellation: CancellationToken) -> None:
        """Ask about the checkpoints that are to be planned and aren't here, and leave what was found in lookups."""
        self._look_up_one(command.command_id, command.checkpoint, command, cancellation)
        if command.draft:
            drafts = msgspec.structs.replace(command, revision="main")
            self._look_up_one(draft_key(command.command_id), command.draft, drafts, cancellation)

    def _look_up_one(self, key: str, reference: str, command: PlanCheckpoint, cancellation: CancellationToken) -> None:
        address = parse(reference, endpoint_of(command.access))
        is_link = address is not None and address.is_link
        if not is_link and (is_local(reference) or (known_shapes.named(reference) and "/" not in reference)):
            return
        hub_id = address.hub_id if address is not None else reference
        revision = address.revision if address is not None and address.revision else command.revision or "main"
        self._lookups.put(key, _found(hub_id, revision, command, cancellation))


def _found(hub_id: str, revision: str, command: PlanCheckpoint, cancellation: CancellationToken) -> LookedUp:
    try:
        if command.reads_headers:
            return look_up(hub_id, revision, command.access, cancellation)
    except EngineError as error:
        kind = error.report.kind
        if kind in _UNANSWERED and known_shapes.named(hub_id):
            return error.with_traceback(None)
        if kind not in _NOT_READABLE:
            raise
    try:  # where the files may not be read, a shape of the same kind and size may stand in for them
        return look_up_shape(hub_id, revision, command.access, cancellation)
    except EngineError as error:
        if error.report.kind not in _UNANSWERED or not known_shapes.named(hub_id):
            raise
        return error.with_traceback(None)
