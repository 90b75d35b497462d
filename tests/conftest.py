"""What every test stands on: folders of its own, no display, no network, and guards against what it leaves behind."""

import gc
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from hypothesis import settings

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ["TOKENIZERS_PARALLELISM"] = "false"
# Tiny models are faster on one thread, and processes that wait for each other's threads are ten times slower.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# The same examples on every machine; `HYPOTHESIS_PROFILE=explore` looks for new ones.
settings.register_profile("steady", derandomize=True, deadline=None)
settings.register_profile("explore", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))

gc.disable()  # until all tests are imported: what they import stays, and looking for garbage in it took over a second

_PATIENCE_SECONDS = 30.0  # of a busy machine; nothing waits that long when all is well
# Threads that a library starts once per process and keeps: they belong to no test.
_LIBRARY_THREADS = ("pytest_timeout", "tqdm_monitor", "TMonitor", "Dummy-")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest tests first, lest one of several processes be left alone with one at the end."""
    items.sort(key=lambda item: not item.name.startswith("test_types["))


def pytest_collection_finish() -> None:
    """Leave all that was imported out of later collections, as the engine does: each took over a second."""
    gc.collect()
    gc.freeze()
    gc.enable()


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable() -> Generator[None, object, object]:
    """Let a report be sent between processes whatever a test has logged: half a character can't be."""
    return _sendable((yield))


def _sendable(data: object) -> object:
    if isinstance(data, str):
        return data.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(data, dict):
        return {key: _sendable(value) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return type(data)(_sendable(item) for item in data)
    return data


@pytest.fixture(autouse=True)
def own_random_numbers() -> None:
    """Let a test draw the same numbers whichever tests ran before it."""
    if torch := sys.modules.get("torch"):  # most tests of the app get by without it
        torch.manual_seed(0)


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep every test out of the user's folders and out of the user's Hugging Face cache."""
    monkeypatch.setenv("HEARTH_HOME", str(tmp_path / "hearth-home"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf-home"))


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail a test that connects to anything but this machine."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: object) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and isinstance(address, tuple):
            host = str(address[0])
            assert host in ("localhost", "::1") or host.startswith("127."), f"a connection to {host} was tried"
        connect(self, address)  # type: ignore[arg-type]

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(autouse=True)
def nothing_left_behind(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that leaves a thread, a child process, a running Qt timer or a pressed mouse button behind."""
    threads_before = set(threading.enumerate())
    children_before = _descendants()
    yield
    _expect_none(lambda: _new_threads(threads_before), "threads")
    _expect_none(lambda: _new_children(children_before), "child processes")
    if "qtbot" in request.fixturenames:
        _expect_none(_running_timers, "running Qt timers")
        _expect_none(_pressed_buttons, "pressed mouse buttons")


@pytest.fixture(autouse=True)
def no_formula_process_left(nothing_left_behind: None) -> Iterator[None]:
    """End the process that draws formulas, as the window does when it closes, where a test has begun one."""
    yield
    if formulas := sys.modules.get("app.widgets.text.formulas"):
        formulas.end_formulas()


@pytest.fixture(autouse=True)
def no_hub_session_left() -> Iterator[None]:
    """Close connections to a Hub of this test, and forget its answers: the next test's Hub may have the same port."""
    yield
    if session := sys.modules.get("engine.hub.session"):
        session._sessions.clear()


def _expect_none(find: Callable[[], list[str]], what: str) -> None:
    end = time.monotonic() + _PATIENCE_SECONDS
    while found := find():
        if time.monotonic() > end:
            pytest.fail(f"this test left {what} behind: {', '.join(found)}")
        time.sleep(0.02)


def _new_threads(before: set[threading.Thread]) -> list[str]:
    new = [thread for thread in threading.enumerate() if thread not in before and thread.is_alive()]
    return [thread.name for thread in new if not thread.name.startswith(_LIBRARY_THREADS)]


def _descendants() -> set[int]:
    """Return the ids of the processes that this one started, and of those that they did."""
    tasks = Path("/proc/self/task")
    if not (tasks / str(threading.get_native_id()) / "children").exists():  # Linux has it, as a rule
        return {child.pid for child in psutil.Process().children(recursive=True)}
    found, unseen = set(), [os.getpid()]
    while unseen:
        children = list(_children(unseen.pop()))
        found.update(children)
        unseen.extend(children)
    return found


def _children(process_id: int) -> Iterator[int]:
    """Yield what the threads of a process have started; psutil reads all processes of the machine for that."""
    with suppress(FileNotFoundError, ProcessLookupError):  # the process has ended meanwhile
        for task in Path(f"/proc/{process_id}/task").iterdir():
            with suppress(FileNotFoundError, ProcessLookupError):  # its thread
                yield from map(int, (task / "children").read_text().split())


def _new_children(before: set[int]) -> list[str]:
    found = []
    for process_id in _descendants() - before:
        try:
            child = psutil.Process(process_id)
            found.append(f"{process_id} {child.name()} {child.status()}")
        except psutil.NoSuchProcess:
            continue
    return found


def _running_timers() -> list[str]:
    import shiboken6
    from PySide6.QtCore import QCoreApplication, QEvent, QTimer

    application = QCoreApplication.instance()
    if application is None:
        return []
    application.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    timers = [item for item in shiboken6.getAllValidWrappers() if isinstance(item, QTimer)]
    return [repr(timer.parent() or timer) for timer in timers if timer.isActive()]


def _pressed_buttons() -> list[str]:
    from PySide6.QtCore import QCoreApplication, Qt
    from PySide6.QtGui import QGuiApplication

    if not isinstance(QCoreApplication.instance(), QGuiApplication):
        return []
    pressed = QGuiApplication.mouseButtons()
    return [str(pressed)] if pressed != Qt.MouseButton.NoButton else []


def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of this run, the same for all of several processes that run its tests."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session")
def converted_starter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with the starter model converted, once for all tests and all processes that run them."""
    from filelock import FileLock

    from engine.api.cancellation import CancellationToken
    from engine.checkpoints import starter

    shared = shared_folder(tmp_path_factory)
    folder = shared / "starter-data"
    with FileLock(shared / "starter-data.lock"):
        # What is there already is found to be whole, and used.
        starter.provide(folder, CancellationToken(), lambda phase, done, total: None)
    return folder


@pytest.fixture
def starter_home(converted_starter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A HEARTH_HOME of this test's own whose starter model is converted already."""
    home = tmp_path / "hearth-home"
    (home / "data").mkdir(parents=True)
    (home / "data" / "checkpoints").symlink_to(converted_starter / "checkpoints", target_is_directory=True)
    monkeypatch.setenv("HEARTH_HOME", str(home))
    return home


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where tiny random checkpoints are kept for the whole run."""
    return tmp_path_factory.mktemp("tiny-checkpoints")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty Hugging Face cache; the library reads the environment only when it is imported."""
    from huggingface_hub import constants

    folder = tmp_path / "hub-cache"
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(folder))
    return folder
