"""Where words stand on screen once Qt has put a line of mixed directions in order."""

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QTextLayout, QTextLine, QTextOption


def seen_order(line: str, words: Sequence[str]) -> list[str]:
    """Return the words from left to right as Qt shows them in a line of its own: with the direction of its text."""
    option = QTextOption()
    option.setTextDirection(Qt.LayoutDirection.LayoutDirectionAuto)
    layout = QTextLayout(line)
    layout.setTextOption(option)
    layout.beginLayout()
    row = layout.createLine()
    layout.endLayout()

    def middle(word: str) -> float:
        start = line.index(word)
        edges = QTextLine.Edge
        places = [
            row.cursorToX(place, edge)[0]
            for place in range(start, start + len(word))
            for edge in (edges.Leading, edges.Trailing)
        ]
        return sum(places) / len(places)

    return sorted(words, key=middle)
