"""The whole application in a test: real window, store and worker, and an engine that follows a script."""

from pathlib import Path

import shiboken6
from PySide6.QtCore import QCoreApplication, QEvent
from pytestqt.qtbot import QtBot

from app.conversations.records import MessageState
from app.main import Hearth
from app.paths import locate
from app.widgets.composer.composer import Composer
from app.widgets.window.notice_bar import NoticeBar
from tests.engine_scripts import Script
from tests.scripted_engine import scripted_engine_command

UNDO_MS = 3_600_000  # Undo is there as long as a test needs, however long a busy machine holds it up


class Whole:
    """Hearth in the test's own event loop."""

    def __init__(self, qtbot: QtBot, script: Script | str, once: Path | None = None) -> None:
        paths = locate()
        paths.make_folders()
        self.qtbot = qtbot
        self.hearth = Hearth(paths, scripted_engine_command(script, once))
        qtbot.addWidget(self.hearth.window)
        for controller in (self.hearth.messages.messages, self.hearth.lists.deletions):
            controller._purge_timer.setInterval(UNDO_MS)
        self.hearth.start()

    @property
    def composer(self) -> Composer:
        found = self.hearth.window.findChild(Composer)
        assert isinstance(found, Composer)
        return found

    @property
    def notices(self) -> NoticeBar:
        found = self.hearth.window.findChild(NoticeBar)
        assert isinstance(found, NoticeBar)
        return found

    def texts(self) -> list[str]:
        model = self.hearth.transcript_model
        return [model.entry(row).message.content for row in range(model.rowCount())]

    def states(self) -> list[MessageState]:
        model = self.hearth.transcript_model
        return [model.entry(row).message.state for row in range(model.rowCount())]

    def say(self, text: str) -> None:
        self.composer.editor.setPlainText(text)
        self.composer._on_submitted()

    def wait(self, condition: object, seconds: float = 30.0) -> None:
        self.qtbot.waitUntil(condition, timeout=int(seconds * 1000))

    def until_kept(self) -> None:
        """Wait until the store has done what it was given so far: an answer is shown before it is written."""
        self.hearth.store_thread.submit(lambda store: None).result(30)

    def end(self) -> None:
        if not shiboken6.isValid(self.hearth):
            return
        self.hearth.window.close()
        self.hearth.shut_down()
        self.hearth.deleteLater()
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def opened(qtbot: QtBot, windows: list[Whole], script: Script | str = "echo") -> Whole:
    """Open a window whose model is loaded; the fixture ``windows`` closes it."""
    window = Whole(qtbot, script)
    windows.append(window)
    window.wait(lambda: window.hearth.checkpoints.plan is not None)
    return window
