"""One quiet line below the composer: how much of the context window is taken, and a warning before it is full."""

from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtGui import QFont, QResizeEvent
from PySide6.QtWidgets import QLabel, QWidget

from app.language import placed
from app.models.context_use import ContextUse, Room
from app.widgets.basics.foreign_text import plain_tooltip

_HEIGHT_PX = 20
_BETWEEN = "  ·  "
_EQUAL_DIGITS = QFont.Tag("tnum")  # all as wide as each other: a number that grows each second stays calm


class ContextMeter(QLabel):
    """Always takes the same room, so that nothing moves when it has something to say."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._words = self._numbers = ""
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.setContentsMargins(16, 0, 16, 0)
        self.setFixedHeight(_HEIGHT_PX)
        self.setProperty("role", "small")

    def changeEvent(self, event: QEvent) -> None:
        """Keep digits equally wide: with each look the style gives a font that knows nothing of it."""
        super().changeEvent(event)
        if event.type() is QEvent.Type.FontChange and not self.font().isFeatureSet(_EQUAL_DIGITS):
            font = self.font()
            font.setFeature(_EQUAL_DIGITS, 1)
            self.setFont(font)

    def minimumSizeHint(self) -> QSize:
        """Ask for no room of the window: the words are shortened where it is narrow."""
        return QSize(0, _HEIGHT_PX)

    @property
    def whole_width(self) -> int:
        """The width in pixels in which nothing is shortened."""
        sides = self.contentsMargins()
        text = self.fontMetrics().horizontalAdvance(self._words + self._shown_numbers)
        return text + sides.left() + sides.right()

    @property
    def _shown_numbers(self) -> str:
        return f"{_BETWEEN if self._words and self._numbers else ''}{placed(self._numbers)}"

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Shorten the words, or show them whole."""
        super().resizeEvent(event)
        self._fit()

    def show_use(self, use: ContextUse | None) -> None:
        """Show what is taken, or nothing."""
        self._words, self._numbers = (use.words, use.numbers) if use is not None else ("", "")
        self.setToolTip(plain_tooltip(use.sentence) if use is not None else "")
        self.setAccessibleDescription(use.sentence if use is not None else "")
        role = "small" if use is None or use.room is Room.ENOUGH else "small-warning"
        if role != self.property("role"):
            self.setProperty("role", role)
            self.style().polish(self)
        self._fit()

    def _fit(self) -> None:
        numbers = self._shown_numbers
        room = self.contentsRect().width() - self.fontMetrics().horizontalAdvance(numbers)
        self.setText(self.fontMetrics().elidedText(self._words, Qt.TextElideMode.ElideRight, room) + numbers)
