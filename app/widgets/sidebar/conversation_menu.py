"""The menu of one conversation, of several that are chosen, or of a folder."""

from collections.abc import Callable, Sequence
from functools import partial

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

from app.conversations.records import Conversation, Folder
from app.language import tr
from app.widgets.basics.foreign_text import menu_text
from app.widgets.basics.key_words import key_words
from app.widgets.basics.mirrored_style import Menu


class ConversationMenu(Menu):
    """Deletes itself when it is closed. Each line does something now; there is none that can't be used."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)

    def add_one(self, open_it: Callable[[], None], rename: Callable[[], None]) -> None:
        """Add what is done with a single conversation."""
        self.addAction(tr("&Open"), open_it)
        self.addAction(tr("&Rename") + "\t" + key_words("F2"), rename)
        self.addSeparator()

    def add_pins(self, conversations: Sequence[Conversation], pin: Callable[[bool], None]) -> None:
        """Add what brings conversations to the top of the list, or back."""
        if all(each.is_pinned for each in conversations):
            self.addAction(tr("Un&pin"), lambda: pin(False))
        else:
            self.addAction(tr("&Pin"), lambda: pin(True))

    def add_folders(
        self,
        folders: Sequence[Folder],
        conversations: Sequence[Conversation],
        move: Callable[[str | None], None],
        move_to_new: Callable[[], None],
    ) -> None:
        """Add the folders into which the conversations can be put."""
        menu = self.add_menu(tr("&Move to"))
        menu.setObjectName("folders")
        inside = {each.folder_id for each in conversations}
        for folder in folders:
            if inside != {folder.id}:
                menu.addAction(menu_text(folder.name), partial(move, folder.id))
        if inside != {None}:
            menu.addAction(tr("No folder"), lambda: move(None))
        if menu.actions():
            menu.addSeparator()
        menu.addAction(tr("New folder"), move_to_new)

    def add_all(
        self, duplicate: Callable[[], None], export: Callable[[], None] | None, delete: Callable[[], None]
    ) -> None:
        """Add what is done with one conversation or with all that are chosen; export: None if nobody can."""
        self.addAction(tr("D&uplicate") + "\t" + key_words("Ctrl+D"), duplicate)
        if export is not None:
            self.addAction(tr("&Export…"), export)
        self.addSeparator()
        self.addAction(tr("&Delete") + "\t" + key_words("Del"), delete)

    def add_folder(
        self,
        folder: Folder,
        fold: Callable[[bool], None],
        rename: Callable[[], None],
        delete: Callable[[], None],
    ) -> None:
        """Add what is done with a folder."""
        self.addAction(tr("&Open") if folder.is_collapsed else tr("&Close"), lambda: fold(not folder.is_collapsed))
        self.addAction(tr("&Rename") + "\t" + key_words("F2"), rename)
        self.addSeparator()
        self.addAction(tr("&Delete folder") + "\t" + key_words("Del"), delete)
