"""All conversations for the sidebar, newest first, with the date group each one belongs to."""

import bisect
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal

from app.conversations.records import Conversation, Folder
from app.conversations.titles import UNTITLED
from app.dates import month_and_year
from app.language import mark, tr
from app.models.warmth_words import warmth_sentence
from engine.api.warmth import ConversationWarmth

CONVERSATION_ROLE = Qt.ItemDataRole.UserRole + 1
GROUP_ROLE = Qt.ItemDataRole.UserRole + 2
RUNNING_ROLE = Qt.ItemDataRole.UserRole + 3
WARMTH_ROLE = Qt.ItemDataRole.UserRole + 4
WAITING_ROLE = Qt.ItemDataRole.UserRole + 5
_PRIVATE_SENTENCE = mark("Private: nothing of it is stored.")
_RUNNING_SENTENCE = mark("Being answered now.")
_NO_PARENT = QModelIndex()


def group_of(updated_at: float, today: date) -> str:
    """Return the section a conversation stands in: Today, Yesterday, Previous 7 days or its month."""
    day = datetime.fromtimestamp(updated_at).date()
    age_days = (today - day).days
    if age_days <= 0:
        return tr("Today")
    if age_days == 1:
        return tr("Yesterday")
    if age_days <= 7:
        return tr("Previous 7 days")
    return month_and_year(day)


