"""Imports with the real process and the real store: what is known, copied, undone, cancelled, refused."""

import json
import os
import threading
import time
from pathlib import Path

import msgspec
import pytest

from app.conversations import organizing
from app.conversations.errors import StoreError
from app.conversations.exchange.exporting import ExportJob
from app.conversations.exchange.found import Source
from app.conversations.exchange.importing import ImportJob, ImportReport
from app.conversations.exchange.intake import add_folder, remove_folder_if_empty
from app.conversations.exchange.writing import AtomicFile, JsonWriter
from app.conversations.records import Conversation, Folder, Message
from app.conversations.store_thread import StoreThread
from engine.api.message import Role
from tests.app.conversations.exchange import foreign
from tests.app.conversations.samples import a_conversation, a_message


def written(path: Path, value: object) -> Path:
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def imported(thread: StoreThread, *paths: Path) -> ImportReport:
    return ImportJob(paths, thread.submit).run()


def listed(thread: StoreThread) -> list[Conversation]:
    return thread.submit(lambda store: store.list_conversations()).result()


def folders(thread: StoreThread) -> list[str]:
    return [folder.name for folder in thread.submit(lambda store: organizing.folders(store.database)).result()]


def kept(thread: StoreThread, conversation: Conversation, messages: list[Message]) -> None:
    thread.submit(lambda store: store.save_turn(conversation, messages)).result()


def exported(thread: StoreThread, path: Path) -> Path:
    job = ExportJob(lambda: AtomicFile(path), JsonWriter(), None)
    while not job.is_finished:
        thread.submit(job.step).result()
    return path


def test_from_another_program(store_thread: StoreThread, tmp_path: Path) -> None:
    report = imported(store_thread, written(tmp_path / "c.json", foreign.chatgpt()))
    (conversation,) = listed(store_thread)
    assert report.added == [conversation]
    assert report.sources == {Source.CHATGPT}
    assert folders(store_thread) == ["Imported from ChatGPT"]
    assert conversation.folder_id == report.folder_ids[0]
    assert not conversation.is_unread
    assert conversation.updated_at == 1700000500
    assert store_thread.submit(lambda store: store.search("scattering")).result()


def test_what_is_known_is_passed_over_also_when_it_went_on_here(store_thread: StoreThread, tmp_path: Path) -> None:
    path = written(tmp_path / "c.json", foreign.chatgpt())
    (conversation,) = imported(store_thread, path).added
    more = a_message("more", conversation.active_leaf_id, 99, conversation_id=conversation.id)
    kept(store_thread, conversation, [more])
    report = imported(store_thread, path)
    assert (report.known, report.added, report.folder_ids) == (1, [], [])
    assert len(listed(store_thread)) == 1


def test_what_differs_becomes_a_copy(store_thread: StoreThread, tmp_path: Path) -> None:
    path = written(tmp_path / "c.json", foreign.chatgpt())
    (first,) = imported(store_thread, path).added
    changed = path.read_text().replace("Because of scattering.", "Because.")
    path.write_text(changed)
    report = imported(store_thread, path)
    assert (report.known, report.copies, len(report.added)) == (0, 1, 1)
    copy = report.added[0]
    assert copy.id != first.id
    assert copy.folder_id == first.folder_id
    messages = store_thread.submit(lambda store: store.load_messages(copy.id)).result()
    assert "Because." in [message.content for message in messages]
    assert copy.active_leaf_id in [message.id for message in messages]


def test_a_copy_keeps_where_the_model_began_to_read(store_thread: StoreThread, tmp_path: Path) -> None:
    answer = a_message("a", "n", 3, role=Role.ASSISTANT, context_start_id="n")
    kept(store_thread, a_conversation("c"), [a_message("m"), a_message("n", "m", 2), answer])
    path = exported(store_thread, tmp_path / "e.json")
    path.write_text(path.read_text().replace('"content":"m"', '"content":"changed"'))
    (copy,) = imported(store_thread, path).added
    _, question, answer = store_thread.submit(lambda store: store.load_messages(copy.id)).result()
    assert answer.context_start_id == question.id


def test_a_file_never_changes_messages_of_another_conversation(store_thread: StoreThread, tmp_path: Path) -> None:
    kept(store_thread, a_conversation("mine"), [a_message("m", content="mine", conversation_id="mine")])
    path = exported(store_thread, tmp_path / "e.json")
    path.write_text(
        path.read_text().replace('"id":"mine"', '"id":"other"').replace('"content":"mine"', '"content":"x"')
    )
    report = imported(store_thread, path)
    assert report.copies == 1
    (message,) = store_thread.submit(lambda store: store.load_messages("mine")).result()
    assert message.content == "mine"


