"""What this is, which version, and under which licence."""

import platform

from PySide6.QtCore import Qt, Signal, Slot, qVersion
from PySide6.QtGui import QGuiApplication, QPixmap
from PySide6.QtWidgets import QDialog, QHBoxLayout, QLabel, QLayout, QPushButton, QVBoxLayout, QWidget

from app.language import tr
from app.widgets.basics.icons import app_icon

_ICON_PX = 56
_ICON_EDGE = 12 / 256  # of its size the picture leaves free at each side: the words begin where it is seen to begin
_WORDS_PX = 352
_DISTRIBUTION = "hearth-chat"


def _without_edge(picture: QPixmap) -> QPixmap:
    edge = round(picture.width() * _ICON_EDGE)
    return picture.copy(picture.rect().adjusted(edge, edge, -edge, -edge))


def versions_text() -> str:
    """Return the versions that a person who helps will ask for."""
    from importlib.metadata import PackageNotFoundError, version  # which takes the window's start some time

    try:
        own = version(_DISTRIBUTION)
    except PackageNotFoundError:
        own = tr("from a source folder")
    return f"Hearth {own}\nPython {platform.python_version()}, Qt {qVersion()}\n{platform.platform()}"


class AboutDialog(QDialog):
    """One small page with a button that copies the versions."""

    licences_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("About Hearth"))
        picture = QLabel()
        picture.setPixmap(_without_edge(app_icon().pixmap(_ICON_PX, _ICON_PX)))
        name = QLabel("Hearth")
        name.setProperty("role", "title")
        words = QLabel(tr("Chat with language models on your own computer. Nothing you write leaves it."))
        words.setWordWrap(True)
        versions = QLabel(versions_text())
        versions.setTextFormat(Qt.TextFormat.PlainText)
        versions.setProperty("role", "muted")
        versions.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        licences = QLabel(tr("Apache License 2.0. Fonts: Inter and JetBrains Mono (OFL). Icons: Lucide (ISC)."))
        licences.setProperty("role", "small")
        licences.setWordWrap(True)
        self.copy_button = QPushButton(tr("Copy versions"))
        self.copy_button.clicked.connect(self._on_copy)
        self.licences_button = QPushButton(tr("Licences"))
        self.licences_button.clicked.connect(self.licences_requested)
        close = QPushButton(tr("Close"))
        for button in (self.copy_button, self.licences_button):
            button.setAutoDefault(False)
        close.setDefault(True)
        close.clicked.connect(self.accept)
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 24, 24, 16)
        column.setSpacing(12)
        column.setSizeConstraint(QLayout.SizeConstraint.SetFixedSize)  # Qt opens windows at 2/3 of a small screen
        for widget in (picture, name, words, versions, licences):
            column.addWidget(widget)
        column.addSpacing(8)
        buttons = QHBoxLayout()
        buttons.addWidget(self.licences_button)
        buttons.addStretch(1)
        buttons.addWidget(self.copy_button)
        buttons.addWidget(close)
        column.addLayout(buttons)
        words.setMinimumWidth(_WORDS_PX)  # buttons of longer words make it wider
        close.setFocus()

    @Slot()
    def _on_copy(self) -> None:
        QGuiApplication.clipboard().setText(versions_text())
