"""Changes that can't be kept at once, on a real store: the order in which they come there, and who waits for whom."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import shiboken6
from PySide6.QtCore import QCoreApplication
from pytestqt.qtbot import QtBot

from app.controllers.store_requests import StoreRequests
from app.conversations.errors import ConversationGone, DiskFull, StoreClosed, StoreDamaged, StoreError
from app.conversations.store import ConversationStore
from app.conversations.store_thread import StoreThread

Work = Callable[[ConversationStore], None]


@pytest.fixture
def thread(tmp_path: Path) -> Iterator[StoreThread]:
    thread = StoreThread(tmp_path / "conversations.db")
    yield thread
    thread.close()


@pytest.fixture
def requests(qtbot: QtBot, thread: StoreThread) -> Iterator[StoreRequests]:
    requests = StoreRequests(thread)
    yield requests
    thread.close()
    shiboken6.delete(requests)


class Writes:
    """Changes that note their names, or fail while their names are among those that do."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.failing: dict[str, StoreError] = {}

    def __call__(self, name: str) -> Work:
        def work(_store: ConversationStore) -> None:
            if name in self.failing:
                raise self.failing[name]
            self.done.append(name)

        return work


def settled(thread: StoreThread) -> None:
    thread.submit(lambda _store: None).result(30)


def test_what_follows_a_change_that_waits_is_kept_after_it(
    qtbot: QtBot, requests: StoreRequests, thread: StoreThread
) -> None:
    write = Writes()
    write.failing["a"] = DiskFull("full")
    with qtbot.waitSignal(requests.not_kept):
        requests.keep(write("a"))
        requests.keep(write("b"))
        settled(thread)
    requests.keep(write("c"))
    requests.retry()
    settled(thread)
    assert write.done == []
    write.failing.clear()
    with qtbot.waitSignal(requests.caught_up):
        requests.retry()
        requests.keep(write("d"))
    settled(thread)
    assert write.done == ["a", "b", "c", "d"]
    assert not requests.is_behind


def test_before_the_store_closes_what_can_be_kept_is(
    qtbot: QtBot, requests: StoreRequests, thread: StoreThread
) -> None:
    write = Writes()
    write.failing["a"] = DiskFull("full")
    with qtbot.waitSignal(requests.not_kept):
        requests.keep(write("a"))
        requests.keep(write("b"))
    requests.retry_last()
    thread.close()
    assert write.done == ["b"]


def test_damage_holds_up_nothing_else(qtbot: QtBot, requests: StoreRequests) -> None:
    write = Writes()
    write.failing["a"] = StoreDamaged("damaged")
    with qtbot.waitSignal(requests.not_kept):
        requests.keep(write("a"))
        requests.keep(write("b"))
    qtbot.waitUntil(lambda: write.done == ["b"])
    assert requests.is_behind


def test_what_can_never_be_kept_is_said_once_and_left(
    qtbot: QtBot, requests: StoreRequests, thread: StoreThread
) -> None:
    write, told = Writes(), list[object]()
    requests.failed.connect(told.append)
    write.failing["a"] = ConversationGone("gone")
    kept = list[str]()
    requests.keep(write("a"), lambda _: kept.append("a"))
    requests.keep(write("b"), lambda _: kept.append("b"))
    qtbot.waitUntil(lambda: kept == ["b"])
    requests.retry()
    settled(thread)
    assert [str(each) for each in told] == ["gone"]
    assert not requests.is_behind


def test_the_newest_of_those_with_one_key_is_kept_alone(
    qtbot: QtBot, requests: StoreRequests, thread: StoreThread
) -> None:
    write = Writes()
    write.failing["a"] = DiskFull("full")
    with qtbot.waitSignal(requests.not_kept):
        requests.keep(write("a"), key="draft")
    write.failing.clear()
    with qtbot.waitSignal(requests.caught_up):
        requests.keep(write("b"), key="draft")
    settled(thread)
    assert write.done == ["b"]


def test_what_a_request_has_set_is_not_set_back_by_an_older_change(
    qtbot: QtBot, requests: StoreRequests, thread: StoreThread
) -> None:
    write, is_free = Writes(), threading.Event()
    write.failing["old"] = DiskFull("full")
    with qtbot.waitSignal(requests.not_kept):
        requests.keep(write("old"), key="branch")
        requests.keep(write("another"), key="draft")
    write.failing.clear()
    thread.submit(lambda _store: is_free.wait(30))
    requests.request(write("request"), outdates="branch")
    requests.keep(write("new"), key="branch")
    is_free.set()
    with qtbot.waitSignal(requests.caught_up):
        requests.retry()
    assert write.done == ["request", "another", "new"]


def test_what_is_read_between_two_changes_has_the_first_alone(
    qtbot: QtBot, requests: StoreRequests, thread: StoreThread
) -> None:
    write, read, is_free = Writes(), list[tuple[str, ...]](), threading.Event()
    thread.submit(lambda _store: is_free.wait(30))
    requests.keep(write("a"))
    requests.request(lambda _store: tuple(write.done), read.append)
    requests.keep(write("b"))
    is_free.set()
    qtbot.waitUntil(lambda: bool(read))
    assert read == [("a",)]


def test_a_mistake_in_a_change_is_met_once(qtbot: QtBot, requests: StoreRequests, thread: StoreThread) -> None:
    write, tries = Writes(), list[int]()

    def mistaken(_store: ConversationStore) -> None:
        tries.append(1)
        raise KeyError("a bug")

    with qtbot.captureExceptions() as mistakes:
        requests.keep(mistaken)
        qtbot.waitUntil(lambda: bool(mistakes))
    requests.keep(write("b"))
    requests.retry()
    settled(thread)
    assert (tries, write.done) == ([1], ["b"])
    assert requests.is_all_kept


@pytest.mark.parametrize(("error", "expected"), [(DiskFull("full"), 4), (StoreClosed("closed"), 1)])
def test_what_the_window_needs_is_asked_for_until_it_is_there_or_never_will_be(
    qtbot: QtBot,
    requests: StoreRequests,
    thread: StoreThread,
    error: StoreError,
    expected: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("app.controllers.store_requests._ASKED_AGAIN_SECONDS", (0.0,))
    tries, found, told = list[int](), list[str](), list[StoreError]()

    def read(_store: ConversationStore) -> str:
        tries.append(1)
        if len(tries) < 4:
            raise error
        return "all"

    requests.ask(read, found.append, told.append)
    qtbot.waitUntil(lambda: bool(told) and len(tries) >= expected)
    for _ in range(3):
        settled(thread)
        QCoreApplication.processEvents()
    assert len(tries) == expected
    assert found == ["all"] * (expected == 4)
    assert told == [error], "once, however often it is tried"
