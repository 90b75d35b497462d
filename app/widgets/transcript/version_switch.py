"""‹ 2 / 3 ›: which of several versions of a message is shown, with arrows to the others."""

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QLabel, QWidget

from app.language import tr
from app.widgets.basics.icon_button import IconButton
from app.widgets.basics.theme import Theme

_BUTTON_PX = 26


class VersionSwitch(QWidget):
    """Hidden while there is only one version."""

    step_requested = Signal(object)  # int: -1 or 1

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.previous_button = IconButton("chevron-left", tr("Previous version"), theme)
        self.next_button = IconButton("chevron-right", tr("Next version"), theme)
        self._label = QLabel()
        self._label.setTextFormat(Qt.TextFormat.PlainText)
        self._label.setProperty("role", "small")
        self._label.setAlignment(Qt.AlignmentFlag.AlignCenter)
        for button in (self.previous_button, self.next_button):
            button.setFixedSize(_BUTTON_PX, _BUTTON_PX)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        for widget in (self.previous_button, self._label, self.next_button):
            layout.addWidget(widget)
        self.previous_button.clicked.connect(self._on_previous)
        self.next_button.clicked.connect(self._on_next)
        self.hide()

    @property
    def text(self) -> str:
        """The words between the arrows."""
        return self._label.text()

    def show_version(self, version: int, versions: int) -> None:
        """Show "version / versions", counted from 1."""
        self._label.setText(tr("{version} / {versions}").format(version=version, versions=versions))
        name = tr("Version {version} of {versions}").format(version=version, versions=versions)
        self._label.setAccessibleName(name)
        self.previous_button.setEnabled(version > 1)
        self.next_button.setEnabled(version < versions)
        self.setVisible(versions > 1)

    def set_theme(self, theme: Theme) -> None:
        """Draw in another theme."""
        self.previous_button.set_theme(theme)
        self.next_button.set_theme(theme)

    @Slot()
    def _on_previous(self) -> None:
        self.step_requested.emit(-1)

    @Slot()
    def _on_next(self) -> None:
        self.step_requested.emit(1)
