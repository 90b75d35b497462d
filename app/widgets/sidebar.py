"""The list of conversations: open, begin, rename in place, delete."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPoint, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QContextMenuEvent, QKeyEvent, QMouseEvent, QShowEvent
from PySide6.QtWidgets import (
    QAbstractItemDelegate,
    QAbstractItemView,
    QFrame,
    QLabel,
    QListView,
    QMenu,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.conversations.records import Conversation
from app.language import tr
from app.models.conversation_list_model import CONVERSATION_ROLE, ConversationListModel
from app.widgets.conversation_delegate import ConversationDelegate
from app.widgets.icons import icon
from app.widgets.key_words import key_words
from app.widgets.theme import Theme

WIDTH_PX = 248
SMALLEST_PX = 192
WIDEST_PX = 420
_Index = QModelIndex | QPersistentModelIndex


class ConversationList(QListView):
    """Enter or a click opens, F2 or a double click renames, Delete deletes."""

    chosen = Signal(object)  # conversation id
    delete_requested = Signal(object)  # conversation id
    left = Signal()  # a title was edited that was not reached with the keyboard of the list

    def __init__(self, model: ConversationListModel, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._edits_by_key = False
        self.titles = ConversationDelegate(theme, self)
        self.setModel(model)
        self.setItemDelegate(self.titles)
        self.setAccessibleName(tr("Conversations"))
        self.setMouseTracking(True)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setEditTriggers(QAbstractItemView.EditTrigger.EditKeyPressed | QAbstractItemView.EditTrigger.DoubleClicked)
        self.clicked.connect(self._on_clicked)

    def conversation_at(self, index: QModelIndex) -> Conversation | None:
        """Return the conversation of a row."""
        conversation = index.data(CONVERSATION_ROLE)
        return conversation if isinstance(conversation, Conversation) else None

    def indexAt(self, point: QPoint) -> QModelIndex:
        """Return no row where only a group's name is."""
        index = super().indexAt(point)
        if index.isValid() and not self.titles.title_rectangle(self.visualRect(index), index).contains(point):
            return QModelIndex()
        return index

    def dataChanged(self, topLeft: _Index, bottomRight: _Index, roles: Sequence[int] = ()) -> None:  # noqa: N803
        """Only draw again where no more than marks have changed.

        QListView would lay out all rows, which is felt at thousands, and overwrite a title that is being edited.
        """
        if roles:
            self.viewport().update()
        else:
            super().dataChanged(topLeft, bottomRight, roles)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Open and delete with the keyboard."""
        conversation = self.conversation_at(self.currentIndex())
        if conversation is not None and self.state() != QAbstractItemView.State.EditingState:
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self.chosen.emit(conversation.id)
                return
            if event.key() == Qt.Key.Key_Delete:
                self.delete_requested.emit(conversation.id)
                return
        if self.state() != QAbstractItemView.State.EditingState:
            self._edits_by_key = event.key() == Qt.Key.Key_F2
        super().keyPressEvent(event)

    def closeEditor(self, editor: QWidget, hint: QAbstractItemDelegate.EndEditHint) -> None:
        """What is typed next is meant for the conversation, unless one walks through the list with the keyboard."""
        super().closeEditor(editor, hint)
        if self.hasFocus() and not self._edits_by_key:
            self.left.emit()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Offer what can be done with the conversation under the pointer (or with the current one)."""
        by_mouse = event.reason() == QContextMenuEvent.Reason.Mouse
        index = self.indexAt(event.pos()) if by_mouse else self.currentIndex()
        if index.isValid():
            place = event.globalPos() if by_mouse else self.viewport().mapToGlobal(self.visualRect(index).center())
            self.build_menu(index).popup(place)

    def build_menu(self, index: QModelIndex) -> QMenu:
        """Return the menu of one conversation."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        conversation = self.conversation_at(index)
        if conversation is not None:
            menu.addAction(tr("Open"), lambda: self.chosen.emit(conversation.id))
            menu.addAction(
                tr("Rename") + "\t" + key_words("F2"), lambda: self.edit_title(self.currentIndexFor(conversation.id))
            )
            menu.addSeparator()
            menu.addAction(tr("Delete") + "\t" + key_words("Del"), lambda: self.delete_requested.emit(conversation.id))
        return menu

    def edit_title(self, index: QModelIndex) -> None:
        """Begin to edit a title in its place."""
        self._edits_by_key = False
        self.edit(index)

    def currentIndexFor(self, conversation_id: str) -> QModelIndex:
        """Return the row that a conversation has now; invalid if it is gone."""
        model = self.model()
        assert isinstance(model, ConversationListModel)
        row = model.row_of(conversation_id)
        return QModelIndex() if row is None else model.index(row)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Rename."""
        self._edits_by_key = False
        super().mouseDoubleClickEvent(event)

    @Slot(QModelIndex)
    def _on_clicked(self, index: QModelIndex) -> None:
        conversation = self.conversation_at(index)
        if conversation is not None:
            self.chosen.emit(conversation.id)