def test_undo_hides_what_was_imported_and_nothing_else(store_thread: StoreThread, tmp_path: Path) -> None:
    kept(store_thread, a_conversation("mine"), [])
    report = imported(store_thread, written(tmp_path / "c.json", foreign.chatgpt()))
    ids = [each.id for each in report.added]
    store_thread.submit(lambda store: store.delete_conversations(ids)).result()
    for folder_id in report.folder_ids:
        store_thread.submit(
            lambda store, folder_id=folder_id: remove_folder_if_empty(store.database, folder_id)
        ).result()
    assert [each.id for each in listed(store_thread)] == ["mine"]
    assert folders(store_thread) == []
    assert len(store_thread.submit(lambda store: store.list_conversations(deleted=True)).result()) == 1
    again = imported(store_thread, tmp_path / "c.json")
    assert len(again.added) == 1
    assert len(listed(store_thread)) == 2


def test_own_file_with_what_can_not_be_read(store_thread: StoreThread, tmp_path: Path) -> None:
    kept(store_thread, a_conversation("c", folder_id=None), [a_message("m"), a_message("n", "m", 2)])
    kept(store_thread, a_conversation("d"), [])
    store_thread.submit(lambda store: add_folder(store.database, Folder(id="f", name="Empty", created_at=1.0))).result()
    value = json.loads(exported(store_thread, tmp_path / "e.json").read_text())
    value["conversations"][0]["messages"][1]["role"] = "nobody"
    value["conversations"][1]["conversation"]["id"] = 5
    other = StoreThread(tmp_path / "other" / "conversations.db")
    try:
        report = imported(other, written(tmp_path / "e.json", value))
        assert (len(report.added), report.unreadable_messages, report.unreadable_conversations) == (1, 1, 1)
        assert folders(other) == ["Empty"]
        assert report.folder_ids == ["f"]
    finally:
        assert other.close(30)


def test_a_field_that_can_not_be_read_costs_nothing_else(store_thread: StoreThread, tmp_path: Path) -> None:
    kept(store_thread, a_conversation("c", title="T", draft="D"), [a_message("m"), a_message("n", "m", 2)])
    value = json.loads(exported(store_thread, tmp_path / "e.json").read_text())
    bad = {
        "title": 5,
        "sampling": {"temperature": 99},
        "when_full": "never",
        "draft_attachments": [{}],
        "created_at": "x",
    }
    value["conversations"][0]["conversation"] |= bad
    worse = {
        "sequence": None,
        "state": "odd",
        "statistics": [],
        "token_ids": [-1],
        "attachments": 5,
        "thinking_seconds": "x",
    }
    for message in value["conversations"][0]["messages"]:
        message |= worse
    other = StoreThread(tmp_path / "other" / "conversations.db")
    try:
        report = imported(other, written(tmp_path / "e.json", value))
        assert (report.unreadable_messages, report.unreadable_conversations) == (0, 0)
        (found,) = report.added
        assert (found.draft, found.sampling, found.created_at) == ("D", None, 0.0)
        messages = other.submit(lambda store: store.load_messages("c")).result()
        assert [(each.id, each.parent_id, each.token_ids) for each in messages] == [("m", None, ()), ("n", "m", ())]
    finally:
        assert other.close(30)


def test_one_bad_file_does_not_keep_the_others_out(store_thread: StoreThread, tmp_path: Path) -> None:
    good = written(tmp_path / "good.json", foreign.lm_studio())
    bad = written(tmp_path / "bad.json", {"hello": 1})
    report = imported(store_thread, bad, tmp_path / "gone.json", good)
    assert len(report.added) == 1
    assert len(report.failures) == 2
    assert "no file with conversations" in report.failures[0]


def test_cancel_keeps_what_is_there(store_thread: StoreThread, tmp_path: Path) -> None:
    many = [foreign.chatgpt()[0] | {"conversation_id": f"c{number}"} for number in range(500)]
    job = ImportJob([written(tmp_path / "c.json", many)], store_thread.submit, lambda report: job.cancel())
    report = job.run()
    assert report.was_cancelled
    assert not report.failures
    assert len(listed(store_thread)) == len(report.added) == 1


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no such files here")
def test_a_file_that_is_waited_for_keeps_nobody_from_giving_up(store_thread: StoreThread, tmp_path: Path) -> None:
    """Such a pipe has nobody at its other end; the reader waits for it as for a disk that hangs."""
    os.mkfifo(tmp_path / "c.json")
    job = ImportJob([tmp_path / "c.json"], store_thread.submit)
    running = threading.Thread(target=job.run, daemon=True)
    running.start()
    while job._process is None:
        time.sleep(0.01)
    job.cancel()
    running.join(60)
    assert not running.is_alive()
    assert job.is_cancelled


