"""A disk keeps nobody waiting, the newest text wins, and closing waits for it."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.settings.file_writer import FileWriter

ONE, TWO = Path("one"), Path("two")


@pytest.fixture
def disk() -> Iterator[threading.Event]:
    """A disk that lets nothing through until this is set."""
    event = threading.Event()
    yield event
    event.set()


def test_of_what_waits_for_a_file_only_the_newest_is_written_in_the_order_given(disk: threading.Event) -> None:
    writer, written = FileWriter(), []
    writer.write(ONE, disk.wait)
    for number in range(3):
        writer.write(ONE, lambda number=number: written.append((ONE, number)))
        writer.write(TWO, lambda number=number: written.append((TWO, number)))
    assert written == []
    disk.set()
    assert writer.finish(30.0)
    assert written == [(ONE, 2), (TWO, 2)]


def test_who_closes_waits_only_so_long(disk: threading.Event) -> None:
    writer = FileWriter()
    writer.write(ONE, disk.wait)
    assert not writer.finish(0.01)
    disk.set()
    assert writer.finish(30.0)
    assert writer.finish(0.0), "nothing is left"


def test_what_fails_keeps_nothing_else_from_being_written(disk: threading.Event) -> None:
    def fail() -> None:
        raise RuntimeError

    writer, written = FileWriter(), []
    writer.write(ONE, fail)
    writer.write(TWO, lambda: written.append(TWO))
    assert writer.finish(30.0)
    writer.write(ONE, lambda: written.append(ONE))
    assert writer.finish(30.0)
    assert written == [TWO, ONE]


def test_where_there_is_no_thread_to_spare_who_writes_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    writer, written = FileWriter(), []
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refused)
        writer.write(ONE, lambda: written.append(ONE))
        assert written == [ONE]
    writer.write(TWO, lambda: written.append(TWO))
    assert writer.finish(30.0)
    assert written == [ONE, TWO]
