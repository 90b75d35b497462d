"""Shows a link from a message in full before anything is opened."""

from PySide6.QtCore import Qt, QUrl, Slot
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QDialog, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from app.language import tr
from app.widgets.text.plain_text_view import PlainTextView

_SCHEMES = ("http", "https", "mailto")
_TEXT_PX = 96
_WIDTH_PX = 480


class LinkDialog(QDialog):
    """Open, Copy or Cancel; Cancel is what Enter does."""

    def __init__(self, url: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Open a link"))
        self.setFixedWidth(_WIDTH_PX)
        self._url = url
        question = QLabel(tr("The model wrote this link. Open it in your browser?"))
        question.setWordWrap(True)
        self.address = PlainTextView()
        self.address.setProperty("bare", "true")
        self.address.setAccessibleName(tr("Address"))
        self.address.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.address.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
        self.address.set_text(url)
        self.address.setFixedHeight(min(_TEXT_PX, self.address.heightForWidth(_WIDTH_PX - 48)))
        self.open_button = QPushButton(tr("Open"))
        self.open_button.setEnabled(QUrl(url).scheme() in _SCHEMES)
        self.open_button.clicked.connect(self._on_open)
        self.open_button.setAutoDefault(False)
        self.copy_button = QPushButton(tr("Copy"))
        self.copy_button.setAutoDefault(False)
        self.copy_button.clicked.connect(self._on_copy)
        cancel = QPushButton(tr("Cancel"))
        cancel.setDefault(True)
        cancel.clicked.connect(self.reject)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        for button in (self.copy_button, self.open_button, cancel):
            buttons.addWidget(button)
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 20, 24, 16)
        column.setSpacing(12)
        column.addWidget(question)
        column.addWidget(self.address)
        column.addLayout(buttons)
        cancel.setFocus()

    @Slot()
    def _on_open(self) -> None:
        QDesktopServices.openUrl(QUrl(self._url))
        self.accept()

    @Slot()
    def _on_copy(self) -> None:
        QGuiApplication.clipboard().setText(self._url)
        self.accept()
