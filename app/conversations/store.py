"""Conversations in an SQLite file; used by one thread. Owns the connection, the backups and this process's writer lock.

Private conversations are in a second database of the same shape, in memory only: every method finds the right one.

Whatever a method returned for is on disk. Every method may raise StoreError (disk full, read-only, I/O error, busy);
then nothing has changed and it can be called again.
"""

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import msgspec

from app.conversations import attachment_index, deleting, organizing
from app.conversations.attachment import Attachment
from app.conversations.backups import Backups
from app.conversations.database import IN_MEMORY, Database, Row
from app.conversations.deleting import Deletion
from app.conversations.errors import StoreError
from app.conversations.migrations import MIGRATIONS, migrate
from app.conversations.opening import Opening
from app.conversations.records import Conversation, Message, MessageState, new_id
from app.conversations.rows import (
    CONVERSATION_COLUMNS,
    MESSAGE_COLUMNS,
    OWN_COLUMNS,
    attachments_blob,
    conversation_from,
    conversation_row,
    message_from,
    message_row,
)
from app.conversations.search import SearchHit, find_messages, rebuild_index
from app.conversations.sent import sent_before
from app.conversations.titles import title_from
from app.conversations.tree import ConversationTree
from app.conversations.writers import Writers
from engine.api.codec import clean_text
from engine.api.commands import WhenFull
from engine.api.sampling import Sampling

DELETED_KEPT_SECONDS = 30 * 24 * 3600.0

_log = logging.getLogger(__name__)


def _upsert(table: str, columns: str, kept: frozenset[str] = frozenset()) -> str:
    names = columns.split(", ")
    updates = ", ".join(f"{name} = excluded.{name}" for name in names if name not in {"id", *kept})
    places = ", ".join("?" for _ in names)
    return f"INSERT INTO {table} ({columns}) VALUES ({places}) ON CONFLICT (id) DO UPDATE SET {updates}"


_SAVE_CONVERSATION = _upsert("conversations", CONVERSATION_COLUMNS, kept=OWN_COLUMNS)
_SAVE_MESSAGE = _upsert("messages", f"{MESSAGE_COLUMNS}, writer")


