import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

import apsw
import pytest

from app.conversations.attachment import Attachment
from app.conversations.backups import KEPT_BEFORE_MIGRATION, KEPT_DAILY, Backups
from app.conversations.database import Database, Value
from app.conversations.editing import KeptEdit, keep_edit, list_edits
from app.conversations.errors import NewerDatabase, StorageFailed, StoreBusy, StoreDamaged, StoreError
from app.conversations.migrations import APPLICATION_ID, MIGRATIONS, migrate, version_of
from app.conversations.rows import attachments_blob
from app.conversations.store import ConversationStore
from engine.api.commands import WhenFull
from engine.api.message import Role
from tests.app.conversations.samples import a_conversation, a_message

_WITH_ATTACHMENTS = 3  # the format from which on messages have them
DAY = 24 * 3600.0
ADD_COLUMN = "ALTER TABLE conversations ADD COLUMN folder TEXT NOT NULL DEFAULT ''"
OpenStore = Callable[..., ConversationStore]


def fingerprint(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def set_version(database: Path, version: int) -> None:
    connection = apsw.Connection(str(database))
    connection.execute(f"PRAGMA user_version = {version}").fetchall()
    connection.close()


def test_a_database_of_a_newer_hearth_is_refused_and_left_untouched(open_store: OpenStore, database: Path) -> None:
    open_store().close()
    set_version(database, len(MIGRATIONS) + 1)
    before = fingerprint(database)
    with pytest.raises(NewerDatabase) as caught:
        open_store()
    assert f"format {len(MIGRATIONS) + 1}" in caught.value.sentence()
    assert f"knows {len(MIGRATIONS)}" in caught.value.sentence()
    assert fingerprint(database) == before
    assert not list(database.parent.glob("corrupt-*"))


def test_a_newer_format_that_is_still_in_the_journal_is_seen(open_store: OpenStore, database: Path) -> None:
    open_store().close()
    script = (
        "import apsw, os, sys; connection = apsw.Connection(sys.argv[1])\n"
        "connection.execute('PRAGMA user_version = 99').fetchall(); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", script, str(database)], check=True)
    journal = database.with_name(database.name + "-wal")
    before = fingerprint(database), fingerprint(journal)
    with pytest.raises(NewerDatabase, match="format 99"):
        open_store()
    assert (fingerprint(database), fingerprint(journal)) == before


def test_a_database_of_another_program_is_kept_aside(open_store: OpenStore, database: Path) -> None:
    database.parent.mkdir()
    other = apsw.Connection(str(database))
    other.execute("CREATE TABLE notes (text); INSERT INTO notes VALUES ('theirs'); PRAGMA user_version = 50").fetchall()
    other.close()
    store = open_store()
    assert store.list_conversations() == []
    (kept,) = database.parent.glob("corrupt-*.db")
    assert str(kept) in store.notices[0]
    theirs = Database(kept, read_only=True)
    assert theirs.execute("SELECT text FROM notes") == [("theirs",)]
    theirs.close()


def test_a_migration_makes_a_backup_of_the_old_format_first(open_store: OpenStore, database: Path) -> None:
    store = open_store()
    store.save_turn(a_conversation(), [a_message()])
    store.close()
    store = open_store(migrations=(*MIGRATIONS, ADD_COLUMN))
    assert store.load_messages("c") == [a_message()]
    (backup,) = Backups(database).newest_first()
    assert f"before-format-{len(MIGRATIONS) + 1}" in backup.name
    old = Database(backup, read_only=True)
    assert version_of(old) == len(MIGRATIONS)
    assert old.number("SELECT count(*) FROM messages") == 1
    old.close()
    with pytest.raises(NewerDatabase):
        open_store()


