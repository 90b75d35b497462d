"""What must not move while messages above turn out higher or lower than guessed."""

from dataclasses import dataclass

import shiboken6
from PySide6.QtCore import QPoint
from PySide6.QtWidgets import QWidget

from app.widgets.transcript.message_widget import MessageWidget

TOP_MARGIN_PX = 24


@dataclass
class ReadingPlace:
    """The top of a row, or of a block inside it, with its distance from the viewport's top."""

    row: int = 0
    block: QWidget | None = None
    offset: int = TOP_MARGIN_PX
    source: int = 0  # characters of the message above the viewport's top: what is left when the block goes

    def seen_from(self, message: MessageWidget | None) -> int:
        """Return how far below its message's top the viewport begins."""
        is_lost = self.block is not None and not (shiboken6.isValid(self.block) and _is_in(self.block, message))
        if is_lost and message is not None:  # it was written anew
            return message.top_of_source(self.source)
        return self.block_top(message) - self.offset

    def block_top(self, message: QWidget | None) -> int:
        """Return how far below its message's top the block begins; 0 without a block that still exists."""
        if self.block is None or message is None or not shiboken6.isValid(self.block):
            return 0
        return self.block.mapTo(message, QPoint(0, 0)).y() if _is_in(self.block, message) else 0


def _is_in(block: QWidget, message: QWidget | None) -> bool:
    return message is not None and message.isAncestorOf(block)
