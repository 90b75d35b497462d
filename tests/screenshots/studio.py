"""The studio: opens the application, brings it into a state, and grabs its window or a part of it."""

import itertools
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import msgspec
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QWidget

from app.main import Hearth, set_up
from app.paths import Paths, locate
from app.settings.values import Language
from app.widgets.basics import languages
from app.widgets.text.formulas import formulas
from app.widgets.window.main_window import MainWindow
from app.worker.engine_process import engine_command
from tests.engine_scripts import Script
from tests.screenshots.stored import fill_store
from tests.scripted_engine import scripted_engine_command

LARGE, SMALL = (1100, 760), (720, 480)
THEMES = ("light", "dark")
_SETTLED_SECONDS = 0.2
_Kind = TypeVar("_Kind", bound=QWidget)


class Studio:
    """One application at a time; every picture is named after its state, its theme and the scale."""

    def __init__(self, folder: Path, scale: str) -> None:
        self._folder = folder
        self._scale = scale
        self.application = QApplication([])
        set_up(self.application)
        languages.install(self.application, Language.ENGLISH)
        self.paths: Paths
        self.known: dict[str, str] = {}
        self.hearth: Hearth
        self._is_busy = False
        self._numbers = itertools.count()
        self.begin()

    @property
    def window(self) -> MainWindow:
        """The window that is open."""
        return self.hearth.window

    def begin(self) -> None:
        """Forget all that was done, and have the stored conversations in a home of their own."""
        with_home = Path(os.environ["HEARTH_HOME"]).with_name(f"home-{next(self._numbers)}")
        os.environ["HEARTH_HOME"] = str(with_home)
        self.paths = locate()
        self.paths.make_folders()
        self.known = fill_store(self.paths)

    def open(self, script: str | Script | None = None, conversation: str = "", *, is_loaded: bool = True) -> None:
        """Open the application with a scripted engine, or the real one, and show a conversation or a new one."""
        argv = scripted_engine_command(script) if script is not None else engine_command(self.paths.data)
        self.hearth = Hearth(self.paths, argv)
        self._is_busy = False
        self.hearth.chat.busy_changed.connect(self._on_busy_changed)
        self.hearth.start()
        self.hearth.models.first_start.finish()  # drawn among the pages of models
        for key, value in (("temperature", 0.0), ("maximum_tokens", 200)):
            self.hearth.settings.change((key, value))
        self.window.resize(*LARGE)
        if conversation:
            self.window.open_requested.emit(conversation)
        else:
            self.window.new_requested.emit()
        if is_loaded:
            self.wait(lambda: self.hearth.checkpoints.plan is not None, 180)
        self.pause(0.3)
        plan = self.hearth.checkpoints.plan
        if plan is not None and script is not None:
            self.window.set_plan(msgspec.structs.replace(plan, name="Example model"))

    def close(self) -> None:
        """End the application."""
        self.hearth.shut_down()
        self.window.deleteLater()
        self.pause(0.05)

    def send(self, text: str) -> None:
        """Send a message and wait until it is being answered."""
        self.window.send_requested.emit(text)
        self.wait(lambda: self._is_busy, 10)

    def ask(self, text: str) -> None:
        """Send a message and wait for the whole answer."""
        self.send(text)
        self.wait(lambda: not self._is_busy, 120)

    def stop(self) -> None:
        """Stop the answer."""
        self.window.stop_requested.emit()
        self.wait(lambda: not self._is_busy, 10)

    def newest_text(self) -> str:
        """Return the text of the last message, "" without one."""
        rows = self.hearth.transcript_model.rowCount()
        return self.hearth.transcript_model.entry(rows - 1).message.content if rows else ""

    def draw(self, name: str, size: tuple[int, int] = LARGE) -> None:
        """Grab the window in both themes."""
        self.window.resize(*size)
        self.window.activateWindow()  # after a dialog: what is shown in a window that isn't looked at counts as unread
        for _ in self.themes():
            self.grab(name)
        self.window.resize(*LARGE)

    def draw_sizes(self, name: str) -> None:
        """Grab the window large and small."""
        self.draw(name)
        self.draw(f"{name}-small", SMALL)

    def draw_dialog(self, name: str, kind: type[_Kind], show: Callable[[], object]) -> None:
        """Grab a dialog in both themes, opened anew in each."""
        for _ in self.themes():
            show()
            self.wait(lambda: any(each.isVisible() for each in self.window.findChildren(kind)), 30)
            dialog = self.found(kind)
            self.grab(name, dialog)
            dialog.close()

    def draw_popup(self, name: str, show: Callable[[], object]) -> None:
        """Grab what pops up in both themes; it may keep show from returning, so a timer does the work."""
        for _ in self.themes():
            QTimer.singleShot(400, lambda: self._grab_popup(name))
            show()
            self.pause(1.0)

    def found(self, kind: type[_Kind]) -> _Kind:
        """Return the visible dialog of a kind."""
        return next(each for each in self.window.findChildren(kind) if each.isVisible())

    def keep_memory(self) -> None:
        """Let the model menu speak of what it was told for a picture, not of the memory that the engine measures."""
        self.window.model_button.memory_requested.disconnect(self.hearth.frame.memory.request)

    def wait_for_formulas(self) -> None:
        """Wait until the formulas of what is shown are drawn, which a process of their own does."""
        self.pause(_SETTLED_SECONDS)
        self.wait(lambda: not formulas().is_busy, 30)
        self.pause(_SETTLED_SECONDS)

    def clear_notices(self) -> None:
        """Take away what the window says of what was done for an earlier picture."""
        for row in self.window.page.notices.rows:
            self.window.clear_notice(row.notice.key)

    def themes(self) -> Iterator[str]:
        """Give the window one theme after the other, and the first one again."""
        for theme in THEMES:
            self.set_theme(theme)
            self.pause(_SETTLED_SECONDS)
            yield theme
        self.set_theme(THEMES[0])

    def set_theme(self, theme: str) -> None:
        """Give the window a theme."""
        self._theme = theme
        self.window.settings_changed.emit(("theme", theme))

    def grab(self, name: str, widget: QWidget | None = None) -> None:
        """Save a picture of the window or of a part of it."""
        self.pause(_SETTLED_SECONDS)
        self.save(name, self._theme, widget or self.window)

    def save(self, name: str, theme: str, widget: QWidget) -> None:
        """Save a picture of a widget as it is now."""
        widget.grab().save(str(self._folder / f"{name}-{theme}-{self._scale}.png"))

    def wait(self, done: Callable[[], bool], seconds: float) -> None:
        """Let the application run until something is so; raise TimeoutError if that takes too long."""
        end = time.monotonic() + seconds
        while not done():
            if time.monotonic() > end:
                raise TimeoutError("the window did not come to the state that was to be drawn")
            self.pause(0.02)

    def pause(self, seconds: float) -> None:
        """Let the application run for a while."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.application.processEvents()
            time.sleep(0.005)

    def _grab_popup(self, name: str) -> None:
        popup = self.application.activePopupWidget() or self.application.activeModalWidget()
        assert popup is not None, f"nothing popped up for {name}"
        self.grab(name, popup)
        popup.close()

    def _on_busy_changed(self, is_busy: bool) -> None:
        self._is_busy = is_busy
