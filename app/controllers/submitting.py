"""How a controller reaches the engine: a command is handed over, what comes of it arrives as events."""

from collections.abc import Callable

from engine.api.commands import Command

Submit = Callable[[Command], None]
CancelCommand = Callable[[str], None]
