"""The sidebar: a new conversation, the way to search everything, and the list of all conversations."""

from datetime import datetime, timedelta

from PySide6.QtCore import QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from app.conversations.records import Folder
from app.language import tr
from app.models.conversation_list_model import ConversationListModel
from app.models.sidebar_model import SidebarModel
from app.widgets.basics.icon_button import IconButton
from app.widgets.basics.icons import icon
from app.widgets.basics.key_words import key_words
from app.widgets.basics.plain_label import plain_label
from app.widgets.basics.theme import Theme
from app.widgets.sidebar.conversation_list import ConversationList
from app.widgets.sidebar.search_button import SearchButton

WIDTH_PX = 248
SMALLEST_PX = 192
WIDEST_PX = 420


class Sidebar(QFrame):
    """New conversation on top, the list below; an invitation while there is nothing.

    What several conversations can be chosen for is a signal of ``list``, with a tuple of their ids.
    """

    new_requested = Signal()
    open_requested = Signal(object)  # conversation id
    rename_requested = Signal(object)  # (conversation id, title)
    delete_requested = Signal(object)  # tuple of conversation ids
    folder_rename_requested = Signal(object)  # (folder id, name)

    def __init__(self, model: ConversationListModel, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = model
        self.rows = SidebarModel(model, self, model.clock)
        self.setProperty("surface", "sidebar")
        self.setMaximumWidth(WIDEST_PX)
        self.new_button = QPushButton(tr("New conversation"))
        self.new_button.setProperty("kind", "begin")
        self.new_button.setToolTip(f"{tr('Begin a new conversation')} ({key_words('Ctrl+N')})")
        self.new_button.clicked.connect(self.new_requested)
        self.folder_button = IconButton("folder-plus", tr("New folder"), theme)
        self.search_button = SearchButton(theme)
        self.list = ConversationList(self.rows, theme)
        self.folder_button.clicked.connect(lambda: self.list.folder_requested.emit(()))
        self.list.chosen.connect(self.open_requested)
        self.list.delete_requested.connect(self.delete_requested)
        self.list.titles.renamed.connect(self.rename_requested)
        self.list.titles.folder_renamed.connect(self.folder_rename_requested)
        words = tr("Your conversations will be listed here. They stay on this computer.")
        self.empty = plain_label(words, "muted", wraps=True)
        self.empty.setContentsMargins(16, 16, 16, 0)
        self.empty.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._lay_out()
        self._midnight = QTimer(self)
        self._midnight.setSingleShot(True)
        self._midnight.timeout.connect(self._on_midnight)
        for changed in (self.rows.modelReset, self.rows.rowsInserted, self.rows.rowsRemoved):
            changed.connect(self._on_rows_changed)
        self.set_theme(theme)
        self._on_rows_changed()

    def _lay_out(self) -> None:
        top = QHBoxLayout()
        top.setContentsMargins(8, 0, 8, 0)
        top.setSpacing(4)
        top.addWidget(self.new_button, 1)
        top.addWidget(self.folder_button)
        search = QHBoxLayout()
        search.setContentsMargins(8, 0, 8, 0)
        search.addWidget(self.search_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 8, 0, 8)
        column.setSpacing(4)
        column.addLayout(top)
        column.addLayout(search)
        column.addWidget(self.list, 1)
        column.addWidget(self.empty, 1)

    def set_active(self, conversation_id: str) -> None:
        """Highlight the conversation that is shown, "" for none."""
        self.list.set_active(conversation_id)

    def rename(self, conversation_id: str) -> None:
        """Begin to edit a title in its place, in a folder that is closed after opening that."""
        conversation = self._model.found(conversation_id)
        if conversation is not None and not self.list.index_of(conversation_id).isValid():
            self.list.fold_requested.emit((conversation.folder_id, False))
        self._edit(conversation_id)

    @Slot(object)
    def name_folder(self, folder: Folder) -> None:
        """Let the name of a new folder be typed."""
        self._edit(f"folder:{folder.id}")

    def _edit(self, key: str) -> None:
        index = self.list.index_of(key)
        if index.isValid():
            self.list.setCurrentIndex(index)
            self.list.scrollTo(index)
            self.list.edit_title(index)

    def set_theme(self, theme: Theme) -> None:
        """Draw in another theme."""
        self.new_button.setIcon(icon("plus", theme.colors.text))
        self.folder_button.set_theme(theme)
        self.search_button.set_theme(theme)
        self.list.titles.set_theme(theme)
        self.list.scheduleDelayedItemsLayout()

    def minimumSizeHint(self) -> QSize:
        """Return room for the words of the buttons, in each language and size of text."""
        return super().minimumSizeHint().expandedTo(QSize(SMALLEST_PX, 0))

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
        self.rows.refresh()
        self._wait_for_midnight()

    @Slot()
    def _on_rows_changed(self) -> None:
        empty = self.rows.rowCount() == 0
        self.list.setVisible(not empty)
        self.empty.setVisible(empty)
