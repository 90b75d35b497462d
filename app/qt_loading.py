"""Loads PySide6 as the window needs it: without the hook that reads the source of each module that comes after it."""

import builtins


def load_qt() -> None:
    """Import PySide6 and leave Python's own import in place; raises ImportError where Qt can't be loaded.

    WORKAROUND PySide6 6.11 (PYSIDE-2029): for `from __feature__ import`, which Hearth has no use for, it replaces
    Python's import by one that looks through the source of every module for "PySide6" and keeps the lines of them all:
    10 MiB and a fifth of the time to import the window.
    """
    own_import = builtins.__import__
    import PySide6  # noqa: F401 - for what comes with it

    builtins.__import__ = own_import
