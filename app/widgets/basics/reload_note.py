"""The line below settings which says that a change waits for the model to be loaded again, with the button."""

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QWidget

from app.language import tr


class ReloadNote(QFrame):
    """Hidden until it is shown; hides itself when the model is to be reloaded."""

    reload_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        card = QFrame()
        card.setProperty("surface", "card")
        text = QLabel(tr("Your change takes effect after reloading the model."))
        text.setWordWrap(True)
        self.button = QPushButton(tr("Reload now"))
        self.button.setAutoDefault(False)
        self.button.clicked.connect(self._on_clicked)
        around = QHBoxLayout(self)
        around.setContentsMargins(12, 8, 12, 8)
        around.addWidget(card)
        row = QHBoxLayout(card)
        row.setContentsMargins(12, 8, 12, 8)  # words and button stand in line with those above and below
        row.addWidget(text, 1)
        row.addWidget(self.button)
        self.hide()

    @Slot()
    def _on_clicked(self) -> None:
        self.hide()
        self.reload_requested.emit()
