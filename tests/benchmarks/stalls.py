"""How long the window keeps its user waiting while something is opened or changed; `window.py` prints it.

A stall is the longest turn of the event loop, in the processor time of the window's thread, which other programs
don't disturb. Each is measured the first time in a process, when nothing is made yet, and once more.
"""

import gc
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication

    from app.main import Hearth
    from app.widgets.settings.settings_dialog import SettingsDialog
    from app.widgets.window.main_window import MainWindow

MESSAGES = 500
_QUIET_SECONDS = 0.3
_MOST_SECONDS = 20.0
Step = tuple[str, Callable[[], object]]


def longest_turn(
    application: "QApplication", act: Callable[[], object], quiet_seconds: float = _QUIET_SECONDS
) -> float:
    """Do something in a turn of its own; return the longest turn until the window has nothing more to do for it."""
    from PySide6.QtCore import QTimer

    QTimer.singleShot(0, act)
    longest, end = 0.0, time.monotonic() + _MOST_SECONDS
    quiet_since = time.monotonic()
    while time.monotonic() < min(end, quiet_since + quiet_seconds):
        began = time.thread_time()
        application.processEvents()
        used = time.thread_time() - began
        longest = max(longest, used)
        if used > 0.002:
            quiet_since = time.monotonic()
        time.sleep(0.001)
    return longest


def measure(hearth: "Hearth", ids: tuple[str, str], application: "QApplication") -> dict[str, tuple[float, float]]:
    """Return by what was done the stalls of the first and of the second time, in seconds; ids: two conversations."""
    found: dict[str, tuple[float, float]] = {}
    for number in range(2):
        for name, act in _steps(hearth, ids):
            seconds = longest_turn(application, act)
            if name:
                first = found[name][0] if number else seconds
                found[name] = (first, seconds)
    return found


def _steps(hearth: "Hearth", ids: tuple[str, str]) -> Iterator[Step]:
    """Yield what is done one after the other; what has no name only puts things back."""
    from PySide6.QtWidgets import QApplication, QDialog

    window, actions = hearth.window, hearth.window.actions_by_name

    def close_dialogs() -> None:
        for widget in QApplication.topLevelWidgets():
            if isinstance(widget, QDialog) and widget.isVisible():
                widget.close()

    for conversation_id, name in ((ids[0], "conversation opened"), (ids[1], "conversation switched")):
        yield name, lambda shown=conversation_id: window.open_conversation(shown)
    for name, action in (
        ("settings", actions.settings), ("memory", actions.memory), ("keys", actions.keys), ("about", actions.about),
        ("licences", actions.licences), ("report", actions.report), ("exact prompt", actions.show_prompt),
        ("conversation settings", actions.conversation_settings), ("import", actions.import_conversations),
    ):  # fmt: skip
        yield name, action.trigger
        if name == "settings":
            yield from _in_settings(window)
        yield "", close_dialogs
    yield "palette", actions.search.trigger
    yield "", lambda: hearth.palette.palette.close()
    yield "models", actions.models.trigger
    yield "theme on models", lambda: hearth.settings.change(("theme", "dark"))
    yield "", lambda: hearth.settings.change(("theme", "light"))
    yield "back to the chat", window.show_chat
    yield "theme", lambda: hearth.settings.change(("theme", "dark"))
    yield "", lambda: hearth.settings.change(("theme", "light"))
    yield "larger text", actions.larger.trigger
    yield "", actions.usual_size.trigger
    yield "sidebar away", actions.sidebar.toggle
    yield "sidebar back", actions.sidebar.toggle
    for width, height in ((900, 700), (720, 480), (1100, 760)):
        yield f"window {width} x {height}", lambda size=(width, height): window.resize(*size)


def _in_settings(window: "MainWindow") -> Iterator[Step]:
    def dialog() -> "SettingsDialog":
        shown = window.dialogs.settings_dialog
        assert shown is not None
        return shown

    yield "settings' second page", lambda: dialog().pages.setCurrentRow(1)
    yield "settings searched", lambda: dialog().search.setText("a")
    yield "", lambda: dialog().search.clear()
    yield "", lambda: dialog().pages.setCurrentRow(0)


def main() -> None:
    import tempfile

    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtWidgets import QApplication

    from app.main import PREPARE_MS, Hearth, set_up
    from app.paths import locate
    from tests.benchmarks.window import fill
    from tests.scripted_engine import scripted_engine_command

    with tempfile.TemporaryDirectory() as home:
        os.environ["HEARTH_HOME"] = home
        application = QApplication([])
        set_up(application)
        paths = locate()
        paths.make_folders()
        ids = fill(paths.database, (MESSAGES, MESSAGES + 1))
        hearth = Hearth(paths, scripted_engine_command("answer"))
        hearth.start()
        gc.freeze()  # as main.run() does
        while hearth.checkpoints.plan is None:
            application.processEvents()
        hearth.window.show_chat()
        longest_turn(application, lambda: None, PREPARE_MS / 1000 + 1)  # what is prepared in quiet time is ready then
        found = measure(hearth, tuple(ids.values()), application)
        hearth.shut_down()
    print(json.dumps(found, indent=1) if "--json" in sys.argv else readable(found))


def readable(found: Mapping[str, Sequence[float]]) -> str:
    return "\n".join(
        f"{name:28} {first * 1000:5.0f} ms, again {second * 1000:5.0f} ms" for name, (first, second) in found.items()
    )


if __name__ == "__main__":
    main()
