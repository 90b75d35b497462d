"""What the engine process is doing: told beside the events of the engine itself, by the link that owns the process."""

from dataclasses import dataclass
from enum import StrEnum

from engine.api.events import Event


class EngineState(StrEnum):
    """What the engine process is doing, as far as a person cares."""

    STARTING = "starting"
    READY = "ready"
    RESTARTING = "restarting"
    FAILED = "failed"
    STOPPED = "stopped"


@dataclass(frozen=True)
class EngineStateChanged:
    """The engine's state and a sentence for a person; details is the technical part of a failure.

    reload_id: the command with which the engine that is being started is told to load the model from before, "" for
    none; that load ends, and can be stopped, as any other command.
    """

    state: EngineState
    message: str
    details: str = ""
    reload_id: str = ""


LinkEvent = Event | EngineStateChanged