class ConversationListModel(QAbstractListModel):
    """Rows of Conversation, newest first; DisplayRole and EditRole are the title.

    RUNNING_ROLE and WAITING_ROLE are bools, WARMTH_ROLE a ConversationWarmth or None; AccessibleDescriptionRole says
    it in words. Beside the rows it knows the folders, in their order: folders_changed() tells of them.
    """

    folders_changed = Signal()

    def __init__(self, parent: QObject | None = None, clock: Callable[[], float] = time.time) -> None:
        super().__init__(parent)
        self._clock = clock
        self._conversations: list[Conversation] = []
        self._folders: tuple[Folder, ...] = ()
        self._running: frozenset[str] = frozenset()
        self._waiting: frozenset[str] = frozenset()
        self._warmth: Mapping[str, ConversationWarmth] = {}

    def rowCount(self, parent: QModelIndex | QPersistentModelIndex = _NO_PARENT) -> int:  # noqa: N802  Qt's name
        """Return the number of conversations."""
        return 0 if parent.isValid() else len(self._conversations)

    def data(self, index: QModelIndex | QPersistentModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Return title, conversation, group, whether an answer is being written, or what is still known of it."""
        if not index.isValid() or not 0 <= index.row() < len(self._conversations):
            return None
        return self.data_of(self._conversations[index.row()], role)

    def data_of(self, conversation: Conversation, role: int) -> object:
        """Return what data() says in a conversation's row."""
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.EditRole):
            return shown_title(conversation)
        if role == CONVERSATION_ROLE:
            return conversation
        if role == GROUP_ROLE:
            return group_of(conversation.updated_at, datetime.fromtimestamp(self._clock()).date())
        if role == RUNNING_ROLE:
            return conversation.id in self._running
        if role == WAITING_ROLE:
            return conversation.id in self._waiting
        if role == WARMTH_ROLE:
            return self._warmth.get(conversation.id)
        if role == Qt.ItemDataRole.AccessibleDescriptionRole:
            return self._description(conversation)
        return None

    @property
    def clock(self) -> Callable[[], float]:
        """What tells the time, in seconds since the epoch."""
        return self._clock

    @property
    def all(self) -> list[Conversation]:
        """All conversations, newest first."""
        return self._conversations

    @property
    def folders(self) -> tuple[Folder, ...]:
        """All folders in their order."""
        return self._folders

    def set_folders(self, folders: Iterable[Folder]) -> None:
        """Know exactly these folders; they are ordered by name."""
        self._folders = tuple(sorted(folders, key=lambda each: (each.name.casefold(), each.created_at, each.id)))
        self.folders_changed.emit()

    def flags(self, index: QModelIndex | QPersistentModelIndex) -> Qt.ItemFlag:
        """Titles can be edited in place."""
        flags = super().flags(index)
        return flags | Qt.ItemFlag.ItemIsEditable if index.isValid() else flags

    def row_of(self, conversation_id: str) -> int | None:
        """Return a conversation's row, None if it is not listed."""
        for row, conversation in enumerate(self._conversations):
            if conversation.id == conversation_id:
                return row
        return None

    def conversation(self, row: int) -> Conversation:
        """Return the conversation of a row; raises IndexError."""
        if row < 0:
            raise IndexError(row)
        return self._conversations[row]

    def found(self, conversation_id: str) -> Conversation | None:
        """Return a conversation, None if it is not listed."""
        row = self.row_of(conversation_id)
        return None if row is None else self._conversations[row]

    def titles(self) -> dict[str, str]:
        """Return the titles that are shown, by conversation."""
        return {conversation.id: shown_title(conversation) for conversation in self._conversations}

    def set_conversations(self, conversations: Iterable[Conversation]) -> None:
        """List exactly these."""
        self.beginResetModel()
        self._conversations = sorted(conversations, key=_newest_first)
        self.endResetModel()

    def upsert(self, conversation: Conversation) -> None:
        """Show a conversation's newer state, moving it to its place; adds it if it was not listed."""
        row = self.row_of(conversation.id)
        if row is None:
            self._insert(conversation)
            return
        if self._conversations[row] == conversation:
            return
        others = self._conversations[:row] + self._conversations[row + 1 :]
        place = bisect.bisect_left(others, _newest_first(conversation), key=_newest_first)
        if place != row:
            destination = place if place < row else place + 1
            self.beginMoveRows(QModelIndex(), row, row, QModelIndex(), destination)
            self._conversations = others
            self._conversations.insert(place, conversation)
            self.endMoveRows()
        else:
            self._conversations[row] = conversation
        index = self.index(place)
        self.dataChanged.emit(index, index)

    def remove(self, conversation_id: str) -> None:
        """Take a conversation off the list; nothing happens if it was not listed."""
        row = self.row_of(conversation_id)
        if row is None:
            return
        self.beginRemoveRows(QModelIndex(), row, row)
        del self._conversations[row]
        self.endRemoveRows()

    def remove_all(self, conversation_ids: Iterable[str]) -> None:
        """Take conversations off the list, all at once if there are several."""
        gone = set(conversation_ids)
        if len(gone) > 1:
            self.set_conversations(each for each in self._conversations if each.id not in gone)
        else:
            self.remove(next(iter(gone), ""))

    def upsert_all(self, conversations: Iterable[Conversation]) -> None:
        """Show newer states of conversations, all at once if there are several; adds those that were not listed."""
        newer = {each.id: each for each in conversations}
        if len(newer) > 1:
            self.set_conversations([*(each for each in self._conversations if each.id not in newer), *newer.values()])
        else:
            for conversation in newer.values():
                self.upsert(conversation)

    def set_running(self, conversation_ids: Iterable[str], waiting_ids: Iterable[str] = ()) -> None:
        """Mark exactly these as being answered, and those as waiting for their turn."""
        running = frozenset(conversation_ids)
        waiting = frozenset(waiting_ids) - running
        changed = (running ^ self._running) | (waiting ^ self._waiting)
        self._running, self._waiting = running, waiting
        for conversation_id in changed:
            row = self.row_of(conversation_id)
            if row is not None:
                roles = [RUNNING_ROLE, WAITING_ROLE, Qt.ItemDataRole.AccessibleDescriptionRole]
                self.dataChanged.emit(self.index(row), self.index(row), roles)

    def set_warmth(self, warmth: Mapping[str, ConversationWarmth]) -> None:
        """Show what is still known of which conversation (by id); nothing is known of the others."""
        before, self._warmth = self._warmth, warmth
        changed = {key for key in before.keys() | warmth.keys() if before.get(key) != warmth.get(key)}
        # One signal for all, as looking up thousands of rows one by one would be felt.
        rows = [row for row, conversation in enumerate(self._conversations) if conversation.id in changed]
        if rows:
            roles = [WARMTH_ROLE, Qt.ItemDataRole.AccessibleDescriptionRole]
            self.dataChanged.emit(self.index(rows[0]), self.index(rows[-1]), roles)

    def _description(self, conversation: Conversation) -> str:
        warmth = self._warmth.get(conversation.id)
        sentences = (
            tr(_PRIVATE_SENTENCE) if conversation.is_private else "",
            tr(_RUNNING_SENTENCE) if conversation.id in self._running else "",
            tr("A message waits for its turn here.") if conversation.id in self._waiting else "",
            tr("A new answer was not read yet.") if conversation.is_unread else "",
            warmth_sentence(warmth) if warmth is not None else "",
        )
        return " ".join(sentence for sentence in sentences if sentence)

    def _insert(self, conversation: Conversation) -> None:
        place = bisect.bisect_left(self._conversations, _newest_first(conversation), key=_newest_first)
        self.beginInsertRows(QModelIndex(), place, place)
        self._conversations.insert(place, conversation)
        self.endInsertRows()


def _newest_first(conversation: Conversation) -> tuple[float, str]:
    return (-conversation.updated_at, conversation.id)


def shown_title(conversation: Conversation) -> str:
    """Return a conversation's title as it is shown: one without a title is called the same in all languages."""
    return conversation.title if conversation.title not in ("", UNTITLED) else tr(UNTITLED)
