"""Keeps the list of conversations in order: pins, folders, copies."""

import time
from collections.abc import Iterable
from functools import partial

import msgspec
from PySide6.QtCore import QObject, Signal, Slot

from app.controllers import notices
from app.controllers.conversations.conversation_controller import ConversationController
from app.controllers.store_requests import StoreRequests
from app.conversations import organizing
from app.conversations.branching import copy_of_tree
from app.conversations.records import Conversation, Folder, Message, new_id
from app.conversations.store import ConversationStore
from app.language import tr
from app.models.conversation_list_model import ConversationListModel
from engine.api.codec import clean_text

_NAME_CHARACTERS = 80


class OrganizingController(QObject):
    """Signals: folder_added(Folder: its name is still to be chosen), copied((id of the original, id of the copy)),
    notice_raised(Notice), notice_cleared(key)."""

    copied = Signal(object)
    folder_added = Signal(object)
    notice_raised = Signal(object)
    notice_cleared = Signal(object)

    def __init__(
        self,
        conversations: ConversationController,
        requests: StoreRequests,
        listed: ConversationListModel,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._conversations = conversations
        self._requests = requests
        self._listed = listed
        self._deleted: dict[str, tuple[Folder, list[str]]] = {}  # with the ids of what was in it

    def start(self) -> None:
        """Fill the list of folders."""
        self._requests.ask(
            lambda store: organizing.folders(store.database), self._listed.set_folders, self._requests.failed.emit
        )

    @Slot(object)
    def pin(self, change: tuple[Iterable[str], bool]) -> None:
        """Pin conversations, or pin them no longer: (ids, whether)."""
        ids, is_pinned = list(change[0]), change[1]
        self._requests.keep(lambda store: organizing.set_pinned(store.databases_of(ids), is_pinned))
        self._conversations.change_known(ids, is_pinned=is_pinned)

    @Slot(object)
    def move(self, change: tuple[Iterable[str], str | None]) -> None:
        """Put conversations into a folder, or into none: (ids, folder id or None). They are no longer pinned."""
        folder_id = change[1]
        found = [each for each in map(self._listed.found, change[0]) if each is not None]
        # A folder is on disk, and so would be which private conversations it has.
        ids = [each.id for each in found if not each.is_private or folder_id is None]
        if folder_id is not None and self._folder(folder_id) is None:
            return
        self._requests.keep(lambda store: organizing.move(store.databases_of(ids), folder_id))
        self._conversations.change_known(ids, folder_id=folder_id, is_pinned=False)

    @Slot(object)
    def add_folder(self, conversation_ids: Iterable[str]) -> None:
        """Make a folder with these conversations, which may be none."""
        names = {folder.name for folder in self._listed.folders}
        name, number = tr("New folder"), 2
        while name in names:
            name, number = tr("New folder {number}").format(number=number), number + 1
        folder = Folder(id=new_id(), name=name, created_at=time.time())
        self._keep(folder)
        ids = tuple(conversation_ids)
        if ids:
            self.move((ids, folder.id))
        self.folder_added.emit(folder)

    @Slot(object)
    def rename_folder(self, change: tuple[str, str]) -> None:
        """Give a folder another name: (id, name). An empty one changes nothing."""
        folder, name = self._folder(change[0]), " ".join(clean_text(change[1]).split())[:_NAME_CHARACTERS]
        if folder is not None and name:
            self._keep(msgspec.structs.replace(folder, name=name))

    @Slot(object)
    def fold(self, change: tuple[str, bool]) -> None:
        """Show only a folder's name, or also what is in it: (id, whether it is closed)."""
        folder = self._folder(change[0])
        if folder is not None and folder.is_collapsed != change[1]:
            self._keep(msgspec.structs.replace(folder, is_collapsed=change[1]))

    @Slot(object)
    def delete_folder(self, folder_id: str) -> None:
        """Take a folder away; its conversations stay. It can be brought back."""
        folder = self._folder(folder_id)
        if folder is None:
            return
        inside: list[str] = []  # filled on the store's thread, and read there by Undo
        self._deleted[folder_id] = (folder, inside)
        self._requests.keep(lambda store: inside.extend(organizing.delete_folder(store.database, folder_id)))
        shown = [each.id for each in self._listed.all if each.folder_id == folder_id]
        self._conversations.change_known(shown, folder_id=None)
        self._listed.set_folders(each for each in self._listed.folders if each.id != folder_id)
        self.notice_raised.emit(notices.folder_deleted_notice(folder))

    def _undo_delete_folder(self, folder_id: str) -> None:
        folder, inside = self._deleted.pop(folder_id, (None, []))
        if folder is None:
            return
        self.notice_cleared.emit(notices.folder_deleted_key(folder_id))
        self._listed.set_folders((*self._listed.folders, folder))
        self._requests.keep(
            lambda store: organizing.restore_folder(store.database, folder, inside),
            lambda ids: self._conversations.change_known(ids, folder_id=folder_id),
        )

    @Slot(object)
    def duplicate(self, conversation_ids: Iterable[str]) -> None:
        """Copy conversations with all their versions; the last copy is shown."""
        self._conversations.drafts.flush()
        for conversation_id in conversation_ids:
            self._requests.request(partial(_copy, conversation_id), partial(self._on_copied, conversation_id))

    def _on_copied(self, original_id: str, copied: tuple[Conversation, list[Message]] | None) -> None:
        if copied is not None:
            self._conversations.show_added(*copied)
            self.copied.emit((original_id, copied[0].id))

    @Slot(object)
    def on_notice_action(self, action_key: str) -> None:
        """Do what a notice's button says, if it is one of this controller's."""
        if action_key.startswith(notices.UNDO_FOLDER):
            self._undo_delete_folder(action_key.removeprefix(notices.UNDO_FOLDER))

    def _folder(self, folder_id: str) -> Folder | None:
        return next((each for each in self._listed.folders if each.id == folder_id), None)

    def _keep(self, folder: Folder) -> None:
        self._requests.keep(lambda store: organizing.save_folder(store.database, folder))
        self._listed.set_folders((*(each for each in self._listed.folders if each.id != folder.id), folder))


def _copy(conversation_id: str, store: ConversationStore) -> tuple[Conversation, list[Message]] | None:
    conversation = store.load_conversation(conversation_id)
    if conversation is None:
        return None
    copy, messages = copy_of_tree(conversation, store.load_messages(conversation_id), time.time())
    return copy, store.save_copies(copy, messages)
