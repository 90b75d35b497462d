"""Checks the Linux system libraries that Qt's window needs by loading each, and installs or names their packages.

Qt's own message blames libxcb-cursor0 whichever library is missing, so each one is tried here.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from setup_console import Console, SetUpError

APT_GET = ("apt-get", "-o", "DPkg::Lock::Timeout=120")


@dataclass(frozen=True)
class Library:
    """A shared library Qt loads, and the Debian (and Ubuntu) package that holds it."""

    name: str
    package: str


LIBRARIES = (
    Library("libglib-2.0.so.0", "libglib2.0-0"),
    Library("libgthread-2.0.so.0", "libglib2.0-0"),
    Library("libGL.so.1", "libgl1"),
    Library("libEGL.so.1", "libegl1"),
    Library("libfontconfig.so.1", "libfontconfig1"),
    Library("libfreetype.so.6", "libfontconfig1"),
    Library("libxkbcommon.so.0", "libxkbcommon0"),
    Library("libdbus-1.so.3", "libdbus-1-3"),
    Library("libX11.so.6", "libgl1"),
    Library("libX11-xcb.so.1", "libx11-xcb1"),
    Library("libxcb.so.1", "libxcb1"),
    Library("libxcb-cursor.so.0", "libxcb-cursor0"),
    Library("libxcb-icccm.so.4", "libxcb-icccm4"),
    Library("libxcb-image.so.0", "libxcb-image0"),
    Library("libxcb-keysyms.so.1", "libxcb-keysyms1"),
    Library("libxcb-randr.so.0", "libxcb-randr0"),
    Library("libxcb-render.so.0", "libxcb-render0"),
    Library("libxcb-render-util.so.0", "libxcb-render-util0"),
    Library("libxcb-shape.so.0", "libxcb-shape0"),
    Library("libxcb-shm.so.0", "libxcb-shm0"),
    Library("libxcb-sync.so.1", "libxcb-sync1"),
    Library("libxcb-util.so.1", "libxcb-util1"),
    Library("libxcb-xfixes.so.0", "libxcb-xfixes0"),
    Library("libxcb-xkb.so.1", "libxcb-xkb1"),
    Library("libxkbcommon-x11.so.0", "libxkbcommon-x11-0"),
)


def _load(name: str) -> object:
    return ctypes.CDLL(name)


def missing(load: Callable[[str], object] = _load, system: str = sys.platform) -> tuple[Library, ...]:
    """Return the libraries that can't be loaded; none on systems where Qt brings all it needs."""
    if not system.startswith("linux"):
        return ()
    found = []
    for library in LIBRARIES:
        try:
            load(library.name)
        except OSError:
            found.append(library)
    return tuple(found)


def packages(libraries: Iterable[Library]) -> list[str]:
    """Return the Debian packages of these libraries, each once, in the table's order."""
    return list(dict.fromkeys(library.package for library in libraries))


def hint(libraries: Iterable[Library], has_apt: bool) -> str:
    """Return what a person has to do: the one line to run, or the names to look for without apt."""
    libraries = tuple(libraries)
    if has_apt:
        line = "sudo apt-get install -y --no-install-recommends " + " ".join(packages(libraries))
        return f"The window needs some system libraries. Run this line, then start.py again:\n\n  {line}\n"
    names = ", ".join(library.name for library in libraries)
    return (
        "The window needs some system libraries. Install them with your system's package manager, "
        f"then run start.py again: {names}"
    )


def has_apt() -> bool:
    """Whether this system installs packages with apt."""
    return shutil.which("apt-get") is not None


def may_install() -> bool:
    """Whether this process may install packages by itself: root, with apt."""
    return has_apt() and hasattr(os, "geteuid") and os.geteuid() == 0


def install(libraries: Iterable[Library], console: Console) -> None:
    """Install the packages with apt; raises SetUpError with apt's last lines."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with console.step("Installing the system libraries that the window needs"):
        # An update that fails for one of several sources may still have brought what is needed.
        console.run([*APT_GET, "update"], environment, check=False)
        console.run([*APT_GET, "install", "-y", "--no-install-recommends", *packages(libraries)], environment)


def provide(console: Console, required: bool) -> None:
    """Make the libraries available if possible; otherwise say what to run, as an error if they are required."""
    absent = missing()
    if absent and may_install():
        install(absent, console)
        absent = missing()
    if not absent:
        return
    if required:
        raise SetUpError(hint(absent, has_apt()))
    console.say(hint(absent, has_apt()))
