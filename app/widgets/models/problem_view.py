"""What went wrong with the Hub, as a sentence with its next step as a button."""

from PySide6.QtCore import Signal, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QPushButton, QVBoxLayout, QWidget

from app.bidi import without_controls
from app.engine_words import said
from app.language import tr
from app.widgets.access.announcing import announce
from app.widgets.basics.foreign_text import breakable
from app.widgets.basics.plain_label import plain_label
from app.widgets.models.flow_row import FlowRow
from engine.api.errors import ErrorKind, ErrorReport

_NEEDS_TOKEN = (ErrorKind.TOKEN_NEEDED,)
_NEEDS_SETTINGS = (ErrorKind.NETWORK, ErrorKind.OFFLINE)


class ProblemView(QWidget):
    """Message, hint, and a button for each thing that can be done; nothing at all while there is no error."""

    retry_requested = Signal()
    token_requested = Signal()
    settings_requested = Signal()
    link_activated = Signal(object)  # url

    def __init__(self, role: str = "danger", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._error: ErrorReport | None = None
        self._is_failure = role == "danger"
        self.message = plain_label("", role, wraps=True)
        self.hint = plain_label("", "muted", wraps=True)
        self.link_button = QPushButton(tr("Open the page"))
        self.link_button.clicked.connect(self._on_link)
        self.token_button = QPushButton(tr("Enter a token…"))
        self.token_button.clicked.connect(self.token_requested)
        self.retry_button = QPushButton(tr("Try again"))
        self.retry_button.clicked.connect(self.retry_requested)
        self.settings_button = QPushButton(tr("Settings"))
        self.settings_button.clicked.connect(self.settings_requested)
        self.copy_button = QPushButton(tr("Copy details"))
        self.copy_button.setProperty("kind", "quiet")
        self.copy_button.clicked.connect(self._on_copy)
        buttons = FlowRow()
        for button in self._buttons:
            button.setAutoDefault(False)
            buttons.add(button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self.message)
        column.addWidget(self.hint)
        column.addSpacing(4)
        column.addWidget(buttons)
        self.hide()

    @property
    def error(self) -> ErrorReport | None:
        """What is shown."""
        return self._error

    @property
    def _buttons(self) -> tuple[QPushButton, ...]:
        return (self.link_button, self.token_button, self.retry_button, self.settings_button, self.copy_button)

    def show_error(self, error: ErrorReport | None) -> None:
        """Show what went wrong, None for nothing; a failure is also said, where it is seen and not known already."""
        is_new, self._error = error != self._error, error
        self.setVisible(error is not None)
        if error is None:
            return
        self.message.setText(breakable(said(error.message)))
        self.hint.setText(breakable(said(error.hint)))
        self.hint.setVisible(bool(error.hint))
        self.link_button.setVisible(bool(error.link))
        self.token_button.setVisible(error.kind in _NEEDS_TOKEN)
        self.settings_button.setVisible(error.kind in _NEEDS_SETTINGS)
        self.copy_button.setVisible(bool(error.details))
        self.setAccessibleName(said(error.sentence()))
        if is_new and self._is_failure and self.isVisible():
            announce(self, self.accessibleName())

    @Slot()
    def _on_link(self) -> None:
        if self._error is not None:
            self.link_activated.emit(self._error.link)

    @Slot()
    def _on_copy(self) -> None:
        if self._error is not None:
            QGuiApplication.clipboard().setText(
                f"{without_controls(said(self._error.sentence()))}\n\n{self._error.details}"
            )
