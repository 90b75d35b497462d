"""All keys on one page: those of the menus, which can be changed here, and those that work where the keyboard is."""

from PySide6.QtCore import QEvent, QObject, QSize, Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent, QKeySequence
from PySide6.QtWidgets import (
    QDialog,
    QFrame,
    QHBoxLayout,
    QHeaderView,
    QLineEdit,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from app.language import mark, tr
from app.widgets.actions.action_table import MENUS, ROWS, rows_of
from app.widgets.actions.key_edit import KeyEdit
from app.widgets.actions.shortcuts import Shortcuts, plain_words, refusal, shown_words
from app.widgets.basics.dialog_size import size_on_screen
from app.widgets.basics.faded_edges import fade_edges
from app.widgets.basics.field_buttons import show_clear_button
from app.widgets.basics.foreign_text import menu_text
from app.widgets.basics.plain_label import plain_label, setting_label

ELSEWHERE = (
    (mark("Send the message"), mark("Enter")),
    (mark("New line in a message"), mark("Shift+Enter")),
    (mark("Stop the answer, leave editing, close"), mark("Esc")),
    (mark("Edit your last message (in an empty composer)"), mark("Up")),
    (mark("Message above or below"), mark("Up / Down")),
    (mark("Rename the selected conversation"), mark("F2")),
    (mark("Delete the selected conversation"), mark("Del")),
)
_NAME = Qt.ItemDataRole.UserRole
_KEY_PX = 180
_ROW_PX = 28


class KeysDialog(QDialog):
    """Lists what each key does. A key that is changed is emitted, and shown when the actions have it."""

    keys_changed = Signal(object)  # dict: what is chosen now

    def __init__(self, shortcuts: Shortcuts, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._shortcuts = shortcuts
        self._wanted = ""  # a key that another action has
        self.setWindowTitle(tr("Keyboard shortcuts"))
        size_on_screen(self, 600, 620)
        self.search = QLineEdit()
        self.search.setPlaceholderText(tr("Search for an action or a key"))
        self.search.setAccessibleName(self.search.placeholderText())
        show_clear_button(self.search)
        self.search.textChanged.connect(self._on_search_changed)
        self.search.installEventFilter(self)
        self.list = self._build_list()
        self.nothing = plain_label(tr("No action has these words or keys."), "muted")
        self.nothing.hide()
        self.editor = self._build_editor()
        self.reset_all_button = QPushButton(tr("Reset all keys"))
        self.reset_all_button.clicked.connect(self._on_reset_all)
        close = QPushButton(tr("Close"))
        close.clicked.connect(self.accept)
        for button in (self.reset_all_button, close):
            button.setAutoDefault(False)
        last = QHBoxLayout()
        last.addWidget(self.reset_all_button)
        last.addStretch(1)
        last.addWidget(close)
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 20, 20, 16)
        column.setSpacing(12)
        for widget in (self.search, self.list, self.nothing, self.editor):
            column.addWidget(widget, 1 if widget is self.list else 0)
        column.addLayout(last)
        shortcuts.changed.connect(self._on_shortcuts_changed)
        self._on_shortcuts_changed()
        self.search.setFocus(Qt.FocusReason.OtherFocusReason)

    @property
    def rows(self) -> list[tuple[str, str]]:
        """What is listed: what a key does, and the key."""
        return [(item.text(0), item.text(1)) for item in self._items()]

    @property
    def selected_name(self) -> str:
        """The name of the action that is selected, "" for none or for keys that are as they are."""
        item = self.list.currentItem()
        return str(item.data(0, _NAME) or "") if item is not None and item.isSelected() else ""

    def select(self, name: str) -> None:
        """Select an action."""
        for item in self._items():
            if item.data(0, _NAME) == name:
                self.list.setCurrentItem(item)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Down goes from the search to what was found, Enter in the list to the new key."""
        if event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            is_enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
            if watched is self.search and (is_enter or event.key() == Qt.Key.Key_Down):
                found = next((item for item in self._items() if not item.isHidden()), None)
                if found is not None:
                    self.list.setCurrentItem(found)
                    self.list.setFocus(Qt.FocusReason.TabFocusReason)
                return True
            if watched is self.list and is_enter:
                self._begin()
                return True
        return super().eventFilter(watched, event)

    def _build_list(self) -> QTreeWidget:
        tree = QTreeWidget()
        tree.setAccessibleName(tr("Actions and their keys"))
        tree.setColumnCount(2)
        tree.setHeaderHidden(True)
        tree.setRootIsDecorated(False)
        tree.setIndentation(0)
        tree.setItemsExpandable(False)
        tree.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        tree.header().setStretchLastSection(False)
        tree.header().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        tree.header().resizeSection(1, _KEY_PX)
        groups = [
            _group(plain_words(tr(menu.words)), [self._action_item(row.name) for row in rows_of(menu)])
            for menu in MENUS
        ]
        groups.append(_group(tr("Where the keyboard is"), [_item(tr(words), tr(key)) for words, key in ELSEWHERE]))
        tree.addTopLevelItems(groups)  # all at once: each change of a row that is seen is told to a screen reader
        for group in groups:
            group.setFirstColumnSpanned(True)
        tree.expandAll()
        tree.itemSelectionChanged.connect(self._on_selected)
        tree.itemDoubleClicked.connect(self._begin)
        tree.installEventFilter(self)
        fade_edges(tree)
        return tree

    def _build_editor(self) -> QFrame:
        frame = QFrame()
        frame.setProperty("surface", "card")
        self.title = setting_label("")
        self.key_edit = KeyEdit()
        self.key_edit.pressed.connect(self._on_pressed)
        self.key_edit.left.connect(self._on_left)
        self.reset_button = QPushButton(tr("Reset"))
        self.reset_button.clicked.connect(self._on_reset)
        self.message = plain_label("", "muted", wraps=True)
        self.take_button = QPushButton()
        self.take_button.clicked.connect(self._on_take)
        for button in (self.reset_button, self.take_button):
            button.setAutoDefault(False)
        top = QHBoxLayout()
        top.setSpacing(8)
        top.addWidget(self.title, 1)
        top.addWidget(self.key_edit)
        top.addWidget(self.reset_button)
        self.key_edit.setFixedWidth(_KEY_PX)
        below = QHBoxLayout()
        below.addWidget(self.message, 1)
        below.addWidget(self.take_button)
        column = QVBoxLayout(frame)
        column.setContentsMargins(16, 12, 16, 12)
        column.addLayout(top)
        column.addLayout(below)
        return frame

    def _action_item(self, name: str) -> QTreeWidgetItem:
        item = _item(shown_words(name))
        item.setData(0, _NAME, name)
        self._show_key(item, name)
        return item

    def _key_of(self, name: str) -> tuple[str, bool]:
        """Return the key of an action, and whether it was changed."""
        return self._shortcuts.key_text(name), self._shortcuts.is_changed(name)

    def _show_key(self, item: QTreeWidgetItem, name: str) -> None:
        key, is_changed = self._key_of(name)
        item.setText(1, key)
        item.setData(1, Qt.ItemDataRole.AccessibleTextRole, key or tr("No key"))
        font = item.font(1)
        font.setBold(is_changed)
        item.setFont(1, font)
        item.setToolTip(1, tr("Changed by you") if is_changed else "")

    def _items(self) -> list[QTreeWidgetItem]:
        groups = [self.list.topLevelItem(place) for place in range(self.list.topLevelItemCount())]
        return [item for group in groups if group is not None for item in _children(group)]

    def _show_editor(self, problem: str = "", take_from: str = "") -> None:
        name, item = self.selected_name, self.list.currentItem()
        can_change = bool(name) and not ROWS[name].is_fixed
        if item is None or not item.isSelected() or item.parent() is None:
            self.title.setText(tr("Choose an action to give it another key."))
        else:
            self.title.setText(item.text(0))
        self.key_edit.setText(self._shortcuts.key_text(name) if name else "")
        self.key_edit.setEnabled(can_change)
        for part in (self.key_edit, self.reset_button):  # without them the title has the line for itself
            part.setVisible(can_change)
        self.reset_button.setEnabled(can_change and self._shortcuts.is_changed(name))
        if item is not None and item.isSelected() and item.parent() is not None and not can_change:
            problem = tr("This key can't be changed.")
        self.message.setText(problem or tr("Enter begins, Backspace takes the key away."))
        self.take_button.setVisible(bool(take_from))
        if take_from:
            owner = shown_words(take_from)
            self.take_button.setText(menu_text(tr("Take it from “{action}”").format(action=owner)))

    def _choose(self, chosen: dict[str, str]) -> None:
        self._wanted = ""
        self.keys_changed.emit(chosen)
        self._show_editor()

    @Slot()
    def _begin(self) -> None:
        if self.key_edit.isEnabled():
            self.key_edit.clear()
            self.key_edit.setFocus(Qt.FocusReason.OtherFocusReason)

    @Slot(object)
    def _on_pressed(self, sequence: object) -> None:
        assert isinstance(sequence, QKeySequence)
        name, key = self.selected_name, sequence.toString()
        problem = refusal(sequence) if key else ""
        owner = "" if problem else self._shortcuts.owner_of(key, other_than=name)
        self._wanted = key
        if owner:
            native = sequence.toString(QKeySequence.SequenceFormat.NativeText)
            sentence = tr("{key} is the key of “{action}”.")
            self._show_editor(sentence.format(key=native, action=shown_words(owner)), owner)
            self.key_edit.setText(native)
            self.take_button.setFocus(Qt.FocusReason.OtherFocusReason)
        elif problem:
            self._show_editor(problem)
        else:
            self._choose(self._shortcuts.with_key(name, key))
            self.list.setFocus(Qt.FocusReason.OtherFocusReason)

    @Slot()
    def _on_take(self) -> None:
        self.list.setFocus(Qt.FocusReason.OtherFocusReason)  # before the button goes
        self._choose(self._shortcuts.with_key(self.selected_name, self._wanted))

    @Slot()
    def _on_left(self) -> None:
        self._show_editor()
        self.list.setFocus(Qt.FocusReason.OtherFocusReason)

    @Slot()
    def _on_reset(self) -> None:
        self.list.setFocus(Qt.FocusReason.OtherFocusReason)
        self._choose(self._shortcuts.without(self.selected_name))

    @Slot()
    def _on_reset_all(self) -> None:
        self._choose({name: key for name, key in self._shortcuts.chosen.items() if name not in ROWS})

    @Slot()
    def _on_selected(self) -> None:
        self._show_editor()

    @Slot()
    def _on_shortcuts_changed(self) -> None:
        any_changed = False
        for item in self._items():
            name = str(item.data(0, _NAME) or "")
            any_changed = any_changed or self._shortcuts.is_changed(name)
            if name and _shown_key(item) != self._key_of(name):
                self._show_key(item, name)
        self.reset_all_button.setEnabled(any_changed)
        self._show_editor()

    @Slot(str)
    def _on_search_changed(self, text: str) -> None:
        words = text.casefold().split()
        found = 0
        for item in self._items():
            told = f"{item.text(0)} {item.text(1)}".casefold()
            item.setHidden(not all(word in told for word in words))
            found += not item.isHidden()
        for place in range(self.list.topLevelItemCount()):
            group = self.list.topLevelItem(place)
            if group is not None:
                group.setHidden(all(item.isHidden() for item in _children(group)))
        self.list.setVisible(bool(found))
        self.nothing.setVisible(not found)


def _item(words: str, key: str = "") -> QTreeWidgetItem:
    item = QTreeWidgetItem([words, key])
    item.setSizeHint(0, QSize(0, _ROW_PX))
    return item


def _shown_key(item: QTreeWidgetItem) -> tuple[str, bool]:
    return item.text(1), bool(item.toolTip(1))


def _children(group: QTreeWidgetItem) -> list[QTreeWidgetItem]:
    found = [group.child(place) for place in range(group.childCount())]
    return [item for item in found if item is not None]


def _group(words: str, items: list[QTreeWidgetItem]) -> QTreeWidgetItem:
    group = QTreeWidgetItem([words])
    group.addChildren(items)
    group.setFlags(Qt.ItemFlag.ItemIsEnabled)
    font = group.font(0)
    font.setBold(True)
    group.setFont(0, font)
    return group
