"""Every action of the window with its words and key, and the menus that hold them."""

from typing import TypeVar

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QAction, QActionGroup, QKeySequence
from PySide6.QtWidgets import QMenu, QMenuBar, QWidget

from app.settings.schema import Theme as ThemeChoice
from app.settings.schema import field_of
from engine.api.commands import WhenFull

_Key = TypeVar("_Key")
_THEME_WORDS = {
    ThemeChoice.SYSTEM: "Colours of the &desktop",
    ThemeChoice.LIGHT: "&Light",
    ThemeChoice.DARK: "Dar&k",
}


class WindowActions(QObject):
    """The actions by name; whoever owns them connects triggered, or for one of several choices the signal here."""

    theme_chosen = Signal(object)  # ("theme", choice)
    when_full_chosen = Signal(object)  # WhenFull, or None: as the settings say

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._parent = parent
        self.new = self._make("&New conversation", "Ctrl+N")
        self.new_private = self._make("New &private conversation", "Ctrl+Shift+N")
        self.rename = self._make("Re&name conversation")
        self.delete = self._make("&Delete conversation")
        self.settings = self._make("&Settings…", "Ctrl+,", QAction.MenuRole.PreferencesRole)
        self.quit = self._make("&Quit", "Ctrl+Q", QAction.MenuRole.QuitRole)
        self.copy_answer = self._make("&Copy last answer", "Ctrl+Shift+C")
        self.regenerate = self._make("Answer a&gain", "Ctrl+R")
        self.branch = self._make("&Branch into a new conversation")
        self.edit_last = self._make("&Edit last message")
        self.stop = self._make("&Stop the answer", "Esc")
        self.choose_model = self._make("&Choose a model", "Ctrl+L")
        self.models = self._make("&Models…", "Ctrl+Shift+L")
        self.open_folder = self._make("Open a model's &folder…")
        self.open_file = self._make("Open a &GGUF file…")
        self.reload = self._make("&Reload")
        self.unload = self._make("&Unload")
        self.sidebar = self._make("&Sidebar", "Ctrl+B")
        self.sidebar.setCheckable(True)
        self.sidebar.setChecked(True)
        self.newest = self._make("Go to the &newest message", "Ctrl+End")
        self.memory = self._make("Conversation &memory…", "Ctrl+Shift+M")
        self.keys = self._make("&Keyboard shortcuts", "Ctrl+/")
        self.about = self._make("&About Hearth", role=QAction.MenuRole.AboutRole)
        self.themes = self._make_themes()
        self.when_full = self._make_when_full()

    @property
    def all(self) -> list[QAction]:
        """Every action in the order of the menus."""
        return [child for child in self._parent.actions() if isinstance(child, QAction)]

    def fill(self, bar: QMenuBar) -> None:
        """Put all actions into the menus."""
        separator = None
        menus: dict[str, list[QAction | None]] = {
            "&File": [
                self.new,
                self.new_private,
                self.rename,
                self.delete,
                separator,
                self.settings,
                separator,
                self.quit,
            ],
            "&Conversation": [
                self.copy_answer,
                self.regenerate,
                self.edit_last,
                self.branch,
                separator,
                self.stop,
            ],
            "&Model": [
                self.choose_model,
                self.models,
                separator,
                self.open_folder,
                self.open_file,
                separator,
                self.reload,
                self.unload,
            ],
            "&View": [self.sidebar, self.newest, self.memory, separator, *self.themes.values()],
            "&Help": [self.keys, self.about],
        }
        for title, entries in menus.items():
            menu = bar.addMenu(title)
            for action in entries:
                if action is None:
                    menu.addSeparator()
                else:
                    menu.addAction(action)
            if title == "&Conversation":
                self._fill_when_full(menu)

    def show_state(self, *, conversation: bool, answer: bool, question: bool, busy: bool, model: bool) -> None:
        """Enable what can be done now."""
        self.rename.setEnabled(conversation)
        for action in self.when_full.values():
            action.setEnabled(conversation)
        self.delete.setEnabled(conversation)
        self.copy_answer.setEnabled(answer)
        self.branch.setEnabled(answer and not busy)
        self.regenerate.setEnabled(answer and not busy)
        self.edit_last.setEnabled(question and not busy)
        self.stop.setEnabled(busy)
        self.reload.setEnabled(model)
        self.unload.setEnabled(model)

    def show_when_full(self, choice: WhenFull | None, by_settings: WhenFull) -> None:
        """Show what happens when the conversation is full; None: what the settings say."""
        words = {each.value: each.label for each in field_of("when_full").choices}
        self.when_full[None].setText(f"As in the &settings ({words[by_settings].lower()})")
        self.when_full[choice].setChecked(True)

    def _make_when_full(self) -> dict[WhenFull | None, QAction]:
        group = QActionGroup(self)
        labels: dict[WhenFull | None, str] = {
            WhenFull.ROLL: "&Leave out the oldest messages",
            WhenFull.STOP: "S&top and say so",
        }
        made = {
            choice: self._make(labels.get(choice, "As in the &settings"))
            for choice in (None, WhenFull.ROLL, WhenFull.STOP)
        }
        for action in made.values():
            action.setCheckable(True)
            group.addAction(action)
        group.triggered.connect(lambda chosen: self.when_full_chosen.emit(_key_of(made, chosen)))
        return made

    def _fill_when_full(self, menu: QMenu) -> None:
        menu.addSeparator()
        choices = menu.addMenu("When it is &full")
        for action in self.when_full.values():
            choices.addAction(action)

    def _make(self, text: str, key: str = "", role: QAction.MenuRole = QAction.MenuRole.NoRole) -> QAction:
        action = QAction(text, self._parent)
        action.setMenuRole(role)
        if key:
            action.setShortcut(QKeySequence(key))
        self._parent.addAction(action)
        return action

    def _make_themes(self) -> dict[ThemeChoice, QAction]:
        group = QActionGroup(self)
        themes = {}
        for choice, words in _THEME_WORDS.items():
            action = self._make(words)
            action.setCheckable(True)
            action.setData(choice.value)
            group.addAction(action)
            themes[choice] = action
        group.triggered.connect(lambda chosen: self.theme_chosen.emit(("theme", _key_of(themes, chosen))))
        return themes


def _key_of(actions: dict[_Key, QAction], action: QAction) -> _Key:
    return next(key for key, each in actions.items() if each is action)
