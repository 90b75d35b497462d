"""On the settings' page about downloads: the access token, and a test of the way to the Hub, step by step."""

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from app.engine_words import said
from app.language import mark, tr
from app.settings.field import DOWNLOADS
from app.widgets.basics.icons import pixmap
from app.widgets.basics.plain_label import plain_label, setting_label
from app.widgets.basics.theme import Theme
from app.widgets.models.emptied import emptied
from engine.api.hub import ConnectionStep

_LABEL = mark("Account and connection")
_HELP = mark(
    "An access token opens models that are private or ask for something first. "
    "The test shows at which step a connection fails."
)
_RUNNING = mark("Testing…")
_ICON_PX = 16


class ConnectionRow(QWidget):
    """Looks like a setting, but holds none."""

    token_requested = Signal()
    check_requested = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._steps: tuple[ConnectionStep, ...] = ()
        self._icons: list[QLabel] = []
        self.token_button = QPushButton(tr("Access token…"))
        self.token_button.clicked.connect(self.token_requested)
        self.test_button = QPushButton(tr("Test the connection"))
        self.test_button.clicked.connect(self._on_test)
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        for button in (self.token_button, self.test_button):
            button.setAutoDefault(False)
            buttons.addWidget(button)
        buttons.addStretch(1)
        self.status = plain_label("", "muted")
        self.status.hide()
        self._grid = QGridLayout()
        self._grid.setContentsMargins(0, 4, 0, 0)
        self._grid.setHorizontalSpacing(8)
        self._grid.setVerticalSpacing(8)
        self._grid.setColumnStretch(1, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(setting_label(tr(_LABEL)))
        column.addWidget(plain_label(tr(_HELP), "muted", wraps=True))
        column.addSpacing(4)
        column.addLayout(buttons)
        column.addWidget(self.status)
        column.addLayout(self._grid)

    @property
    def steps(self) -> tuple[ConnectionStep, ...]:
        """What is shown."""
        return self._steps

    def matches(self, words: str) -> bool:
        """Return whether every word is found here."""
        buttons = f"{self.token_button.text()} {self.test_button.text()}"
        text = f"{tr(_LABEL)} {tr(_HELP)} {tr(DOWNLOADS)} {buttons}".casefold()
        return all(word in text for word in words.casefold().split())

    def show_connection(self, steps: tuple[ConnectionStep, ...] | None) -> None:
        """Show what came of the test; None while it runs."""
        self._steps = tuple(steps or ())
        self.status.setText(tr(_RUNNING))
        self.status.setVisible(steps is None)
        self.test_button.setEnabled(steps is not None)
        emptied(self._grid)
        self._icons = [QLabel() for _ in self._steps]
        for place, step in enumerate(self._steps):
            words = plain_label(
                f"{said(step.name)}: {said(step.words)}", "" if step.succeeded else "danger", wraps=True
            )
            self._icons[place].setAccessibleName(tr("succeeded") if step.succeeded else tr("failed"))
            self._icons[place].setFixedHeight(words.fontMetrics().lineSpacing())  # beside the first line of the words
            self._grid.addWidget(self._icons[place], place, 0, Qt.AlignmentFlag.AlignTop)
            self._grid.addWidget(words, place, 1)
        self.set_theme(self._theme)

    def set_theme(self, theme: Theme) -> None:
        """Draw in another theme."""
        self._theme = theme
        for label, step in zip(self._icons, self._steps, strict=True):
            name, color = (
                ("circle-check", theme.colors.success) if step.succeeded else ("circle-x", theme.colors.danger)
            )
            label.setPixmap(pixmap(name, color, _ICON_PX, self.devicePixelRatioF()))

    @Slot()
    def _on_test(self) -> None:
        self.show_connection(None)
        self.check_requested.emit()
