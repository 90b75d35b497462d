"""The list of the sidebar: conversations under the names of their groups, by mouse, keyboard and drag and drop."""

from collections.abc import Sequence

import msgspec
from PySide6.QtCore import QItemSelectionModel, QKeyCombination, QModelIndex, QPersistentModelIndex, Qt, Signal, Slot
from PySide6.QtGui import (
    QContextMenuEvent,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDragMoveEvent,
    QDropEvent,
    QKeyEvent,
    QMouseEvent,
    QPalette,
    QResizeEvent,
)
from PySide6.QtWidgets import QAbstractItemDelegate, QAbstractItemView, QListView, QMenu, QWidget

from app.conversations.records import Conversation, Folder
from app.language import tr
from app.models.sidebar_model import CONVERSATIONS_MIME, SIDEBAR_ROW_ROLE, SidebarModel
from app.models.sidebar_rows import PINNED, Group
from app.widgets.basics.faded_edges import fade_edges
from app.widgets.basics.theme import Theme
from app.widgets.sidebar.conversation_delegate import ConversationDelegate
from app.widgets.sidebar.conversation_menu import ConversationMenu

_Index = QModelIndex | QPersistentModelIndex
_CHOOSING = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
_DUPLICATE = QKeyCombination(Qt.KeyboardModifier.ControlModifier, Qt.Key.Key_D)
_EDITING = QAbstractItemView.State.EditingState


