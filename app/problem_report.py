"""A report about a problem that is safe to publish: versions, what the computer has, the last lines of the logs.

No path, no token, and nobody's name is in it; texts of conversations are never logged in the first place.
"""

import getpass
import os
import re
import socket
import stat
from pathlib import Path

from app.excepthook import scrubbed, versions
from app.paths import Paths
from engine.api.hardware import Hardware

_DISTRIBUTION = "hearth-chat"
_ISSUE_LABELS = ("issues", "bugs", "issue", "tracker", "issuetracker", "bugtracker")
_GIB = 2**30
_LOG_BYTES = 64_000
_LOG_LINES = 60
_LINE_CHARACTERS = 400
_LEAST_NAME = 3  # shorter names are parts of other words
# What our own files are called is no secret, and a traceback is worth little without it.
_OWN_FILE = re.compile(r"(?:^|[/\\])((?:app|engine|site-packages|python3\.\d+)[/\\][^\s\"']+)$")
_PATH = re.compile(r"(?<![\w.:/\\…])(?:~|[A-Za-z]:(?=[\\/])|HEARTH_HOME)?(?:[/\\]{1,2}[^\s/\\:\"'<>|,;)]+){1,}[/\\]?")
_QUOTED_PATH = re.compile(r"([\"'“])((?:~|[A-Za-z]:|HEARTH_HOME)?[/\\][^\"'”]*)([\"'”])")
_SECRET = re.compile(
    r"(?i)\b(bearer|token|password|passwd|secret|api[_-]?key|authorization)(\s*[:=]\s*|\s+)(\"[^\"]*\"|'[^']*'|\S+)"
)
_KEY = re.compile(r"\b(?:hf|sk|ghp|gho|glpat|xox[abp])[_-][A-Za-z0-9_-]{8,}")
_ADDRESS = re.compile(r"\b[\w.+-]+@[\w-]+\.[\w.]+\b")
_CREDENTIALS = re.compile(r"//[^/\s@]+@")


def problem_report(paths: Paths, hardware: Hardware | None = None, details: str = "") -> str:
    """Return the report; details is the technical part of a notice it is about. Reads the ends of two files."""
    parts = [
        ("Versions", [f"{name}: {version}" for name, version in versions().items()]),
        ("Computer", _computer(hardware) if hardware is not None else []),
        ("What went wrong", details.splitlines()),
        ("Window's log", _tail(paths.app_log)),
        ("Engine's log", _tail(paths.engine_log)),
    ]
    return "\n\n".join("\n".join([f"## {title}", *map(safe, lines)]) for title, lines in parts if lines)


def safe(line: str) -> str:
    """Return a line without paths (but those of programs' files), secrets, addresses, names of people and machines."""
    line = scrubbed(line[: 4 * _LINE_CHARACTERS])
    line = _CREDENTIALS.sub("//…@", line)
    line = _SECRET.sub(r"\1\2…", line)
    line = _KEY.sub("…", line)
    line = _ADDRESS.sub("…", line)
    line = _QUOTED_PATH.sub(lambda found: f"{found[1]}{_without_folders(found, 2)}{found[3]}", line)
    line = _PATH.sub(_without_folders, line)
    for name in _names():
        line = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", "…", line)
    return line[:_LINE_CHARACTERS]


def issue_page() -> str:
    """Return the address where problems are told, as the package names it; "" if it names none.

    Which one it is says its label, by PEP 753: case and punctuation don't count.
    """
    from importlib.metadata import PackageNotFoundError, metadata  # which takes the window's start some time

    try:
        addresses = metadata(_DISTRIBUTION).get_all("Project-URL") or []
    except PackageNotFoundError:
        return ""
    for label, _, url in (str(each).partition(",") for each in addresses):
        if re.sub(r"[\W_]", "", label).casefold() in _ISSUE_LABELS and re.match("https?://", url.strip()):
            return url.strip()
    return ""


def _without_folders(found: re.Match[str], group: int = 0) -> str:
    own = _OWN_FILE.search(found[group])
    return f"…/{own[1]}" if own is not None else "…"


def _names() -> list[str]:
    """Return what this user and this computer are called."""
    names = {socket.gethostname(), socket.gethostname().split(".")[0], Path.home().name}
    names |= {os.environ.get(name, "") for name in ("USER", "USERNAME", "LOGNAME")}
    try:
        names.add(getpass.getuser())
    except (OSError, KeyError):  # a process of a user without a name
        pass
    return sorted((name for name in names if len(name) >= _LEAST_NAME and name != "root"), key=len, reverse=True)


def _computer(hardware: Hardware) -> list[str]:
    lines = [f"processor: {hardware.cpu_name}, {hardware.physical_cores} cores"]
    lines += [f"memory: {_gib(hardware.ram_available_bytes)} free of {_gib(hardware.ram_total_bytes)} GiB"]
    for card in hardware.gpus:
        lines.append(f"card {card.index}: {card.name}, {_gib(card.free_bytes)} free of {_gib(card.total_bytes)} GiB")
    facts = (("driver", hardware.driver), ("CUDA build", hardware.cuda_build), ("problem", hardware.gpu_problem))
    return [*lines, *(f"{name}: {value}" for name, value in facts if value)]


def _gib(size_bytes: int) -> str:
    return f"{size_bytes / _GIB:.1f}"


def _tail(path: Path) -> list[str]:
    """Return the last lines of a log, none if it can't be read."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return []
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _LOG_BYTES))
            text = file.read(_LOG_BYTES).decode("utf-8", "replace")
    except OSError:
        return []
    return [line for line in text.splitlines() if line.strip()][-_LOG_LINES:]
