"""The menu of the models on this computer: name, size and how well each one would fit, which may come later."""

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QAction, QFontMetrics, QKeyEvent
from PySide6.QtWidgets import QWidget, QWidgetAction

from app.bidi import without_controls
from app.language import joined, mark, tr
from app.models.amounts import file_size
from app.models.memory_picture import MemoryPicture
from app.models.plan_words import ModelFit
from app.widgets.basics.foreign_text import menu_text, plain_tooltip
from app.widgets.basics.mirrored_style import Menu
from app.widgets.basics.theme import Theme
from app.widgets.picker.memory_bar import MemoryBar
from engine.api.checkpoint import LocalCheckpoint

_LONGEST_FIT = mark("Fits with less context")
_SEPARATOR = " · "
_SHOWN_LINES = 12


@dataclass(frozen=True)
class _Line:
    name: str  # as a menu shows it
    size: str

    def words(self, fit: str = "") -> str:
        return f"{self.name}\t{joined((self.size, fit))}"

    @property
    def searched(self) -> str:
        return f"{self.name} {self.size}".casefold()


class ModelMenu(Menu):
    """Lists checkpoints; show_fit() completes their lines while the menu is open. Typing searches their names."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._lines: dict[str, tuple[QAction, _Line]] = {}
        self._typed = ""
        self._memory: MemoryBar | None = None
        self._memory_action = QWidgetAction(self)
        self._search = QAction(self)  # says what is searched for, or that there are more
        self._search.setEnabled(False)
        self.setAccessibleName(tr("Models on this computer"))
        self.setToolTipsVisible(True)

    def add_checkpoint(self, checkpoint: LocalCheckpoint, is_loaded: bool, choose: Callable[[], None]) -> None:
        """Add a line for a checkpoint."""
        line = _Line(menu_text(checkpoint.name), file_size(checkpoint.size_bytes))
        action = self.addAction(line.words(), choose)
        action.setCheckable(True)
        action.setChecked(is_loaded)
        self._lines[checkpoint.reference] = (action, line)

    def end_checkpoints(self) -> None:
        """Close the list of checkpoints; of very many the first ones are shown, and all are found by typing."""
        if self._lines:
            self.addAction(self._search)
            self.addSeparator()
            self._search_for("")

    def add_memory(self, picture: MemoryPicture, reason: str, theme: Theme) -> None:
        """Show what takes how much of the memory, and why the model is loaded as it is."""
        self._memory = MemoryBar(picture, reason, theme)
        self._name_memory(self._memory)
        self._memory_action.setDefaultWidget(self._memory)
        self.addAction(self._memory_action)

    def show_memory(self, picture: MemoryPicture, reason: str) -> None:
        """Show what was measured now, and what is known now about why."""
        if self._memory is not None:
            self._memory.show_reason(reason)
            self._memory.show_picture(picture)
            self._name_memory(self._memory)
            self._memory_action.setData(picture.arithmetic)  # lets the menu give it the room that it needs now

    def _name_memory(self, memory: MemoryBar) -> None:
        """Let the line say the numbers to who hears it: a line has no description, and its widget is not asked."""
        said = [memory.accessibleName(), *memory.accessibleDescription().splitlines()]
        self._memory_action.setText(without_controls(". ".join(each for each in said if each)))

    def select_first(self) -> None:
        """Let Enter choose the model that is loaded, else the first one; arrows go on from there."""
        shown = [action for action, _ in self._lines.values() if action.isVisible()]
        chosen = next((action for action in shown if action.isChecked()), shown[0] if shown else None)
        if chosen is not None:
            self.setActiveAction(chosen)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Typing searches the names, Backspace takes a letter back, Esc first ends the search."""
        if event.key() == Qt.Key.Key_Backspace and self._typed:
            self._search_for(self._typed[:-1])
        elif event.key() == Qt.Key.Key_Escape and self._typed:
            self._search_for("")
        elif event.text().isprintable() and event.text().strip(" " if not self._typed else "") and self._lines:
            self._search_for(self._typed + event.text())
        else:
            super().keyPressEvent(event)

    def _search_for(self, typed: str) -> None:
        self._typed = typed
        words = typed.casefold().split()
        found = 0
        for action, line in self._lines.values():
            is_found = all(word in line.searched for word in words)
            found += is_found
            action.setVisible(is_found and (found <= _SHOWN_LINES or action.isChecked()))
        more = found - sum(action.isVisible() for action, _ in self._lines.values())
        if not found:
            self._search.setText(menu_text(tr("No model has “{words}” in its name.").format(words=typed)))
        elif typed:
            self._search.setText(menu_text(tr("With “{words}” in the name").format(words=typed)))
        else:
            self._search.setText(tr("More models: %n. Type to search.", None, more) if more else "")
        self._search.setVisible(bool(typed) or more > 0)
        if self.isVisible():
            self.select_first()

    def keep_room_for_fits(self) -> None:
        """Make the menu as wide as it gets, so that nothing moves under the pointer when a line is completed."""
        if self._lines:
            more = QFontMetrics(self.font()).horizontalAdvance(_SEPARATOR + tr(_LONGEST_FIT))
            self.setMinimumWidth(self.sizeHint().width() + more)

    def show_fit(self, fit: ModelFit) -> None:
        """Say how well a checkpoint fits, if it has a line."""
        if fit.reference in self._lines:
            action, line = self._lines[fit.reference]
            action.setText(line.words(fit.label))
            action.setToolTip(plain_tooltip(fit.details))
            action.setWhatsThis(fit.details)


def open_menu_of(owner: QObject) -> ModelMenu | None:
    """Return the owner's menu that is on screen, None if there is none."""
    found = owner.findChildren(ModelMenu)
    return next((menu for menu in found if menu.isVisible()), None)
