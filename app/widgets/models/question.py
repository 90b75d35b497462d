"""A question before something is deleted: what is gone and what stays. Cancel is what Enter does."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from app.language import tr
from app.widgets.basics.foreign_text import breakable
from app.widgets.basics.plain_label import plain_label

_WIDTH_PX = 440


class Question(QDialog):
    """accepted is emitted for the deed; open() asks, and the dialog is gone with the answer."""

    def __init__(self, title: str, question: str, consequences: str, deed: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(title)
        self.setFixedWidth(_WIDTH_PX)
        self.question = plain_label(breakable(question), "heading", wraps=True)
        self.consequences = plain_label(breakable(consequences), wraps=True)
        self.deed_button = QPushButton(deed)
        self.deed_button.setProperty("kind", "danger")
        self.deed_button.setAutoDefault(False)
        self.deed_button.clicked.connect(self.accept)
        self.cancel_button = QPushButton(tr("Cancel"))
        self.cancel_button.setDefault(True)
        self.cancel_button.clicked.connect(self.reject)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(self.deed_button)
        buttons.addWidget(self.cancel_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 20, 24, 16)
        column.setSpacing(12)
        column.addWidget(self.question)
        column.addWidget(self.consequences)
        column.addLayout(buttons)
        self.setFixedHeight(column.totalHeightForWidth(_WIDTH_PX))
        self.cancel_button.setFocus()
