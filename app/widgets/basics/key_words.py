"""A key as this computer and the user's language call it."""

from PySide6.QtGui import QKeySequence


def key_words(key: str) -> str:
    """Return e.g. "Ctrl+N", or "Strg+N" in German."""
    return QKeySequence(key).toString(QKeySequence.SequenceFormat.NativeText)
