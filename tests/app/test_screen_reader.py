"""What a screen reader is told by the real window on a real X server, over the bus that it listens to."""

import json
import queue
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.app.displays import shown_windows, x_server, xdotool
from tests.app.hearth_process import ROOT, start_hearth, wait_for

_PYTHON = Path("/usr/bin/python3")  # Debian's own, for which its packages bring AT-SPI's bindings
_BINDINGS = "import gi; gi.require_version('Atspi', '2.0'); from gi.repository import Atspi"
_MISSING = [tool for tool in ("Xvfb", "xdotool", "dbus-daemon") if shutil.which(tool) is None]


class Reader:
    """A listener of its own process; what it was told so far is looked at by the test."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [str(_PYTHON), "-m", "tests.app.at_spi_reader"],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._receive, name="at-spi-reader")
        self._thread.start()
        self._told: list[dict[str, object]] = []

    @property
    def focus(self) -> list[list[object]]:
        """What got the keyboard so far, in order: role, name and description of each."""
        return [each for facts in self._all() if isinstance(each := facts.get("focus"), list)]

    @property
    def said(self) -> list[str]:
        """What was announced so far."""
        return [str(facts["said"]) for facts in self._all() if "said" in facts]

    @property
    def is_ready(self) -> bool | None:
        """Whether it listens, or never will; None: not known yet."""
        return next((bool(facts["ready"]) for facts in self._all() if "ready" in facts), None)

    def end(self) -> None:
        """Let it go."""
        self._process.terminate()
        self._process.wait(30)
        self._thread.join(30)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _receive(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)

    def _all(self) -> list[dict[str, object]]:
        while not self._lines.empty():
            self._told.append(json.loads(self._lines.get()))
        return self._told


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> Iterator[Reader]:
    """A screen reader on a bus and an X server of this test's own; what starts from now on is heard."""
    if _MISSING:
        pytest.skip(f"not installed: {', '.join(_MISSING)}")
    probe = [str(_PYTHON), "-c", _BINDINGS]
    if not _PYTHON.exists() or subprocess.run(probe, capture_output=True, check=False).returncode:
        pytest.skip("AT-SPI's bindings for Python are not installed (gir1.2-atspi-2.0, python3-gi)")
    with tempfile.TemporaryDirectory() as folder, x_server(monkeypatch):  # a short path: sockets lie there
        monkeypatch.setenv("XDG_RUNTIME_DIR", folder)
        monkeypatch.setenv("QT_LINUX_ACCESSIBILITY_ALWAYS_ON", "1")
        bus = subprocess.Popen(
            ["dbus-daemon", "--session", "--nofork", "--nopidfile", "--print-address"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert bus.stdout is not None
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", bus.stdout.readline().strip())
        listener = Reader()
        try:
            wait_for(lambda: listener.is_ready is not None)
            if not listener.is_ready:
                pytest.skip("no bus for screen readers starts here (at-spi2-core)")
            yield listener
        finally:
            listener.end()
            bus.terminate()
            bus.wait(30)
            bus.stdout.close()


def test_a_question_an_answer_and_the_way_around_are_heard(reader: Reader) -> None:
    hearth = start_hearth("echo", "window")
    try:
        wait_for(lambda: bool(shown_windows()), hearth)
        xdotool("windowfocus", "--sync", shown_windows()[0])
        xdotool("type", "--delay", "10", "Hello there")
        wait_for(lambda: ["text", "Message", ""] in reader.focus, hearth)
        xdotool("key", "Return")
        wait_for(lambda: "The answer is finished. You said: Hello there" in reader.said, hearth)
        assert reader.said.count("Scripted model is answering.") == 1
        xdotool("key", "shift+Tab")
        wait_for(lambda: reader.focus[-1] == ["push button", "Attach files", "Attach files"], hearth)
        xdotool("key", "shift+Tab")
        wait_for(lambda: reader.focus[-1][:2] == ["panel", "Scripted model: You said: Hello there"], hearth)
        xdotool("key", "ctrl+k")
        wait_for(lambda: reader.focus[-1][:2] == ["text", "Search everything"], hearth)
        xdotool("type", "--delay", "10", "hello")
        wait_for(lambda: reader.said[-1].startswith("Found: "), hearth)
        xdotool("key", "Escape")
        wait_for(lambda: reader.focus[-1][:2] == ["panel", "Scripted model: You said: Hello there"], hearth)
        xdotool("key", "ctrl+f")
        wait_for(lambda: reader.focus[-1][:2] == ["text", "Find in this conversation"], hearth)
        xdotool("type", "--delay", "10", "said")
        wait_for(lambda: reader.said[-1] == "1 of 1. You said: Hello there", hearth)
        xdotool("key", "Escape")
        wait_for(lambda: reader.focus[-1][:2] == ["panel", "Scripted model: You said: Hello there"], hearth)
        assert reader.said.count("The answer is finished. You said: Hello there") == 1
        xdotool("key", "ctrl+q")
        assert hearth.wait(30) == 0
    finally:
        if hearth.poll() is None:
            hearth.kill()
        hearth.communicate()
