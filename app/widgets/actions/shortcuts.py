"""Which keys the actions have: the usual ones of the table, and in their place those that the user chose."""

from collections.abc import Mapping

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QWidget

from app.language import tr
from app.widgets.actions.action_table import MENUS, ROWS, MenuRow, rows_of
from app.widgets.basics.foreign_text import set_tooltip

# Keys that mean something in every text field and dialog: nothing else may have them.
_TAKEN = (
    "Return", "Enter", "Shift+Return", "Shift+Enter", "Esc", "Tab", "Shift+Tab", "Space", "Backspace", "Del", "F2",
    "Shift+F10", "Menu", "Up", "Down", "Left", "Right", "Home", "End", "PgUp", "PgDown", "Ctrl+Left", "Ctrl+Right",
)  # fmt: skip


class Shortcuts(QObject):
    """Gives the actions their keys. A key chosen by the user leaves the action that usually has it."""

    changed = Signal()
    problems_found = Signal(object)  # one sentence for each chosen key that can't be used

    def __init__(self, actions: Mapping[str, QAction], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._actions = actions
        self._chosen: dict[str, str] = {}
        self._explained: list[tuple[QWidget, str, str]] = []

    @property
    def chosen(self) -> dict[str, str]:
        """What the user chose, as it stands in the settings; names of other versions are kept."""
        return dict(self._chosen)

    def apply(self, chosen: Mapping[str, str]) -> None:
        """Give every action its keys."""
        if dict(chosen) == self._chosen:
            return
        self._chosen = dict(chosen)
        own, problems = self._own_keys()
        taken = set(own.values())
        for name, row in ROWS.items():
            if name in own:
                keys = [own[name]] if own[name] else []
            else:
                keys = [key for key in usual_keys(name) if row.is_fixed or key not in taken]
            self._actions[name].setShortcuts([QKeySequence(key) for key in keys])
        for widget, name, words in self._explained:
            self._explain(widget, name, words)
        self.changed.emit()
        if problems:
            self.problems_found.emit(problems)

    def explain(self, widget: QWidget, name: str, words: str) -> None:
        """Let a widget's tooltip say these words and the key that the action has at the time."""
        self._explained.append((widget, name, words))
        self._explain(widget, name, words)

    def with_key(self, name: str, key: str) -> dict[str, str]:
        """Return what is chosen when the action gets this key ("" for none) and whoever has it gives it up."""
        chosen = self.chosen
        owner = self.owner_of(key, other_than=name)
        if owner and not ROWS[owner].is_fixed:
            chosen[owner] = ""
        chosen[name] = key
        if key == next(iter(usual_keys(name)), ""):
            del chosen[name]
        return chosen

    def without(self, name: str) -> dict[str, str]:
        """Return what is chosen when the action gets its usual key back; whoever has that gives it up."""
        usual = next(iter(usual_keys(name)), "")
        return self.with_key(name, usual)

    def owner_of(self, key: str, other_than: str) -> str:
        """Return the name of the action that has the key, "" for none."""
        if key:
            for name, action in self._actions.items():
                if name != other_than and key in [each.toString() for each in action.shortcuts()]:
                    return name
        return ""

    def key_text(self, name: str) -> str:
        """Return the action's key as this system writes it, "" for none."""
        return self._actions[name].shortcut().toString(QKeySequence.SequenceFormat.NativeText)

    def is_changed(self, name: str) -> bool:
        """Return whether the user chose another key."""
        return name in self._chosen

    def _own_keys(self) -> tuple[dict[str, str], list[str]]:
        """Return the chosen keys that can be used, by action, and why others can't."""
        own: dict[str, str] = {}
        problems = []
        for name, text in self._chosen.items():
            row = ROWS.get(name)
            if row is None:  # another version's action
                continue
            sequence = QKeySequence.fromString(text)
            key = sequence.toString()
            words = shown_words(name)
            if row.is_fixed:
                problems.append(tr("The key of “{action}” can't be changed.").format(action=words))
            elif text and (not key or refusal(sequence)):
                sentence = tr("“{key}” can't be the key of “{action}”, which keeps its usual one.")
                problems.append(sentence.format(key=text[:40], action=words))
            elif key and key in own.values():
                sentence = tr("“{key}” is chosen for two actions; “{action}” keeps its usual one.")
                problems.append(sentence.format(key=text[:40], action=words))
            else:
                own[name] = key
        return own, problems

    def _explain(self, widget: QWidget, name: str, words: str) -> None:
        key = self.key_text(name)
        text = tr("{words} ({key})").format(words=words, key=key) if key else words
        set_tooltip(widget, text)
        widget.setAccessibleDescription(key)  # behind the name, which says the words


def refusal(sequence: QKeySequence) -> str:
    """Return why no action can have this key, "" if one can."""
    if sequence.count() != 1:
        return tr("One key at a time, please.")
    key = sequence.toString()
    fixed = next((row for row in ROWS.values() if row.is_fixed and key in _portable(row.all_keys)), None)
    if fixed is not None:
        sentence = tr("{key} always means “{action}”.")
        return sentence.format(key=_native(sequence), action=shown_words(fixed.name))
    if key in _TAKEN:
        return tr("{key} has its own meaning where you write and in lists.").format(key=_native(sequence))
    if len(key.removeprefix("Num+").removeprefix("Shift+")) == 1:  # a letter, with Shift at most
        return tr("{key} alone is for writing: take Ctrl or Alt with it.").format(key=_native(sequence))
    return ""


def usual_keys(name: str) -> list[str]:
    """Return the keys that an action has when nobody changes them, the shown one first."""
    return _portable(ROWS[name].all_keys)


def plain_words(text: str) -> str:
    """Return an action's words without the mark of its letter and without the dots."""
    return text.replace("&&", "\0").replace("&", "").replace("\0", "&").rstrip("…")


def shown_words(name: str) -> str:
    """Return an action's words where it stands outside its menu: of one inside another menu, with that one's words."""
    words = plain_words(tr(ROWS[name].words))
    for menu in MENUS:
        for inner in menu.entries:
            if isinstance(inner, MenuRow) and any(row.name == name for row in rows_of(inner)):
                return f"{plain_words(tr(inner.words))}: {words}"
    return words


def _portable(keys: tuple[str, ...]) -> list[str]:
    return [QKeySequence(key).toString() for key in keys]


def _native(sequence: QKeySequence) -> str:
    return sequence.toString(QKeySequence.SequenceFormat.NativeText)
