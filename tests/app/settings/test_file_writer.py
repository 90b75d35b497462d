"""A disk keeps nobody waiting, the newest text wins, and closing waits for it."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.settings.file_writer import FileWriter

ONE, TWO = Path("one"), Path("two")
PATIENCE_SECONDS = 30.0


class Disk:
    """Lets nothing through before it is free."""

    def __init__(self) -> None:
        self.is_asked = threading.Event()
        self.is_free = threading.Event()

    def write(self) -> None:
        self.is_asked.set()
        self.is_free.wait(PATIENCE_SECONDS)


@pytest.fixture
def disk() -> Iterator[Disk]:
    found = Disk()
    yield found
    found.is_free.set()


def test_of_what_waits_for_a_file_only_the_newest_is_written_in_the_order_given(disk: Disk) -> None:
    writer, written = FileWriter(), []
    writer.write(ONE, disk.write)
    assert disk.is_asked.wait(PATIENCE_SECONDS)  # what has not begun is replaced
    for number in range(3):
        writer.write(ONE, lambda number=number: written.append((ONE, number)))
        writer.write(TWO, lambda number=number: written.append((TWO, number)))
    assert written == []
    disk.is_free.set()
    assert writer.finish(PATIENCE_SECONDS)
    assert written == [(ONE, 2), (TWO, 2)]


def test_who_closes_waits_only_so_long(disk: Disk) -> None:
    writer = FileWriter()
    writer.write(ONE, disk.write)
    assert not writer.finish(0.01)
    disk.is_free.set()
    assert writer.finish(PATIENCE_SECONDS)
    assert writer.finish(0.0), "nothing is left"


def test_what_fails_keeps_nothing_else_from_being_written() -> None:
    def fail() -> None:
        raise RuntimeError

    writer, written = FileWriter(), []
    writer.write(ONE, fail)
    writer.write(TWO, lambda: written.append(TWO))
    assert writer.finish(PATIENCE_SECONDS)
    writer.write(ONE, lambda: written.append(ONE))
    assert writer.finish(PATIENCE_SECONDS)
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
    assert writer.finish(PATIENCE_SECONDS)
    assert written == [ONE, TWO]
