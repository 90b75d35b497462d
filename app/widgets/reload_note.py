"""The line below settings which says that a change waits for the model to be loaded again, with the button."""

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QWidget

from app.language import tr


class ReloadNote(QFrame):
    """Hidden until it is shown; hides itself when the model is to be reloaded."""

    reload_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("surface", "card")
        text = QLabel(tr("Your change takes effect after reloading the model."))
        text.setWordWrap(True)
        self.button = QPushButton(tr("Reload now"))
        self.button.setAutoDefault(False)
        self.button.clicked.connect(self._on_clicked)
        row = QHBoxLayout(self)
        row.setContentsMargins(24, 8, 16, 8)
        row.addWidget(text, 1)
        row.addWidget(self.button)
        self.hide()

    @Slot()
    def _on_clicked(self) -> None:
        self.hide()
        self.reload_requested.emit()
