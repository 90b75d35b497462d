"""What must not move while messages above turn out higher or lower than guessed."""

from dataclasses import dataclass

import shiboken6
from PySide6.QtCore import QPoint
from PySide6.QtWidgets import QWidget

TOP_MARGIN_PX = 24


@dataclass
class ReadingPlace:
    """The top of a row, or of a block inside it, with its distance from the viewport's top."""

    row: int = 0
    block: QWidget | None = None
    offset: int = TOP_MARGIN_PX

    def block_top(self, message: QWidget | None) -> int:
        """Return how far below its message's top the block begins; 0 without a block that still exists."""
        if self.block is None or message is None or not shiboken6.isValid(self.block):
            return 0
        return self.block.mapTo(message, QPoint(0, 0)).y() if message.isAncestorOf(self.block) else 0