class Sidebar(QFrame):
    """New conversation on top, the list below; an invitation while there is nothing."""

    new_requested = Signal()
    open_requested = Signal(object)  # conversation id
    rename_requested = Signal(object)  # (conversation id, title)
    delete_requested = Signal(object)  # conversation id

    def __init__(self, model: ConversationListModel, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = model
        self.setProperty("surface", "sidebar")
        self.setMinimumWidth(SMALLEST_PX)
        self.setMaximumWidth(WIDEST_PX)
        self.new_button = QPushButton(tr("New conversation"))
        self.new_button.setProperty("kind", "quiet")
        self.new_button.setToolTip(f"{tr('Begin a new conversation')} ({key_words('Ctrl+N')})")
        self.new_button.clicked.connect(self.new_requested)
        self.list = ConversationList(model, theme)
        self.list.chosen.connect(self.open_requested)
        self.list.delete_requested.connect(self.delete_requested)
        self.list.titles.renamed.connect(self.rename_requested)
        self.empty = QLabel(tr("Your conversations will be listed here. They stay on this computer."))
        self.empty.setProperty("role", "muted")
        self.empty.setWordWrap(True)
        self.empty.setContentsMargins(16, 16, 16, 0)
        self.empty.setAlignment(Qt.AlignmentFlag.AlignTop)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 8, 0, 8)
        column.setSpacing(4)
        top = QVBoxLayout()
        top.setContentsMargins(8, 0, 8, 0)
        top.addWidget(self.new_button)
        column.addLayout(top)
        column.addWidget(self.list, 1)
        column.addWidget(self.empty, 1)
        self._midnight = QTimer(self)
        self._midnight.setSingleShot(True)
        self._midnight.timeout.connect(self._on_midnight)
        for changed in (model.modelReset, model.rowsInserted, model.rowsRemoved):
            changed.connect(self._on_rows_changed)
        for moved in (model.rowsInserted, model.rowsRemoved, model.rowsMoved):
            moved.connect(self._on_groups_changed)
        model.dataChanged.connect(self._on_data_changed)
        self.set_theme(theme)
        self._on_rows_changed()

    def set_active(self, conversation_id: str) -> None:
        """Highlight the conversation that is shown, "" for none."""
        self.list.titles.active_id = conversation_id
        index = self.list.currentIndexFor(conversation_id)
        self.list.setCurrentIndex(index)
        if index.isValid():
            self.list.scrollTo(index)
        self.list.viewport().update()

    def rename(self, conversation_id: str) -> None:
        """Begin to edit a title in its place."""
        index = self.list.currentIndexFor(conversation_id)
        if index.isValid():
            self.list.setCurrentIndex(index)
            self.list.edit_title(index)

    def set_theme(self, theme: Theme) -> None:
        """Draw in another theme."""
        self.new_button.setIcon(icon("plus", theme.colors.text))
        self.list.titles.set_theme(theme)
        self.list.scheduleDelayedItemsLayout()

    def showEvent(self, event: QShowEvent) -> None:
        """Look at the calendar from now on."""
        super().showEvent(event)
        self._wait_for_midnight()

    def _wait_for_midnight(self) -> None:
        now = datetime.now()
        tomorrow = (now + timedelta(days=1)).replace(hour=0, minute=0, second=5, microsecond=0)
        self._midnight.start(int((tomorrow - now).total_seconds() * 1000))

    @Slot()
    def _on_midnight(self) -> None:
        self._model.refresh_groups()
        self._wait_for_midnight()

    @Slot()
    def _on_rows_changed(self) -> None:
        empty = self._model.rowCount() == 0
        self.list.setVisible(not empty)
        self.empty.setVisible(empty)

    @Slot(QModelIndex, QModelIndex, list)
    def _on_data_changed(self, _first: QModelIndex, _last: QModelIndex, roles: list[int]) -> None:
        """A mark changes no row's height, and laying out thousands of them would be felt."""
        if not roles:
            self._on_groups_changed()

    @Slot()
    def _on_groups_changed(self) -> None:
        """The first row of a group is higher than the others, and which one that is may have changed."""
        self.list.scheduleDelayedItemsLayout()
