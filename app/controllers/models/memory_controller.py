"""How full the memory is, asked anew whenever somebody looks."""

from PySide6.QtCore import QObject, Signal, Slot

from app.controllers.submitting import Submit
from app.conversations.records import new_id
from engine.api.commands import DescribeHardware
from engine.api.events import CommandCancelled, CommandFailed, HardwareDescribed


class MemoryController(QObject):
    """Signal described(Hardware). One question is under way at most."""

    described = Signal(object)

    def __init__(self, submit: Submit, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._submit = submit
        self._asked_id = ""

    @Slot()
    def request(self) -> None:
        """Ask, unless that was done and not answered yet."""
        if not self._asked_id:
            self._asked_id = new_id()
            self._submit(DescribeHardware(command_id=self._asked_id, is_quick=True))

    @Slot(object)
    def on_event(self, event: object) -> None:
        """Take an event of the engine."""
        match event:
            case HardwareDescribed(command_id=self._asked_id, hardware=hardware):
                self._asked_id = ""
                self.described.emit(hardware)
            case CommandFailed(command_id=self._asked_id) | CommandCancelled(command_id=self._asked_id):
                self._asked_id = ""
