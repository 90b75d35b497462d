"""Lets headings have the size that they are written with: Qt knows one of its own for each level, and that wins."""

import re

from PySide6.QtGui import QTextBlock, QTextCursor, QTextDocument, QTextFormat

_OWN_SIZE = QTextFormat.Property.FontSizeAdjustment
_HEADING = re.compile("<h[1-6] ")


def has_headings(html: str) -> bool:
    """Return whether a heading is written in HTML."""
    return _HEADING.search(html) is not None


def use_written_sizes(document: QTextDocument) -> None:
    """Take Qt's sizes away from the headings of a document."""
    cursor = QTextCursor(document)
    block = document.begin()
    while block.isValid():
        if block.blockFormat().headingLevel():
            for first, last in _parts(block):
                cursor.setPosition(first)
                cursor.setPosition(last, QTextCursor.MoveMode.KeepAnchor)
                written = cursor.charFormat()
                written.clearProperty(_OWN_SIZE)
                cursor.setCharFormat(written)
        block = block.next()


def _parts(block: QTextBlock) -> list[tuple[int, int]]:
    """Return where the differently written parts of a block begin and end."""
    parts = []
    fragments = block.begin()
    while not fragments.atEnd():
        fragment = fragments.fragment()
        parts.append((fragment.position(), fragment.position() + fragment.length()))
        fragments += 1
    return parts
