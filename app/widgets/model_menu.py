"""The menu of the models on this computer: name, size and how well each one would fit, which may come later."""

from collections.abc import Callable

from PySide6.QtCore import QObject
from PySide6.QtGui import QAction, QFontMetrics
from PySide6.QtWidgets import QMenu, QWidget

from app.language import mark, tr
from app.models.amounts import file_size
from app.models.plan_words import ModelFit
from app.widgets.foreign_text import menu_text, plain_tooltip
from engine.api.checkpoint import LocalCheckpoint

_LONGEST_FIT = mark("Fits with less context")
_SEPARATOR = " · "


class ModelMenu(QMenu):
    """Lists checkpoints; show_fit() completes their lines while the menu is open."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._lines: dict[str, tuple[QAction, str]] = {}
        self.setAccessibleName(tr("Models on this computer"))
        self.setToolTipsVisible(True)

    def add_checkpoint(self, checkpoint: LocalCheckpoint, is_loaded: bool, choose: Callable[[], None]) -> None:
        """Add a line for a checkpoint."""
        words = f"{menu_text(checkpoint.name)}\t{file_size(checkpoint.size_bytes)}"
        action = self.addAction(words, choose)
        action.setCheckable(True)
        action.setChecked(is_loaded)
        self._lines[checkpoint.reference] = (action, words)

    def keep_room_for_fits(self) -> None:
        """Make the menu as wide as it gets, so that nothing moves under the pointer when a line is completed."""
        if self._lines:
            more = QFontMetrics(self.font()).horizontalAdvance(_SEPARATOR + tr(_LONGEST_FIT))
            self.setMinimumWidth(self.sizeHint().width() + more)

    def show_fit(self, fit: ModelFit) -> None:
        """Say how well a checkpoint fits, if it has a line."""
        if fit.reference in self._lines:
            action, words = self._lines[fit.reference]
            action.setText(f"{words}{_SEPARATOR}{fit.label}")
            action.setToolTip(plain_tooltip(fit.details))
            action.setWhatsThis(fit.details)


def open_menu_of(owner: QObject) -> ModelMenu | None:
    """Return the owner's menu that is on screen, None if there is none."""
    found = owner.findChildren(ModelMenu)
    return next((menu for menu in found if menu.isVisible()), None)
