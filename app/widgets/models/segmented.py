"""A switch between a few views: one is chosen, the arrow keys go from one to the next."""

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import QButtonGroup, QFrame, QHBoxLayout, QPushButton, QWidget

from app.widgets.access.accessible_roles import read_as


@read_as(QAccessible.Role.Grouping)
class Segmented(QFrame):
    """Emits chosen(place) for what the user did."""

    chosen = Signal(int)

    def __init__(self, labels: Sequence[str], name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("surface", "segments")
        self.setAccessibleName(name)
        self._group = QButtonGroup(self)
        self.buttons = [QPushButton(label) for label in labels]
        row = QHBoxLayout(self)
        row.setContentsMargins(2, 2, 2, 2)
        row.setSpacing(0)
        for place, button in enumerate(self.buttons):
            button.setProperty("kind", "segment")
            button.setCheckable(True)
            button.setAutoExclusive(True)  # one of several, as a screen reader says it
            button.setAutoDefault(False)
            button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
            self._group.addButton(button, place)
            row.addWidget(button)
        self.buttons[0].setChecked(True)
        self._group.idClicked.connect(self.chosen)

    @property
    def current(self) -> int:
        """The place that is chosen."""
        return self._group.checkedId()

    def choose(self, place: int) -> None:
        """Show another place as chosen; emits nothing."""
        self.buttons[place].setChecked(True)

    def set_label(self, place: int, label: str) -> None:
        """Call a place something else."""
        if self.buttons[place].text() != label:
            self.buttons[place].setText(label)
