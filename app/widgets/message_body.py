"""The widget that shows one message."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from app.widgets.theme import Theme


class MessageBody(QWidget):
    """One message as rendered blocks (answers) or as plain text (what the user wrote).

    Its height follows its width (``heightForWidth``); it never scrolls vertically and has no margins or background.
    """

    link_activated = Signal(object)  # str: the full http, https or mailto URL that was clicked; ask before opening it

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._label = QLabel()
        self._label.setTextFormat(Qt.TextFormat.PlainText)
        self._label.setWordWrap(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._label)

    def set_text(self, text: str, streaming: bool = False) -> None:
        """Show Markdown; while ``streaming`` only what changed since the last call is drawn again."""
        self._label.setText(text)

    def set_plain_text(self, text: str) -> None:
        """Show the text exactly as it is, wrapped, without any markup."""
        self._label.setText(text)

    def set_theme(self, theme: Theme) -> None:
        """Draw everything again in another theme or text size."""
        self._theme = theme

    def plain_text(self) -> str:
        """Return the source text (Markdown as the model wrote it), as Copy should copy it."""
        return self._label.text()
