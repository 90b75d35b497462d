"""Which model an engine that is started again loads. Belongs to the link's thread."""

from uuid import uuid4

import msgspec

from engine.api.commands import LoadCheckpoint
from engine.api.plan import OFFLOADED, Plan

RELOAD_PREFIX = "reload-"


class Reload:
    """The load that is repeated, and the id under which the next repetition was announced."""

    def __init__(self) -> None:
        self._load: LoadCheckpoint | None = None
        self._announced_id = ""

    @property
    def announced_id(self) -> str:
        """The id of the load that was announced with the engine of now, "" for none."""
        return self._announced_id

    def keep(self, command: LoadCheckpoint, plan: Plan) -> None:
        """Repeat this load, which has brought the plan."""
        self._load = on_the_same_card(command, plan)

    def want(self, command: LoadCheckpoint | None) -> None:
        """Repeat this load if there is one, else that of before."""
        self._load = command or self._load

    def forget(self) -> None:
        """Load nothing again."""
        self._load = None

    def announce(self) -> str:
        """Return a new id for the next repetition, "" where there will be none."""
        self._announced_id = f"{RELOAD_PREFIX}{uuid4().hex}" if self._load is not None else ""
        return self._announced_id

    def command(self) -> LoadCheckpoint | None:
        """Return the announced load, None if there is none."""
        return self._load and msgspec.structs.replace(self._load, command_id=self._announced_id)

    def withdraw(self) -> str:
        """Return the id of the announced load, which will not begin any more; "" for none."""
        withdrawn, self._announced_id = self._announced_id, ""
        return withdrawn


def on_the_same_card(command: LoadCheckpoint, plan: Plan) -> LoadCheckpoint:
    """Return the load that is repeated after a death: a card that has gone is told, not quietly replaced by the CPU."""
    is_on_one_card = {plan.device, OFFLOADED} >= {*plan.device_map.values()}
    if command.device == "auto" and plan.device.startswith("cuda") and is_on_one_card:
        return msgspec.structs.replace(command, device=plan.device)
    return command
