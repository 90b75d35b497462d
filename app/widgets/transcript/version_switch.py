"""‹ 2 / 3 ›: which of several versions of a message is shown, with arrows to the others."""

from dataclasses import dataclass

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QLabel, QWidget

from app.language import tr
from app.widgets.basics.icon_button import IconButton
from app.widgets.basics.theme import Theme

_BUTTON_PX = 26


@dataclass(frozen=True)
class _Parts:
    previous: IconButton
    label: QLabel
    next: IconButton


class VersionSwitch(QWidget):
    """Hidden while there is only one version."""

    step_requested = Signal(object)  # int: -1 or 1

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._parts: _Parts | None = None  # most messages have one version only, and never need them
        self.hide()

    @property
    def previous_button(self) -> IconButton:
        """The arrow to the version before."""
        return self._made().previous

    @property
    def next_button(self) -> IconButton:
        """The arrow to the version after."""
        return self._made().next

    @property
    def text(self) -> str:
        """The words between the arrows."""
        return self._made().label.text()

    def show_version(self, version: int, versions: int) -> None:
        """Show "version / versions", counted from 1."""
        if versions > 1 or self._parts is not None:
            parts = self._made()
            parts.label.setText(tr("{version} / {versions}").format(version=version, versions=versions))
            name = tr("Version {version} of {versions}").format(version=version, versions=versions)
            parts.label.setAccessibleName(name)
            parts.previous.setEnabled(version > 1)
            parts.next.setEnabled(version < versions)
        self.setVisible(versions > 1)

    def set_theme(self, theme: Theme) -> None:
        """Draw in another theme."""
        self._theme = theme
        if self._parts is not None:
            self._parts.previous.set_theme(theme)
            self._parts.next.set_theme(theme)

    def _made(self) -> "_Parts":
        if self._parts is None:
            label = QLabel()
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setProperty("role", "small")
            label.setAlignment(Qt.AlignmentFlag.AlignCenter)
            previous = IconButton("chevron-left", tr("Previous version"), self._theme)
            following = IconButton("chevron-right", tr("Next version"), self._theme)
            layout = QHBoxLayout(self)
            layout.setContentsMargins(0, 0, 0, 0)
            layout.setSpacing(0)
            for widget in (previous, label, following):
                layout.addWidget(widget)
            for button in (previous, following):
                button.setFixedSize(_BUTTON_PX, _BUTTON_PX)
            previous.clicked.connect(self._on_previous)
            following.clicked.connect(self._on_next)
            self._parts = _Parts(previous, label, following)
        return self._parts

    @Slot()
    def _on_previous(self) -> None:
        self.step_requested.emit(-1)

    @Slot()
    def _on_next(self) -> None:
        self.step_requested.emit(1)