class ConversationList(QListView):
    """Enter or a click opens, F2 or a double click renames, Delete deletes what is chosen, Ctrl+D copies it.

    Left and Right close and open a folder. Every signal carries a tuple of ids where several can be chosen.
    """

    chosen = Signal(object)  # conversation id
    delete_requested = Signal(object)  # ids
    duplicate_requested = Signal(object)  # ids
    export_requested = Signal(object)  # ids
    pin_requested = Signal(object)  # (ids, whether)
    move_requested = Signal(object)  # (ids, folder id or None)
    folder_requested = Signal(object)  # ids that are to be in a new folder
    fold_requested = Signal(object)  # (folder id, whether it is to be closed)
    folder_delete_requested = Signal(object)  # folder id
    left = Signal()  # a title was edited that was not reached with the keyboard of the list

    def __init__(self, model: SidebarModel, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows = model
        self._edits_by_key = False
        self.can_export = False
        self.titles = ConversationDelegate(theme, self)
        self.setModel(model)
        self.setItemDelegate(self.titles)
        self.setAccessibleName(tr("Conversations"))
        self.setMouseTracking(True)
        self.setUniformItemSizes(True)  # thousands of rows are laid out without asking each for its height
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setDragDropMode(QAbstractItemView.DragDropMode.DragDrop)
        self.setDropIndicatorShown(False)  # a group takes what is dropped, not the gap between two rows
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setEditTriggers(QAbstractItemView.EditTrigger.EditKeyPressed | QAbstractItemView.EditTrigger.DoubleClicked)
        self.selectionModel().selectionChanged.connect(self._on_selection_changed)
        fade_edges(self, QPalette.ColorRole.AlternateBase)

    @property
    def chosen_ids(self) -> tuple[str, ...]:
        """The conversations that are chosen, from top to bottom."""
        return self._rows.ids_of(self.selectionModel().selectedIndexes())

    def row_at(self, index: _Index) -> Conversation | Group | None:
        """Return what stands in a row."""
        row = index.data(SIDEBAR_ROW_ROLE)
        return row if isinstance(row, Conversation | Group) else None

    def index_of(self, key: str) -> QModelIndex:
        """Return the row that a conversation (its id) or group (its key) has now; invalid if it isn't shown."""
        place = self._rows.place_of(key)
        return QModelIndex() if place is None else self._rows.index(place)

    def dataChanged(self, topLeft: _Index, bottomRight: _Index, roles: Sequence[int] = ()) -> None:  # noqa: N803 - Qt's
        """Only draw again where no more than marks have changed: QListView would overwrite what is being edited."""
        if roles or self.state() == _EDITING:
            self.viewport().update()
        else:
            super().dataChanged(topLeft, bottomRight, roles)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Do with the keyboard all that the mouse can do."""
        if self.state() != _EDITING:
            self._edits_by_key = event.key() == Qt.Key.Key_F2
            row = self.row_at(self.currentIndex())
            folder = row.folder if isinstance(row, Group) else None
            is_done = self._take_folder_key(folder, event) if folder is not None else self._take_key(row, event)
            if is_done:
                return
        super().keyPressEvent(event)

    def _take_key(self, row: Conversation | Group | None, event: QKeyEvent) -> bool:
        ids = self.chosen_ids
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and isinstance(row, Conversation):
            self.chosen.emit(row.id)
        elif event.key() == Qt.Key.Key_Delete and ids:
            self.delete_requested.emit(ids)
        elif event.keyCombination() == _DUPLICATE and ids:
            self.duplicate_requested.emit(ids)
        elif event.key() == self._key_of(is_opening=False) and self._group_of(self.currentIndex()) is not None:
            self._go_to_folder()
        else:
            return False
        return True

    def _take_folder_key(self, folder: Folder, event: QKeyEvent) -> bool:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self.fold_requested.emit((folder.id, not folder.is_collapsed))
        elif event.key() in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            self.fold_requested.emit((folder.id, event.key() == self._key_of(is_opening=False)))
        elif event.key() == Qt.Key.Key_Delete:
            self.folder_delete_requested.emit(folder.id)
        else:
            return False
        return True

    def _key_of(self, *, is_opening: bool) -> Qt.Key:
        mirrored = self.layoutDirection() == Qt.LayoutDirection.RightToLeft
        return Qt.Key.Key_Right if is_opening != mirrored else Qt.Key.Key_Left

    def _group_of(self, index: _Index) -> Folder | None:
        group = self._rows.group_at(index.row()) if index.isValid() else None
        return group.folder if group is not None else None

    def _go_to_folder(self) -> None:
        folder = self._group_of(self.currentIndex())
        if folder is not None:
            self.setCurrentIndex(self.index_of(f"folder:{folder.id}"))

    def closeEditor(self, editor: QWidget, hint: QAbstractItemDelegate.EndEditHint) -> None:
        """What is typed next is meant for the conversation, unless one walks through the list with the keyboard."""
        super().closeEditor(editor, hint)
        if self.hasFocus() and not self._edits_by_key:
            self.left.emit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the field of a title as wide as its row: Qt leaves it behind the scroll bar that comes."""
        super().resizeEvent(event)
        self.updateEditorGeometries()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """A folder's name opens and closes it; a click on one of several chosen rows may begin to drag them all."""
        index = self.indexAt(event.position().toPoint())
        row = self.row_at(index)
        if isinstance(row, Group) and row.folder is not None and event.button() == Qt.MouseButton.LeftButton:
            self.setCurrentIndex(index)
            self.fold_requested.emit((row.folder.id, not row.is_collapsed))
            return
        super().mousePressEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """A click opens, unless it chooses."""
        is_click = event.button() == Qt.MouseButton.LeftButton and self.state() == QAbstractItemView.State.NoState
        index = self.indexAt(event.position().toPoint())
        row = self.row_at(index)
        is_same = index == self.currentIndex()
        super().mouseReleaseEvent(event)
        if is_click and is_same and isinstance(row, Conversation) and not event.modifiers() & _CHOOSING:
            self.chosen.emit(row.id)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Rename a conversation; a folder was opened and is closed again."""
        self._edits_by_key = False
        row = self.row_at(self.indexAt(event.position().toPoint()))
        if isinstance(row, Group):
            self.mousePressEvent(event)
        else:
            super().mouseDoubleClickEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Offer what can be done with what is under the pointer (or chosen with the keyboard)."""
        by_mouse = event.reason() == QContextMenuEvent.Reason.Mouse
        index = self.indexAt(event.pos()) if by_mouse else self.currentIndex()
        if index.isValid() and self.row_at(index) is not None and index.flags() & Qt.ItemFlag.ItemIsEnabled:
            place = event.globalPos() if by_mouse else self.viewport().mapToGlobal(self.visualRect(index).center())
            self.build_menu(index).popup(place)

    def build_menu(self, index: QModelIndex) -> QMenu:
        """Return the menu of a row; of all chosen ones if it is among them."""
        menu = ConversationMenu(self)
        row = self.row_at(index)
        if isinstance(row, Group) and row.folder is not None:
            folder = row.folder
            menu.add_folder(
                folder,
                lambda closed: self.fold_requested.emit((folder.id, closed)),
                lambda: self.edit_title(self.index_of(row.key)),
                lambda: self.folder_delete_requested.emit(folder.id),
            )
        elif isinstance(row, Conversation):
            self._fill_menu(menu, self.chosen_ids if row.id in self.chosen_ids else (row.id,), row)
        return menu

    def _fill_menu(self, menu: ConversationMenu, ids: tuple[str, ...], row: Conversation) -> None:
        found = [each for each in map(self._rows.conversations.found, ids) if each is not None]
        if len(ids) == 1:
            menu.add_one(lambda: self.chosen.emit(row.id), lambda: self.edit_title(self.index_of(row.id)))
        menu.add_pins(found, lambda is_pinned: self.pin_requested.emit((ids, is_pinned)))
        if not all(each.is_private for each in found):
            menu.add_folders(
                self._rows.conversations.folders,
                found,
                lambda folder_id: self.move_requested.emit((ids, folder_id)),
                lambda: self.folder_requested.emit(ids),
            )
        export = (lambda: self.export_requested.emit(ids)) if self.can_export else None
        menu.add_all(lambda: self.duplicate_requested.emit(ids), export, lambda: self.delete_requested.emit(ids))

    def edit_title(self, index: QModelIndex) -> None:
        """Begin to edit a title in its place."""
        self._edits_by_key = False
        self.edit(index)

    def set_active(self, conversation_id: str) -> None:
        """Highlight the conversation that is shown, "" for none, and choose nothing else."""
        self.titles.active_id = conversation_id
        index = self.index_of(conversation_id)
        if self.chosen_ids != (conversation_id,) or not index.isValid():
            # Not setCurrentIndex: it would add to what is chosen while Ctrl is held, as for Ctrl+N.
            self.selectionModel().setCurrentIndex(index, QItemSelectionModel.SelectionFlag.ClearAndSelect)
            if index.isValid():
                self.scrollTo(index)
        self.viewport().update()

    # Drag and drop

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take conversations of this list."""
        if event.source() is self and event.mimeData().hasFormat(CONVERSATIONS_MIME):
            event.acceptProposedAction()
        else:
            event.ignore()

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        """Show which group would take them; near the edge the list scrolls."""
        super().dragMoveEvent(event)
        group = self._rows.group_at(self.indexAt(event.position().toPoint()).row())
        self._show_target(group)
        event.setAccepted(group is not None)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        """Show no group any more."""
        self._show_target(None)
        super().dragLeaveEvent(event)

    def dropEvent(self, event: QDropEvent) -> None:
        """Put what is dropped into the group: pinned, a folder, or none."""
        self._show_target(None)
        self.setState(QAbstractItemView.State.NoState)
        group = self._rows.group_at(self.indexAt(event.position().toPoint()).row())
        ids = msgspec.json.decode(event.mimeData().data(CONVERSATIONS_MIME).data(), type=tuple[str, ...])
        if group is None or not ids:
            event.ignore()
            return
        event.acceptProposedAction()
        if group.key == PINNED:
            self.pin_requested.emit((ids, True))
        else:
            self.move_requested.emit((ids, group.folder.id if group.folder is not None else None))

    def _show_target(self, group: Group | None) -> None:
        key = group.key if group is not None else ""
        if key != self.titles.target_key:
            self.titles.target_key = key
            self.viewport().update()

    @Slot()
    def _on_selection_changed(self) -> None:
        self.titles.shows_chosen = len(self.chosen_ids) > 1
        self.viewport().update()
