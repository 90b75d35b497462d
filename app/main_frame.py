"""The part of the composition root that is about the window's frame: how full the memory is."""

from PySide6.QtCore import QObject

from app.controllers.memory_controller import MemoryController
from app.widgets.main_window import MainWindow
from app.worker.engine_client import EngineClient


class FrameParts(QObject):
    """Builds and connects them."""

    def __init__(self, engine: EngineClient, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.memory = MemoryController(engine.submit, self)
        engine.event_received.connect(self.memory.on_event)

    def connect_window(self, window: MainWindow) -> None:
        """Connect what the window wants and shows."""
        window.model_button.memory_requested.connect(self.memory.request)
        self.memory.described.connect(window.model_button.show_hardware)
