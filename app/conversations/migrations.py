"""The database's shape, as numbered steps; PRAGMA user_version says how many of them a file has seen.

A step that was published is never changed again.
"""

from collections.abc import Callable, Sequence

from app.conversations.database import Database
from app.conversations.errors import NewerDatabase
from app.language import tr

APPLICATION_ID = 0x48525448  # "HRTH"

_FIRST = """
CREATE TABLE conversations (
    id TEXT NOT NULL PRIMARY KEY,
    title TEXT NOT NULL,
    created_at REAL NOT NULL,
    updated_at REAL NOT NULL,
    name TEXT,
    title_is_manual INTEGER NOT NULL,
    system_prompt TEXT NOT NULL,
    active_leaf_id TEXT,
    draft TEXT NOT NULL,
    deleted_at REAL
) STRICT;
CREATE INDEX conversations_by_name ON conversations (name) WHERE name IS NOT NULL;

CREATE TABLE messages (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    conversation_id TEXT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    parent_id TEXT,
    sequence INTEGER NOT NULL,
    role TEXT NOT NULL,
    created_at REAL NOT NULL,
    state TEXT NOT NULL,
    tokenizer_id TEXT NOT NULL,
    model TEXT NOT NULL,
    precision TEXT NOT NULL,
    finish_reason TEXT,
    statistics BLOB,
    error BLOB,
    writer TEXT,
    token_ids BLOB NOT NULL,
    content TEXT NOT NULL
) STRICT;
CREATE INDEX messages_by_conversation ON messages (conversation_id, sequence);
CREATE INDEX messages_by_sequence ON messages (sequence);
CREATE INDEX messages_being_written ON messages (writer) WHERE state = 'streaming';

CREATE TABLE counters (name TEXT NOT NULL PRIMARY KEY, value INTEGER NOT NULL) STRICT;
INSERT INTO counters VALUES ('sequence', 0);

-- A growing answer is indexed once, when it is finished: it is saved twice a second.
CREATE VIEW searchable_messages AS SELECT number, content FROM messages WHERE state <> 'streaming';
CREATE VIRTUAL TABLE message_search USING fts5 (
    content, content = 'searchable_messages', content_rowid = 'number', tokenize = 'unicode61 remove_diacritics 2'
);
CREATE TRIGGER message_added AFTER INSERT ON messages WHEN new.state <> 'streaming' BEGIN
    INSERT INTO message_search (rowid, content) VALUES (new.number, new.content);
END;
CREATE TRIGGER message_removed AFTER DELETE ON messages WHEN old.state <> 'streaming' BEGIN
    INSERT INTO message_search (message_search, rowid, content) VALUES ('delete', old.number, old.content);
END;
CREATE TRIGGER message_finished AFTER UPDATE ON messages
WHEN old.state = 'streaming' AND new.state <> 'streaming' BEGIN
    INSERT INTO message_search (rowid, content) VALUES (new.number, new.content);
END;
CREATE TRIGGER message_continued AFTER UPDATE ON messages
WHEN old.state <> 'streaming' AND new.state = 'streaming' BEGIN
    INSERT INTO message_search (message_search, rowid, content) VALUES ('delete', old.number, old.content);
END;
CREATE TRIGGER message_changed AFTER UPDATE ON messages
WHEN old.state <> 'streaming' AND new.state <> 'streaming' AND old.content IS NOT new.content BEGIN
    INSERT INTO message_search (message_search, rowid, content) VALUES ('delete', old.number, old.content);
    INSERT INTO message_search (rowid, content) VALUES (new.number, new.content);
END;
"""

_FULL_CONTEXT = """
ALTER TABLE conversations ADD COLUMN when_full TEXT;
ALTER TABLE messages ADD COLUMN context_start_id TEXT;
"""

