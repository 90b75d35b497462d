"""Bugs of ours: caught wherever they surface, written to the log, and told with a report that is safe to publish."""

import logging
import logging.handlers
import platform
import re
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType

_log = logging.getLogger("hearth.bug")
_PACKAGES = ("hearth-chat", "PySide6-Essentials", "apsw", "msgspec", "torch", "transformers")
_TOKEN = re.compile(r"hf_[A-Za-z0-9]{20,}")
_ANY_HOME = re.compile(r"(?:/home|/Users|[A-Za-z]:(?:\\\\|\\|/)Users(?=[\\/]))(?:/|\\\\|\\)[^/\\\s:\"'<>|]+")
_LOG_BYTES = 1_000_000
_LOG_FILES = 3
_REMEMBERED_REPORTS = 200

ReportBug = Callable[[str], None]


def scrubbed(text: str, home: Path | None = None) -> str:
    """Return the text with home folders as ~ and access tokens cut; home is this user's, None for the real one."""
    for spelling in _spellings(home if home is not None else Path.home()):
        text = re.sub(re.escape(spelling) + r"(?![\w-])", "~", text)
    return _TOKEN.sub("hf_…", _ANY_HOME.sub("~", text))


def versions() -> dict[str, str]:
    """Return what this program runs on, by distribution metadata: nothing is imported for it.

    Of the kernel only its number: self-built ones carry names of machines and people in the rest.
    """
    from importlib.metadata import PackageNotFoundError, version  # which takes the window's start some time

    kernel = "".join(re.findall(r"^[\d.]+", platform.release()))
    found = {"Python": platform.python_version(), "system": f"{platform.system()} {kernel}".strip()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def report_text(error: BaseException, where: str) -> str:
    """Return what a person can copy into a bug report: versions and traceback, nothing about the person."""
    lines = [f"{name} {version}" for name, version in versions().items()]
    if where:
        lines.append(f"in {where}")
    trace = "".join(traceback.format_exception(error))
    return scrubbed("\n".join([*lines, "", trace]))


class ExceptionHooks:
    """Takes the three hooks of Python over until remove() is called; on_report may be called from any thread.

    The same bug, say in a timer, is logged and told once.
    """

    def __init__(self, on_report: ReportBug | None = None) -> None:
        self._on_report = on_report
        self._seen: set[str] = set()
        self._lock = threading.Lock()
        self._before = (sys.excepthook, threading.excepthook, sys.unraisablehook)
        sys.excepthook = self._on_exception
        threading.excepthook = self._on_thread_exception
        sys.unraisablehook = self._on_unraisable

    def remove(self) -> None:
        """Put back what was there before."""
        sys.excepthook, threading.excepthook, sys.unraisablehook = self._before

    def _on_exception(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            self._before[0](kind, error, trace)
            return
        self._tell(error.with_traceback(trace), "")

    def _on_thread_exception(self, arguments: threading.ExceptHookArgs) -> None:
        if arguments.exc_value is not None and not isinstance(arguments.exc_value, SystemExit):
            name = arguments.thread.name if arguments.thread else "a thread"
            self._tell(arguments.exc_value, f"thread {name}")

    def _on_unraisable(self, arguments: "sys.UnraisableHookArgs") -> None:
        if isinstance(arguments.exc_value, BaseException):
            self._tell(arguments.exc_value, arguments.err_msg or "a place that can't raise")

    def _tell(self, error: BaseException, where: str) -> None:
        trace = "".join(traceback.format_exception(error))
        with self._lock:
            if trace in self._seen or len(self._seen) >= _REMEMBERED_REPORTS:
                return
            self._seen.add(trace)
        report = report_text(error, where)
        _log.error("%s", report)
        if self._on_report is not None:
            try:
                self._on_report(report)
            except Exception:  # what was to be told is in the log already
                _log.exception("the report could not be shown")


class _ScrubbingFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return scrubbed(super().format(record))


class _LogFile(logging.handlers.RotatingFileHandler):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Say nothing on the terminal: a full disk is told by those who have something to save there."""


def start_logging(path: Path) -> Callable[[], None]:
    """Send the log of all modules to a file of at most 1 MB (two older ones kept); returns what ends that.

    If the file can't be written, the log goes to stderr. Texts of conversations are never logged.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handler: logging.Handler = _LogFile(
            path, maxBytes=_LOG_BYTES, backupCount=_LOG_FILES - 1, encoding="utf-8", errors="backslashreplace"
        )
    except OSError:
        handler = logging.StreamHandler()
    handler.setFormatter(_ScrubbingFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    previous = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)

    def stop() -> None:
        root.removeHandler(handler)
        root.setLevel(previous)
        with suppress(OSError):  # of a full disk, which is no reason for another failure
            handler.close()

    return stop


def _spellings(home: Path) -> list[str]:
    text = str(home)
    if len(text) < 2:  # "/" would turn every path into ~
        return []
    return sorted({text, home.as_posix(), text.replace("\\", "\\\\")}, key=len, reverse=True)
