"""Hearth as a process of its own on a scripted engine: what signals and second starts need.

python -m tests.app.hearth_process SCRIPT window [TEXT to send | --attach FILE ...]
python -m tests.app.hearth_process SCRIPT ask ...
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from app.conversations.errors import StoreBusy

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 30.0
RESTART = "--restart"  # choose German in the settings and press what starts Hearth again


def start_hearth(*arguments: str, stdin: int | None = subprocess.DEVNULL) -> "subprocess.Popen[str]":
    """Start it with the test's environment (HEARTH_HOME, offscreen); output is captured."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.app.hearth_process", *arguments],
        cwd=ROOT,
        env=dict(os.environ),
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(condition: Callable[[], bool], process: "subprocess.Popen[str] | None" = None) -> None:
    """Wait until it holds; fail with the process's errors if that ends first.

    A condition that asks the store does not hold yet while a process keeps that for longer than anybody waits for it.
    """

    def holds() -> bool:
        try:
            return condition()
        except StoreBusy:
            return False

    end = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < end, "not within the time"
        if process is not None and process.poll() is not None:
            raise AssertionError(f"ended with {process.returncode}: {process.communicate()}")
        time.sleep(0.05)


def _window(argv: Sequence[str], text: str | None, files: Sequence[str] = ()) -> int:
    from PySide6.QtCore import QTimer

    from app import main
    from app.paths import locate

    class Sending(main.Hearth):
        def start(self) -> None:
            super().start()
            if text == RESTART:
                QTimer.singleShot(0, self._restart_once)
            elif text is not None:
                self.chat.send(text)
            if files:
                self.composer.attachments.add_files(files)

        def _restart_once(self) -> None:
            print("language", self.settings.settings.language, flush=True)
            if self.settings.settings.language != "de":
                self.conversations.save_draft("half a thought")
                self.window.dialogs.open_settings()
                dialog = self.window.dialogs.settings_dialog
                language = dialog.row("language").control.widget
                language.activated.emit(language.findText("Deutsch"))
                dialog.restart_note.button.click()

        def raise_window(self) -> None:
            super().raise_window()
            print("raised", flush=True)

    main.Hearth = Sending  # type: ignore[misc]
    paths = locate()
    paths.make_folders()
    return main.run(paths, argv)


def _terminal(argv: Sequence[str], arguments: Sequence[str]) -> int:
    from app import cli
    from app.terminal import engine_session

    engine_session.engine_command = lambda *_, **__: list(argv)
    return cli.main(arguments)


def _main() -> int:
    from tests.scripted_engine import scripted_engine_command

    script, command, *rest = sys.argv[1:]
    argv = scripted_engine_command(script)
    if command == "window":
        files = rest[1:] if rest[:1] == ["--attach"] else []
        return _window(argv, rest[0] if rest and not files else None, files)
    return _terminal(argv, [command, *rest])


if __name__ == "__main__":
    sys.exit(_main())