_ORDER_AND_ATTACHMENTS = """
CREATE TABLE folders (id TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL, created_at REAL NOT NULL) STRICT;
ALTER TABLE conversations ADD COLUMN folder_id TEXT REFERENCES folders (id) ON DELETE SET NULL;
ALTER TABLE conversations ADD COLUMN is_pinned INTEGER NOT NULL DEFAULT 0;
ALTER TABLE conversations ADD COLUMN is_unread INTEGER NOT NULL DEFAULT 0;
ALTER TABLE conversations ADD COLUMN sampling BLOB;
ALTER TABLE conversations ADD COLUMN draft_attachments BLOB;
ALTER TABLE messages ADD COLUMN attachments BLOB;
ALTER TABLE messages ADD COLUMN is_edited INTEGER NOT NULL DEFAULT 0;
ALTER TABLE messages ADD COLUMN opens_thinking INTEGER NOT NULL DEFAULT 0;
ALTER TABLE messages ADD COLUMN thinking_seconds REAL;
CREATE TABLE deleted_messages (
    id TEXT NOT NULL PRIMARY KEY,
    conversation_id TEXT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    deleted_at REAL NOT NULL,
    messages BLOB NOT NULL
) STRICT;
CREATE INDEX deleted_messages_by_conversation ON deleted_messages (conversation_id);
"""

# The index anew: scripts without spaces by their characters (spaced(), which each connection knows), the names of what
# is attached (attached(), too), and beginnings of words, which one types, looked up instead of gathered. Folders
# remember whether they are open.
_SEARCH_AND_FOLDERS = """
ALTER TABLE folders ADD COLUMN is_collapsed INTEGER NOT NULL DEFAULT 0;
CREATE INDEX deleted_conversations ON conversations (deleted_at) WHERE deleted_at IS NOT NULL;
DROP TRIGGER message_added;
DROP TRIGGER message_removed;
DROP TRIGGER message_finished;
DROP TRIGGER message_continued;
DROP TRIGGER message_changed;
DROP TABLE message_search;
DROP VIEW searchable_messages;
CREATE VIEW searchable_messages AS
    SELECT number, spaced(content) AS content, spaced(attached(attachments)) AS attached
    FROM messages WHERE state <> 'streaming';
CREATE VIRTUAL TABLE message_search USING fts5 (
    content, attached, content = 'searchable_messages', content_rowid = 'number', prefix = '2 3 4',
    tokenize = 'unicode61 remove_diacritics 2'
);
CREATE TRIGGER message_added AFTER INSERT ON messages WHEN new.state <> 'streaming' BEGIN
    INSERT INTO message_search (rowid, content, attached)
        VALUES (new.number, spaced(new.content), spaced(attached(new.attachments)));
END;
CREATE TRIGGER message_removed AFTER DELETE ON messages WHEN old.state <> 'streaming' BEGIN
    INSERT INTO message_search (message_search, rowid, content, attached)
        VALUES ('delete', old.number, spaced(old.content), spaced(attached(old.attachments)));
END;
CREATE TRIGGER message_finished AFTER UPDATE ON messages
WHEN old.state = 'streaming' AND new.state <> 'streaming' BEGIN
    INSERT INTO message_search (rowid, content, attached)
        VALUES (new.number, spaced(new.content), spaced(attached(new.attachments)));
END;
CREATE TRIGGER message_continued AFTER UPDATE ON messages
WHEN old.state <> 'streaming' AND new.state = 'streaming' BEGIN
    INSERT INTO message_search (message_search, rowid, content, attached)
        VALUES ('delete', old.number, spaced(old.content), spaced(attached(old.attachments)));
END;
CREATE TRIGGER message_changed AFTER UPDATE ON messages
WHEN old.state <> 'streaming' AND new.state <> 'streaming'
    AND (old.content IS NOT new.content OR old.attachments IS NOT new.attachments) BEGIN
    INSERT INTO message_search (message_search, rowid, content, attached)
        VALUES ('delete', old.number, spaced(old.content), spaced(attached(old.attachments)));
    INSERT INTO message_search (rowid, content, attached)
        VALUES (new.number, spaced(new.content), spaced(attached(new.attachments)));
END;
INSERT INTO message_search (message_search) VALUES ('rebuild');
"""