def test_a_step_that_another_process_takes_meanwhile_is_not_taken_twice(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.parent.mkdir()
    own, other = Database(database), Database(database)
    transaction = own.transaction

    def transaction_after_the_other() -> AbstractContextManager[None]:
        migrate(other, lambda _version: None)
        return transaction()

    monkeypatch.setattr(own, "transaction", transaction_after_the_other)
    migrate(own, lambda _version: None)
    assert version_of(own) == len(MIGRATIONS)
    own.close()
    other.close()


def test_conversations_of_the_first_format_are_read(open_store: OpenStore, database: Path) -> None:
    database.parent.mkdir()
    old = apsw.Connection(str(database))
    old.execute(f"{MIGRATIONS[0]}; PRAGMA user_version = 1; PRAGMA application_id = {APPLICATION_ID}").fetchall()
    old.execute("INSERT INTO conversations VALUES ('c', 'Title', 1.0, 1.0, NULL, 0, '', NULL, '', NULL)").fetchall()
    old.close()
    store = open_store()
    assert store.load_conversation("c") == a_conversation()
    assert any("before-format-2" in backup.name for backup in Backups(database).newest_first())
    store.set_when_full("c", WhenFull.STOP)
    store.save_message(a_message("a", role=Role.ASSISTANT, context_start_id="q"))
    assert store.load_conversation("c") == a_conversation(when_full=WhenFull.STOP)
    assert store.load_messages("c")[0].context_start_id == "q"


@pytest.mark.parametrize("version", range(1, len(MIGRATIONS)))
def test_a_file_of_every_format_is_opened_with_all_that_is_in_it(
    open_store: OpenStore, database: Path, version: int
) -> None:
    database.parent.mkdir()
    old = Database(database)
    migrate(old, lambda version: None, MIGRATIONS[:version])
    files = (Attachment(name="plan.txt", text="First the roof", size_bytes=14),) if version >= _WITH_ATTACHMENTS else ()
    conversation = {"id": "c", "title": "Title", "created_at": 1.0, "updated_at": 1.0, "title_is_manual": 0}
    insert(old, "conversations", conversation | {"system_prompt": "", "active_leaf_id": "m", "draft": "half a thought"})
    message = {"id": "m", "conversation_id": "c", "sequence": 1, "role": "user", "created_at": 1.0, "state": "complete"}
    message |= {"tokenizer_id": "", "model": "", "precision": "", "token_ids": b"", "content": "hello there"}
    insert(old, "messages", message | ({"attachments": attachments_blob(files)} if files else {}))
    old.close()
    store = open_store()
    assert store.load_conversation("c") == a_conversation(active_leaf_id="m", draft="half a thought")
    assert [(each.content, each.attachments) for each in store.load_messages("c")] == [("hello there", files)]
    store.read_attachments(1.0)
    found = [[hit.message_id for hit in store.search(words)] for words in ("hello", "roof")]
    assert found == [["m"], ["m"] if files else []]
    keep_edit(store.databases_of(["c"]), KeptEdit("m", "hello again", files))
    assert list_edits(store.databases_of(["c"])) == [KeptEdit("m", "hello again", files)]


def insert(database: Database, table: str, fields: Mapping[str, Value]) -> None:
    database.execute(f"INSERT INTO {table} ({', '.join(fields)}) VALUES (:{', :'.join(fields)})", fields)


def test_a_migration_that_fails_changes_nothing_and_can_be_tried_again(open_store: OpenStore, database: Path) -> None:
    store = open_store()
    store.save_conversation(a_conversation())
    store.close()
    with pytest.raises(Exception, match="no such table"):
        open_store(migrations=(*MIGRATIONS, f"{ADD_COLUMN}; DELETE FROM nowhere"))
    again = open_store(migrations=(*MIGRATIONS, ADD_COLUMN))
    assert again.list_conversations() == [a_conversation()]


def test_no_backup_no_migration(open_store: OpenStore, database: Path) -> None:
    open_store().close()
    database.with_name("conversations-backups").write_text("a file where the folder should be")
    with pytest.raises(StorageFailed, match="backup"):
        open_store(migrations=(*MIGRATIONS, ADD_COLUMN))
    assert version_of(Database(database)) == len(MIGRATIONS)


def test_the_daily_backup_is_made_once_a_day_and_seven_are_kept(open_store: OpenStore, database: Path) -> None:
    store = open_store()
    for day in range(KEPT_DAILY + 3):
        store._backups._clock = lambda day=day: day * DAY + 1e9
        assert store._backups.is_due()
        store.maintain()
        newest = Backups(database).newest_first()[0]
        os.utime(newest, (day * DAY + 1e9, day * DAY + 1e9))
        assert not store._backups.is_due()
    assert len(Backups(database).newest_first()) == KEPT_DAILY


def test_a_backup_of_when_the_clock_was_ahead_is_not_the_newest(open_store: OpenStore, database: Path) -> None:
    ahead = time.time() + 3000 * DAY
    store = open_store(clock=lambda: ahead)
    store.save_turn(a_conversation(), [a_message()])
    store.maintain()
    os.utime(Backups(database).newest_first()[0], (ahead, ahead))
    store.close()
    store = open_store()
    store.save_message(a_message("later", sequence=2))
    store.maintain()
    store.close()
    assert not Backups(database).is_due()
    database.write_text("damaged")
    assert [message.id for message in open_store().load_messages("c")] == ["m", "later"]


def test_backups_before_migrations_do_not_push_daily_ones_out(open_store: OpenStore, database: Path) -> None:
    store = open_store()
    store.maintain()
    for _ in range(KEPT_BEFORE_MIGRATION + 2):
        Backups(database).make_before_migration(store._database, 1)
    names = [path.name for path in Backups(database).newest_first()]
    assert sum("daily" in name for name in names) == 1
    assert sum("before-format" in name for name in names) == KEPT_BEFORE_MIGRATION


def test_a_backup_is_one_sound_file_even_while_others_write(open_store: OpenStore, database: Path) -> None:
    store, other = open_store(), open_store()
    store.save_turn(a_conversation(), [a_message()])
    store.maintain()
    other.save_message(a_message("later", sequence=2))
    (backup,) = Backups(database).newest_first()
    copy = Database(backup, read_only=True)
    assert copy.is_sound()
    assert copy.number("SELECT count(*) FROM messages") == 1
    copy.close()
    assert [path.name for path in backup.parent.iterdir()] == [backup.name]


def test_a_copy_that_is_not_sound_never_becomes_a_backup(open_store: OpenStore, database: Path) -> None:
    store = open_store()
    store.save_turn(a_conversation(), [a_message()])
    store._database.execute("DELETE FROM message_search_data WHERE id > 1")
    with pytest.raises(StoreDamaged):
        store.maintain()
    assert list((database.parent / "conversations-backups").iterdir()) == []


def test_another_program_that_keeps_the_lock_is_named_as_the_reason(
    open_store: OpenStore, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.conversations.database.BUSY_SECONDS", 0.05)
    store = open_store()
    other = apsw.Connection(str(database))
    other.execute("BEGIN IMMEDIATE").fetchall()
    with pytest.raises(StoreBusy):
        store.save_conversation(a_conversation())
    other.execute("ROLLBACK").fetchall()
    other.close()
    store.save_conversation(a_conversation())
    assert store.list_conversations() == [a_conversation()]


def test_a_damaged_file_is_not_taken_from_under_a_living_writer(open_store: OpenStore, database: Path) -> None:
    open_store().close()  # moves all pages from the journal into the file
    open_store()
    database.write_bytes(b"not a database" * 1000)
    with pytest.raises(StoreError):
        open_store()
    assert not list(database.parent.glob("corrupt-*"))
