"""The worker thread of the window: runs an EngineLink until it is stopped."""

import sys

from PySide6.QtCore import QObject, QThread

from app.worker.engine_link import EngineLink


class EngineThread(QThread):
    """Owns the thread; the link it runs owns the engine process."""

    def __init__(self, link: EngineLink, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._link = link
        # WORKAROUND PySide6 6.11: an unnamed thread is named after its class, which Qt asks for on the new thread;
        # looked up there without Python's lock, it crashes if the window's thread makes a class just then.
        self.setObjectName("engine-link")

    def run(self) -> None:
        """Serve the link. An exception goes to sys.excepthook: a QThread would swallow it and just be gone."""
        try:
            self._link.run()
        except BaseException as error:
            sys.excepthook(type(error), error, error.__traceback__)
