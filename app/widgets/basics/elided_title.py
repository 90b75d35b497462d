"""A conversation's title that is too long for its line: what tells it from the one it came of stays."""

import re

from PySide6.QtCore import Qt
from PySide6.QtGui import QFontMetrics

_SUFFIX = re.compile(r" \([^()]{1,24}\)$")  # as of a branch or copy, in any language
_MOST_OF_THE_LINE = 0.6


def elided_title(metrics: QFontMetrics, title: str, room_px: int) -> str:
    """Return a title of one line that is no wider than the room; "Three days ar… (branch)" where its end says much."""
    suffix = _SUFFIX.search(title)
    ending = suffix.group() if suffix is not None else ""
    ending_px = metrics.horizontalAdvance(ending)
    if not ending or ending_px > room_px * _MOST_OF_THE_LINE or metrics.horizontalAdvance(title) <= room_px:
        return metrics.elidedText(title, Qt.TextElideMode.ElideRight, room_px)
    return metrics.elidedText(title.removesuffix(ending), Qt.TextElideMode.ElideRight, room_px - ending_px) + ending