class ConversationStore:
    """Opens (and if need be repairs) the database; notices says in sentences what a person should know about that.

    unopened: why the file could not even be read, None if it could; what it holds is then unknown, not nothing.
    """

    def __init__(
        self, path: Path, clock: Callable[[], float] = time.time, migrations: Sequence[str] = MIGRATIONS
    ) -> None:
        self._clock = clock
        self._writers = Writers(path.with_name(f"{path.stem}-writers"))
        self._backups = Backups(path, clock)
        self._damaged = False
        opening = Opening(path, self._writers, self._backups, migrations, clock)
        self._database = opening.open()
        self._in_memory: Database | None = None
        self._private_ids: set[str] = set()
        self.notices: tuple[str, ...] = tuple(opening.notices)
        self.unopened = opening.unopened
        try:
            self.mark_interrupted()
        except StoreError as error:  # a full disk must not keep anybody from reading
            _log.warning("interrupted answers not marked: %s", error.details)
        except BaseException:
            self.close()
            raise

    @property
    def may_open_again(self) -> bool:
        """Whether another try might write what this one can't; not while it holds what is in memory only."""
        return self._database.is_read_only and not self._private_ids

    def list_conversations(self, deleted: bool = False) -> list[Conversation]:
        """Return the conversations that are not deleted (or those that are), last changed first."""
        condition = "IS NOT NULL" if deleted else "IS NULL"
        found = [
            conversation_from(row, is_private=database is self._in_memory)
            for database in self._databases()
            for row in database.execute(
                f"SELECT {CONVERSATION_COLUMNS} FROM conversations WHERE deleted_at {condition}"
            )
        ]
        return sorted(found, key=lambda each: (-each.updated_at, each.id))

    def load_conversation(self, conversation_id: str) -> Conversation | None:
        """Return the conversation, deleted or not; None if there is none."""
        rows = self._of(conversation_id).execute(
            f"SELECT {CONVERSATION_COLUMNS} FROM conversations WHERE id = ?", (conversation_id,)
        )
        return conversation_from(rows[0], is_private=conversation_id in self._private_ids) if rows else None

    def load_messages(self, conversation_id: str) -> list[Message]:
        """Return all messages of the tree, oldest first."""
        rows = self._of(conversation_id).execute(
            f"SELECT {MESSAGE_COLUMNS} FROM messages WHERE conversation_id = ? ORDER BY sequence, id",
            (conversation_id,),
        )
        return [message_from(row) for row in rows]

    def save_conversation(self, conversation: Conversation) -> None:
        """Add the conversation or replace what is known of it (its messages stay)."""
        if conversation.is_private:
            self._private_ids.add(conversation.id)
        self._of(conversation.id).execute(_SAVE_CONVERSATION, conversation_row(conversation))

    def save_draft(self, conversation_id: str, draft: str) -> None:
        """Keep what is being typed, and touch nothing else: another process may be answering."""
        self._of(conversation_id).execute(
            "UPDATE conversations SET draft = ? WHERE id = ?", (clean_text(draft), conversation_id)
        )

    def save_draft_attachments(self, conversation_id: str, attachments: tuple[Attachment, ...]) -> None:
        """Keep what is attached to the message that is being typed."""
        self._of(conversation_id).execute(
            "UPDATE conversations SET draft_attachments = ? WHERE id = ?",
            (attachments_blob(attachments), conversation_id),
        )

    def rename(self, conversation_id: str, title: str) -> None:
        """Give the conversation a title that was chosen by the user."""
        self._of(conversation_id).execute(
            "UPDATE conversations SET title = ?, title_is_manual = 1 WHERE id = ?",
            (clean_text(title), conversation_id),
        )

    def change_automatic_title(self, conversation_id: str, known: str, title: str) -> bool:
        """Give the conversation another title; not if that is no longer the known one, or chosen by the user."""
        rows = self._of(conversation_id).execute(
            "UPDATE conversations SET title = ? WHERE id = ? AND title = ? AND title_is_manual = 0 "
            "AND deleted_at IS NULL RETURNING id",
            (clean_text(title), conversation_id, clean_text(known)),
        )
        return bool(rows)

    def set_system_prompt(self, conversation_id: str, text: str) -> None:
        """Keep what the model is told before anything else in the conversation."""
        self._of(conversation_id).execute(
            "UPDATE conversations SET system_prompt = ? WHERE id = ?", (clean_text(text), conversation_id)
        )

    def set_sampling(self, conversation_id: str, sampling: Sampling | None) -> None:
        """Keep how its answers are written; None: as the settings say."""
        value = None if sampling is None else msgspec.json.encode(sampling)
        self._of(conversation_id).execute(
            "UPDATE conversations SET sampling = ? WHERE id = ?", (value, conversation_id)
        )

    def set_when_full(self, conversation_id: str, when_full: WhenFull | None) -> None:
        """Keep what happens when the conversation is full; None: as the settings say."""
        value = None if when_full is None else when_full.value
        self._of(conversation_id).execute(
            "UPDATE conversations SET when_full = ? WHERE id = ?", (value, conversation_id)
        )

    def show_branch(self, conversation_id: str, leaf_id: str | None) -> None:
        """Keep which branch is shown."""
        self._of(conversation_id).execute(
            "UPDATE conversations SET active_leaf_id = ? WHERE id = ?", (leaf_id, conversation_id)
        )

    def save_message(self, message: Message) -> None:
        """Add the message or replace it; the conversation must have been saved before.

        While it is STREAMING it counts as written by this process, and becomes INTERRUPTED should that die.
        """
        self._of(message.conversation_id).execute(_SAVE_MESSAGE, (*message_row(message), self._writer_of(message)))

    def save_turn(self, conversation: Conversation, messages: Sequence[Message]) -> None:
        """Save a conversation and messages in it: all of it or nothing."""
        with self._transaction(conversation):
            self.save_conversation(conversation)
            for message in messages:
                self.save_message(message)

    def save_copies(self, conversation: Conversation, messages: Sequence[Message]) -> list[Message]:
        """Save a new conversation with copies of messages, all or nothing; returns them as saved, as the newest."""
        with self._transaction(conversation):
            self.save_conversation(conversation)
            saved = [
                msgspec.structs.replace(message, sequence=self.next_sequence(conversation.id)) for message in messages
            ]
            for message in saved:
                self.save_message(message)
        return saved

    def next_sequence(self, conversation_id: str = "") -> int:
        """Return a number greater than that of every message so far; never given twice, whoever asks."""
        return self._of(conversation_id).number(
            "UPDATE counters SET value = max(value, (SELECT coalesce(max(sequence), 0) FROM messages)) + 1 "
            "WHERE name = 'sequence' RETURNING value"
        )

    def find_by_name(self, name: str) -> Conversation | None:
        """Return the conversation with this name, else the one with exactly this title; the last changed wins."""
        for column in ("name", "title"):
            rows = self._database.execute(
                f"SELECT {CONVERSATION_COLUMNS} FROM conversations WHERE {column} = ? AND deleted_at IS NULL "
                "ORDER BY updated_at DESC, id LIMIT 1",
                (clean_text(name),),
            )
            if rows:
                return conversation_from(rows[0])
        return None

    def find_or_create(self, name: str, system_prompt: str = "") -> Conversation:
        """Return find_by_name(name), or a new conversation of that name; two processes asking at once get the same."""
        with self._database.transaction():
            found = self.find_by_name(name)
            if found is not None:
                return found
            now = self._clock()
            created = Conversation(
                id=new_id(),
                title=title_from(name),
                created_at=now,
                updated_at=now,
                name=clean_text(name),
                title_is_manual=True,
                system_prompt=clean_text(system_prompt),
            )
            self.save_conversation(created)
            return created

    def delete_conversations(self, conversation_ids: Iterable[str]) -> None:
        """Hide all of these or, if that fails, none; restore_conversations brings them back until purge_deleted."""
        organizing.set_deleted(self.databases_of(conversation_ids), self._clock())

    def restore_conversations(self, conversation_ids: Iterable[str]) -> None:
        """Undo delete_conversations."""
        organizing.set_deleted(self.databases_of(conversation_ids), None)

    def purge_deleted(self, older_than: float) -> list[str]:
        """Remove for good what was deleted before this time (seconds since the epoch); returns the ids."""
        rows: list[Row] = []
        for database in self._databases():
            with database.transaction():
                rows += database.execute(
                    "DELETE FROM conversations WHERE deleted_at IS NOT NULL AND deleted_at < ? RETURNING id",
                    (older_than,),
                )
        return [str(row[0]) for row in rows]

    def delete_messages(self, conversation_id: str, message_id: str) -> Deletion | None:
        """Take a message and all that follows it away; restore_messages brings them back until purge_messages.

        Returns None, and nothing has changed, if it is not there or an answer is being written in it.
        """
        database = self._of(conversation_id)
        with database.transaction():
            conversation = self.load_conversation(conversation_id)
            leaf_id = conversation.active_leaf_id if conversation is not None else None
            tree = ConversationTree(self.load_messages(conversation_id))
            deletion = deleting.deletion_of(new_id(), conversation_id, tree, leaf_id, message_id)
            if deletion is not None:
                deleting.keep_deletion(database, deletion, self._clock())
                self.show_branch(conversation_id, deletion.leaf_after)
        return deletion

    def restore_messages(self, conversation_id: str, deletion_id: str, leaf_id: str | None) -> list[Message]:
        """Undo delete_messages, and show the branch through that one if it is among them; returns what is back.

        That is nothing if it was purged, or if what it stands behind is deleted as well: it comes back with that.
        """
        database = self._of(conversation_id)
        with database.transaction():
            messages = deleting.take_deletion(database, deletion_id)
            for message in messages:
                self.save_message(message)
            if leaf_id in {message.id for message in messages}:
                tree = ConversationTree(self.load_messages(conversation_id))
                self.show_branch(conversation_id, tree.newest_leaf(leaf_id))
        return messages

    def list_deletions(self, older_than: float) -> list[str]:
        """Return the conversations from which messages were deleted before this time (seconds since the epoch)."""
        return [each for database in self._databases() for each in deleting.list_deletions(database, older_than)]

    def purge_messages(self, conversation_id: str, older_than: float) -> None:
        """Remove for good what was deleted in a conversation before this time (seconds since the epoch).

        What the engine keeps of the conversation holds the deleted text as well: that is to be forgotten first.
        """
        deleting.purge_deletions(self._of(conversation_id), conversation_id, older_than)

    def mark_interrupted(self) -> int:
        """Turn answers whose writer is no longer alive into INTERRUPTED ones; returns how many. Done at opening too."""
        if not self._database.number("SELECT EXISTS (SELECT 1 FROM messages WHERE state = 'streaming')"):
            return 0
        alive = msgspec.json.encode(self._writers.alive()).decode()
        with self._database.transaction():
            rows = self._database.execute(
                "UPDATE messages SET state = 'interrupted', writer = NULL WHERE state = 'streaming' "
                "AND (writer IS NULL OR writer NOT IN (SELECT value FROM json_each(?))) RETURNING id",
                (alive,),
            )
        return len(rows)

    def search(self, text: str, limit: int = 50) -> list[SearchHit]:
        """Return the messages that hold all words of the text (the last one may be a beginning), best first.

        What is in attached files counts once it was read. Private conversations are not searched.
        """
        return find_messages(self._database, text, limit)

    def sent_before(self, conversation_id: str) -> list[str]:
        """Return what the user wrote in a conversation and then in others, the newest first; a private one stays so."""
        return sent_before(self._of(conversation_id), conversation_id)

    def is_reading_due(self) -> bool:
        """Return whether attached files are still to be read for the search."""
        return attachment_index.is_behind(self._database)

    def read_attachments(self, seconds: float) -> None:
        """Read some of them, for about so long; private conversations are not searched, so theirs are not read."""
        attachment_index.read_attachments(self._database, seconds)

    def maintain(self) -> None:
        """If it is due, make the daily backup and then purge what was deleted 30 days ago; raises StoreError.

        Not of what can only be read: an empty database in the file's place would become the newest backup.
        """
        if self._backups.is_due() and not self._database.is_read_only:
            self._backups.make_daily(self._database)
            self.purge_deleted(older_than=self._clock() - DELETED_KEPT_SECONDS)
            older_than = self._clock() - DELETED_KEPT_SECONDS
            for conversation_id in self.list_deletions(older_than):
                self.purge_messages(conversation_id, older_than)

    def close(self) -> None:
        """Close the file and give the writer lock back; safe to call twice."""
        try:
            for database in self._databases():
                database.close()
        finally:
            self._writers.leave(cleanly=not self._damaged)

    def note_damage(self) -> None:
        """Call after StoreDamaged: mends what can be mended (then a retry works); the next start checks all of it."""
        self._damaged = True
        try:
            rebuild_index(self._database)
        except StoreError as error:
            _log.warning("not mended: %s", error.details)

    def databases_of(self, conversation_ids: Iterable[str]) -> list[tuple[Database, list[str]]]:
        """Return where conversations are kept, for functions of this room: private ones in a database of their own."""
        ids = list(conversation_ids)
        private = [each for each in ids if each in self._private_ids]
        kept = [each for each in ids if each not in self._private_ids]
        found = [(self._database, kept)] if kept else []
        return [*found, (self._of(private[0]), private)] if private else found

    @property
    def database(self) -> Database:
        """The database on disk, for functions of this room."""
        return self._database

    def _databases(self) -> list[Database]:
        return [self._database, *([self._in_memory] if self._in_memory is not None else [])]

    def _of(self, conversation_id: str) -> Database:
        if conversation_id not in self._private_ids:
            return self._database
        if self._in_memory is None:
            self._in_memory = Database(IN_MEMORY)
            migrate(self._in_memory, lambda version: None)
        return self._in_memory

    def _transaction(self, conversation: Conversation) -> AbstractContextManager[None]:
        if conversation.is_private:
            self._private_ids.add(conversation.id)
        return self._of(conversation.id).transaction()

    def _writer_of(self, message: Message) -> str | None:
        return self._writers.own if message.state is MessageState.STREAMING else None
