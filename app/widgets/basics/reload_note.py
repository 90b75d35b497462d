"""The line below settings which says what a change waits for, with the button that does it."""

import shiboken6
from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QWidget

from app.language import tr


class _Note(QFrame):
    """Hidden until it is shown; hides itself when the button is pressed, and gives the keyboard back."""

    wanted = Signal()

    def __init__(self, words: str, does: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        card = QFrame()
        card.setProperty("surface", "card")
        text = QLabel(words)
        text.setWordWrap(True)
        self.button = QPushButton(does)
        self.button.setAutoDefault(False)
        self.button.clicked.connect(self._on_clicked)
        around = QHBoxLayout(self)
        around.setContentsMargins(12, 8, 12, 8)
        around.addWidget(card)
        row = QHBoxLayout(card)
        row.setContentsMargins(12, 8, 12, 8)  # words and button stand in line with those above and below
        row.addWidget(text, 1)
        row.addWidget(self.button)
        self._came_from: QWidget | None = None  # what had the keyboard when it was shown: the setting that was changed
        self.hide()

    def showEvent(self, event: QShowEvent) -> None:
        """Remember whose change it is about."""
        self._came_from = self.window().focusWidget()
        super().showEvent(event)

    @Slot()
    def _on_clicked(self) -> None:
        came_from = self._came_from
        if self.button.hasFocus() and came_from is not None and shiboken6.isValid(came_from) and came_from.isVisible():
            came_from.setFocus(Qt.FocusReason.OtherFocusReason)  # Qt would go to the next in line, which may be Reset
        self.hide()
        self.wanted.emit()


class ReloadNote(_Note):
    """Offers to load the model again. Signal wanted()."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(tr("Your change takes effect after reloading the model."), tr("Reload now"), parent)


class RestartNote(_Note):
    """Offers to start Hearth again, and says what ends by that. Signal wanted()."""

    def __init__(self, parent: QWidget | None = None) -> None:
        words = tr(
            "Your change takes effect when Hearth is started again. That stops an answer that is being written, keeps "
            "what there is of it, and ends private conversations."
        )
        super().__init__(words, tr("Restart Hearth"), parent)
