"""One quiet line below the composer: how much of the context window is taken, and a warning before it is full."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QWidget

from app.models.context_use import ContextUse, Room
from app.widgets.foreign_text import plain_tooltip

_HEIGHT_PX = 20


class ContextMeter(QLabel):
    """Always takes the same room, so that nothing moves when it has something to say."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.setContentsMargins(16, 0, 16, 0)
        self.setFixedHeight(_HEIGHT_PX)
        self.setProperty("role", "small")

    def show_use(self, use: ContextUse | None) -> None:
        """Show what is taken, or nothing."""
        words = [use.words, use.numbers] if use is not None else []
        self.setText("  ·  ".join(part for part in words if part))
        self.setToolTip(plain_tooltip(use.sentence) if use is not None else "")
        self.setAccessibleDescription(use.sentence if use is not None else "")
        role = "small" if use is None or use.room is Room.ENOUGH else "small-warning"
        if role != self.property("role"):
            self.setProperty("role", role)
            self.style().polish(self)
