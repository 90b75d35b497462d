"""The quiet line in a conversation above which the model no longer reads."""

from PySide6.QtWidgets import QFrame, QHBoxLayout, QWidget

from app.language import mark, tr
from app.widgets.basics.plain_label import plain_label

MARK_PX = 44
_WORDS = mark("The model no longer reads what stands above")
_EXPLANATION = mark(
    "This conversation got longer than what the model can hold at once, so its oldest messages are left out. They are "
    "still here. Conversation > When the conversation is full changes that."
)


class ContextMark(QWidget):
    """A sentence between two hairlines, across the column."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFixedHeight(MARK_PX)
        self.hide()

    def setVisible(self, visible: bool) -> None:
        """Make what is inside when it is first wanted: each message has such a mark, and hardly one shows it."""
        if visible and self.layout() is None:
            self.setToolTip(tr(_EXPLANATION))
            row = QHBoxLayout(self)
            row.setContentsMargins(0, 0, 0, 12)
            row.setSpacing(12)
            row.addWidget(_hairline(), 1)
            row.addWidget(plain_label(tr(_WORDS), "small"))
            row.addWidget(_hairline(), 1)
        super().setVisible(visible)

    @property
    def text(self) -> str:
        """The sentence, for assistive technology."""
        return f"{tr(_WORDS)}."


def _hairline() -> QFrame:
    line = QFrame()
    line.setProperty("surface", "line")
    return line