# What is in attached files gets an index of its own, made while nobody waits (attachment_index.py): here it is only
# noted what is to be read. A file's words may be beginnings from three letters on.
_SEARCH_IN_ATTACHMENTS = """
CREATE TABLE unread_attachments (number INTEGER PRIMARY KEY) STRICT;
INSERT INTO unread_attachments SELECT number FROM messages WHERE attachments IS NOT NULL;
CREATE VIRTUAL TABLE attachment_search USING fts5 (
    body, content = '', contentless_delete = 1, tokenize = 'unicode61 remove_diacritics 2'
);
CREATE TRIGGER attachments_added AFTER INSERT ON messages WHEN new.attachments IS NOT NULL BEGIN
    INSERT OR IGNORE INTO unread_attachments VALUES (new.number);
END;
CREATE TRIGGER attachments_removed AFTER DELETE ON messages WHEN old.attachments IS NOT NULL BEGIN
    DELETE FROM attachment_search WHERE rowid = old.number;
    DELETE FROM unread_attachments WHERE number = old.number;
END;
CREATE TRIGGER attachments_changed AFTER UPDATE ON messages
WHEN old.attachments IS NOT new.attachments BEGIN
    DELETE FROM attachment_search WHERE rowid = old.number;
    DELETE FROM unread_attachments WHERE number = old.number;
    INSERT OR IGNORE INTO unread_attachments SELECT new.number WHERE new.attachments IS NOT NULL;
END;
"""

# What is being written in messages that are edited goes with its message, whoever deletes that.
_MESSAGE_EDITS = """
CREATE TABLE message_edits (
    message_id TEXT NOT NULL PRIMARY KEY REFERENCES messages (id) ON DELETE CASCADE,
    conversation_id TEXT NOT NULL,
    text TEXT NOT NULL,
    attachments BLOB
) STRICT;
"""

MIGRATIONS: tuple[str, ...] = (
    _FIRST,
    _FULL_CONTEXT,
    _ORDER_AND_ATTACHMENTS,
    _SEARCH_AND_FOLDERS,
    _SEARCH_IN_ATTACHMENTS,
    _MESSAGE_EDITS,
)


def version_of(database: Database) -> int:
    """Return how many steps the file has seen; 0 for an empty one."""
    return database.number("PRAGMA user_version")


def refuse_newer(database: Database, migrations: Sequence[str]) -> None:
    """Raise NewerDatabase if the file has seen more steps than this program knows."""
    version = version_of(database)
    if version > len(migrations):
        raise NewerDatabase(
            tr(
                "These conversations were written by a newer Hearth (format {version}; this one knows {migrations})."
            ).format(version=version, migrations=len(migrations)),
            tr("Install the newer Hearth again; the file was left as it is."),
        )


def is_foreign(database: Database) -> bool:
    """Return whether the file holds something, but not Hearth's."""
    holds_something = database.number("SELECT EXISTS (SELECT 1 FROM sqlite_schema)")
    return bool(holds_something) and database.number("PRAGMA application_id") != APPLICATION_ID


def migrate(database: Database, back_up: Callable[[int], None], migrations: Sequence[str] = MIGRATIONS) -> None:
    """Take the steps the file lacks, each in one transaction, after back_up(version); raises StoreError.

    A file that is just being made holds nothing to be backed up. Copies between the steps would hold the same
    conversations, and push the one out that an older program can read.
    """
    before = version_of(database)
    if 0 < before < len(migrations):
        back_up(before)
    while (version := version_of(database)) < len(migrations):
        with database.transaction():
            # Another process may have taken the step while this one waited for the lock.
            if version_of(database) == version:
                database.execute(migrations[version])
                database.execute(f"PRAGMA user_version = {version + 1}")
                database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
