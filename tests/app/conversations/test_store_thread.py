import threading
import time
from pathlib import Path

import pytest

from app.conversations.attachment import Attachment
from app.conversations.errors import StorageFailed, StoreClosed, StoreDamaged, StoreError
from app.conversations.store import ConversationStore
from app.conversations.store_thread import StoreThread
from tests.app.conversations.samples import a_conversation, a_message


def test_work_is_done_in_order_on_one_thread_that_is_not_the_callers(store_thread: StoreThread) -> None:
    done: list[int] = []
    threads = {store_thread.submit(lambda store: threading.current_thread()).result() for _ in range(3)}
    futures = [store_thread.submit(lambda store, n=n: done.append(n)) for n in range(100)]
    for future in futures:
        future.result()
    assert done == list(range(100))
    assert len(threads) == 1
    assert threading.current_thread() not in threads


def test_an_exception_belongs_to_its_future_and_the_next_work_goes_on(store_thread: StoreThread) -> None:
    failing = store_thread.submit(lambda store: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        failing.result()
    assert store_thread.submit(lambda store: store.list_conversations()).result() == []


def test_close_does_what_was_handed_in_even_what_was_meant_for_later(database: Path) -> None:
    thread = StoreThread(database)
    gate = threading.Event()
    thread.submit(lambda store: gate.wait(30))
    done: list[str] = []
    later = thread.submit_after(60, lambda store: done.append("later"))
    now = thread.submit(lambda store: store.save_conversation(a_conversation()))
    gate.set()
    assert thread.close(30)
    assert (now.result(0), later.result(0), done) == (None, None, ["later"])
    with pytest.raises(StoreClosed):
        thread.submit(lambda store: None).result(0)
    assert thread.close(0)


def test_delayed_work_waits_and_lets_others_pass(store_thread: StoreThread) -> None:
    much_later = store_thread.submit_after(3600, lambda store: None)
    store_thread.submit(lambda store: None).result(30)
    store_thread.submit_after(0.1, lambda store: None).result(30)
    assert not much_later.done()


def test_work_that_was_cancelled_in_time_is_not_done(store_thread: StoreThread) -> None:
    gate = threading.Event()
    store_thread.submit(lambda store: gate.wait(30))
    future = store_thread.submit(lambda store: store.save_conversation(a_conversation()))
    assert future.cancel()
    gate.set()
    assert store_thread.submit(lambda store: store.list_conversations()).result() == []


def test_a_store_that_cannot_be_opened_is_tried_again_by_the_next_work(database: Path) -> None:
    failures = [StorageFailed("The disk reported an error.", "Check it."), None]

    def open_store(path: Path) -> ConversationStore:
        failure = failures.pop(0)
        if failure is not None:
            raise failure
        return ConversationStore(path)

    thread = StoreThread(database, open_store)
    with pytest.raises(StoreError, match="reported an error"):
        thread.opened.result(30)
    assert thread.submit(lambda store: store.list_conversations()).result(30) == []
    assert thread.close(30)


def test_damage_met_in_work_is_mended_where_it_can_be_so_that_a_retry_works(store_thread: StoreThread) -> None:
    def damage(store: ConversationStore) -> None:
        store.save_turn(a_conversation(), [a_message(content="word")])
        store._database.execute("DELETE FROM message_search_data WHERE id > 1")

    store_thread.submit(damage).result()
    with pytest.raises(StoreDamaged):
        store_thread.submit(lambda store: store.search("word")).result()
    assert [hit.message_id for hit in store_thread.submit(lambda store: store.search("word")).result()] == ["m"]


def test_the_daily_backup_is_made_at_the_end_at_the_latest(database: Path) -> None:
    thread = StoreThread(database)
    thread.submit(lambda store: store.save_conversation(a_conversation())).result()
    assert thread.close(30)
    assert len(list(database.parent.glob("conversations-backups/*_daily.db"))) == 1


def test_a_thread_that_never_worked_closes_at_once(database: Path) -> None:
    assert StoreThread(database).close(30)


def test_attached_files_are_read_while_nothing_is_asked(store_thread: StoreThread) -> None:
    files = [Attachment(name=f"{n}.txt", text=f"word{n}", size_bytes=1) for n in range(3)]
    messages = [a_message(f"m{n}", None, n, attachments=(file,)) for n, file in enumerate(files)]
    store_thread.submit(lambda store: store.save_turn(a_conversation(), messages)).result()
    end = time.monotonic() + 30
    while not (hits := store_thread.submit(lambda store: store.search("word0")).result()):
        assert time.monotonic() < end
        time.sleep(0.5)
    assert hits[0].message_id == "m0"


def test_files_that_can_not_be_read_now_are_tried_again_later(
    database: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    calls: list[float] = []
    full = threading.Event()
    reading = ConversationStore.read_attachments

    def fail(store: ConversationStore, seconds: float) -> None:
        calls.append(seconds)
        if len(calls) == 1:
            full.set()
            raise StorageFailed("no")
        reading(store, seconds)

    monkeypatch.setattr(ConversationStore, "read_attachments", fail)
    thread = StoreThread(database)
    attached = a_message(attachments=(Attachment(name="a", text="secret", size_bytes=1),))
    thread.submit(lambda store: store.save_turn(a_conversation(), [attached])).result()
    assert full.wait(30)
    time.sleep(0.5)
    assert len(calls) == 1, "not over and over on a full disk"
    end = time.monotonic() + 30
    while not thread.submit(lambda store: store.search("secret")).result():
        assert time.monotonic() < end
        time.sleep(0.5)
    assert thread.close()
