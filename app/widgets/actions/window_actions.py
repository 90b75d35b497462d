"""The actions of the window by name, made from the table, with the menus that hold them and the keys they have now."""

from collections.abc import Iterable, Mapping

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtGui import QAction, QActionGroup, QKeySequence
from PySide6.QtWidgets import QMenuBar, QWidget

from app.language import tr
from app.models.thinking_switch import ThinkingSwitch
from app.settings.schema import field_of
from app.widgets.actions.action_table import MENUS, ROWS, ActionRow, Group, MenuRow, Need
from app.widgets.actions.shortcuts import Shortcuts
from app.widgets.basics.mirrored_style import Menu
from engine.api.commands import WhenFull


class WindowActions(QObject):
    """Each action is an attribute under its name in the table; whoever owns what it does connects triggered.

    Of several choices the signal here says which one was chosen.
    """

    theme_chosen = Signal(object)  # ("theme", choice)
    state_shown = Signal()  # show_state() has been called
    when_full_chosen = Signal(object)  # WhenFull, or None: as the settings say
    thinking_chosen = Signal(object)  # ThinkingChoice

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._parent = parent
        self.by_name: dict[str, QAction] = {}
        self.menus: dict[str, Menu] = {}
        self._groups = {group: QActionGroup(self) for group in Group}
        for row in ROWS.values():
            self.by_name[row.name] = self._made(row)
        self.shortcuts = Shortcuts(self.by_name, self)
        self.themes = {row.value: self.by_name[row.name] for row in _rows_of(Group.THEME)}
        self.when_full = {row.value: self.by_name[row.name] for row in _rows_of(Group.WHEN_FULL)}
        self.thinking = {row.value: self.by_name[row.name] for row in _rows_of(Group.THINKING)}
        self._groups[Group.THINKING].setExclusionPolicy(QActionGroup.ExclusionPolicy.ExclusiveOptional)
        self._groups[Group.THEME].triggered.connect(self._on_theme_triggered)
        self._groups[Group.WHEN_FULL].triggered.connect(self._on_when_full_triggered)
        self._groups[Group.THINKING].triggered.connect(self._on_thinking_triggered)

    def __getattr__(self, name: str) -> QAction:
        """Return the action of that name."""
        actions: dict[str, QAction] = self.__dict__.get("by_name", {})
        if name not in actions:
            raise AttributeError(f"no action is called {name}")
        return actions[name]

    @property
    def all(self) -> list[QAction]:
        """Every action in the order of the menus."""
        return list(self.by_name.values())

    def fill(self, bar: QMenuBar) -> None:
        """Put all actions into the menus."""
        for menu in MENUS:
            opened = Menu(tr(menu.words), bar)
            bar.addMenu(opened)
            self._fill(opened, menu)
        self.show_thinking(None)

    def show_state(
        self, *, conversation: bool, answer: bool, question: bool, busy: bool, model: bool, loading: bool
    ) -> None:
        """Enable what can be done now, and say what it does."""
        states = {
            Need.CONVERSATION: conversation,
            Need.ANSWER: answer,
            Need.QUESTION: question,
            Need.BUSY: busy,
            Need.IDLE: not busy,
            Need.MODEL: model,
            Need.MODEL_OR_LOAD: model or loading,
        }
        for row in ROWS.values():
            if row.needs:
                self.by_name[row.name].setEnabled(all(states[need] for need in row.needs))
        self.unload.setText(tr("Stop &loading") if loading else tr(ROWS["unload"].words))
        self.state_shown.emit()

    def show_when_full(self, choice: WhenFull | None, by_settings: WhenFull) -> None:
        """Show what happens when the conversation is full; None: what the settings say."""
        words = {each.value: each.label for each in field_of("when_full").choices}
        as_set = tr("As in the &settings ({choice})").format(choice=_begun_small(tr(words[by_settings])))
        self.when_full[None].setText(as_set)
        self.when_full[choice].setChecked(True)

    @Slot(object)
    def show_thinking(self, switch: ThinkingSwitch | None) -> None:
        """Offer what the loaded model can do about thinking, and say why it is not to be had otherwise."""
        for choice, action in self.thinking.items():
            is_there = switch is not None and choice in switch.offered
            action.setVisible(is_there)
            action.setEnabled(is_there)
            action.setChecked(switch is not None and choice == switch.chosen)
        menu = self.menus["thinking"].menuAction()
        menu.setEnabled(switch is not None)
        menu.setText(tr("Thin&king") if switch is not None else tr("Thin&king (only models with a switch for it)"))

    def _fill(self, menu: Menu, row: MenuRow) -> None:
        self.menus[row.name] = menu
        for entry in row.entries:
            if entry is None:
                menu.addSeparator()
            elif isinstance(entry, MenuRow):
                self._fill(menu.add_menu(tr(entry.words)), entry)
            else:
                menu.addAction(self.by_name[entry.name])

    def _made(self, row: ActionRow) -> QAction:
        action = QAction(tr(row.words), self._parent)
        action.setObjectName(row.name)
        action.setMenuRole(row.role)
        action.setShortcuts([QKeySequence(key) for key in row.all_keys])
        action.setCheckable(row.is_checkable or row.group is not None)
        action.setChecked(row.is_checked)
        if row.group is not None:
            self._groups[row.group].addAction(action)
        self._parent.addAction(action)
        return action

    def _on_theme_triggered(self, action: QAction) -> None:
        self.theme_chosen.emit(("theme", _value_of(self.themes, action)))

    def _on_when_full_triggered(self, action: QAction) -> None:
        self.when_full_chosen.emit(_value_of(self.when_full, action))

    def _on_thinking_triggered(self, action: QAction) -> None:
        action.setChecked(True)  # chosen once more, it would be none
        self.thinking_chosen.emit(_value_of(self.thinking, action))


def _rows_of(group: Group) -> Iterable[ActionRow]:
    return (row for row in ROWS.values() if row.group is group)


def _value_of(actions: Mapping[object, QAction], action: QAction) -> object:
    return next(value for value, each in actions.items() if each is action)


def _begun_small(words: str) -> str:
    return words[:1].lower() + words[1:]