@pytest.mark.skipif(os.name == "nt", reason="a program in a line")
@pytest.mark.parametrize("said", ["", r"\0\0\0\144cut off"], ids=["nothing", "half"])
def test_a_crash_of_the_reader_is_a_sentence(
    said: str, store_thread: StoreThread, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = tmp_path / "reader"
    reader.write_text(f"#!/bin/sh\nprintf '{said}'\nexit 1\n")
    reader.chmod(0o700)
    monkeypatch.setattr("sys.executable", str(reader))
    report = imported(store_thread, written(tmp_path / "c.json", foreign.chatgpt()))
    assert "could not be read to its end" in report.failures[0]


def test_a_full_disk_ends_the_import_with_its_sentence(
    store_thread: StoreThread, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_database: object, _document: object, _folder: object) -> None:
        raise StoreError("The disk is full.")

    monkeypatch.setattr("app.conversations.exchange.importing.take_in", full)
    paths = [written(tmp_path / name, foreign.chatgpt() * 3) for name in ("first.json", "second.json")]
    assert imported(store_thread, *paths).failures == ["The disk is full."]


def test_a_conversation_is_taken_in_whole_or_not_at_all(store_thread: StoreThread, tmp_path: Path) -> None:
    path = written(tmp_path / "c.json", foreign.chatgpt())
    store_thread.submit(
        lambda store: store._database.execute(
            "CREATE TEMP TRIGGER bad BEFORE INSERT ON main.messages WHEN new.content = 'Show it.' "
            "BEGIN INSERT INTO nowhere VALUES (1); END"
        )
    ).result()
    with pytest.raises(Exception, match="nowhere"):
        imported(store_thread, path)
    assert listed(store_thread) == []
    assert folders(store_thread) == []


def test_a_name_that_is_taken_is_left_to_the_other_one(store_thread: StoreThread, tmp_path: Path) -> None:
    kept(store_thread, a_conversation("a", name="notes"), [a_message("m", conversation_id="a")])
    path = exported(store_thread, tmp_path / "e.json")
    path.write_text(path.read_text().replace('"id":"a"', '"id":"b"').replace('"id":"m"', '"id":"n"'))
    (added,) = imported(store_thread, path).added
    assert (added.id, added.name) == ("b", None)


def test_the_branch_that_was_shown_is_shown(store_thread: StoreThread, tmp_path: Path) -> None:
    (added,) = imported(store_thread, written(tmp_path / "c.json", foreign.open_webui())).added
    messages = {each.id: each for each in store_thread.submit(lambda store: store.load_messages(added.id)).result()}
    leaf = messages[added.active_leaf_id or ""]
    assert (leaf.role, leaf.content) == (Role.ASSISTANT, "5")
    assert msgspec.structs.replace(leaf, sequence=0).created_at == 1700000001


def test_the_same_file_twice_counts_once(store_thread: StoreThread, tmp_path: Path) -> None:
    path = written(tmp_path / "c.json", foreign.chatgpt())
    copy = written(tmp_path / "copy.json", foreign.chatgpt())
    report = imported(store_thread, path, tmp_path / ".." / tmp_path.name / "c.json", copy)
    assert (len(report.added), report.known, report.copies) == (1, 0, 0)
    report = imported(store_thread, path, copy)
    assert (len(report.added), report.known, report.copies) == (0, 1, 0)


def test_what_is_missing_of_a_file_is_not_told_as_one_conversation(store_thread: StoreThread, tmp_path: Path) -> None:
    folder = tmp_path / "export"
    folder.mkdir()
    written(folder / "a.json", foreign.chatgpt())
    (folder / "b.json").write_text(json.dumps(foreign.chatgpt())[:-100])
    (folder / "c.json").write_text(json.dumps([*foreign.chatgpt(), *foreign.chatgpt()])[:-9])
    report = imported(store_thread, folder)
    assert (report.unreadable_files, report.unreadable_conversations) == (2, 0)
    assert not report.is_whole


def test_of_several_files_each_failure_names_its_own(store_thread: StoreThread, tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("a.txt", "b.txt")]
    for path in paths:
        path.write_text("nothing of the kind")
    report = imported(store_thread, *paths, tmp_path / "gone.json")
    assert [sentence.partition(":")[0] for sentence in report.failures[:2]] == ["a.txt", "b.txt"]
    assert report.failures[2].startswith("The file gone.json can't be read")
    (alone,) = imported(store_thread, paths[0]).failures
    assert alone.startswith("This is no file with conversations")
