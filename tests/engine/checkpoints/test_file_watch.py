"""A load whose disk hangs is told to wait for it, and a load that is only long is not."""

import threading
from collections.abc import Iterator
from pathlib import Path
from queue import Empty, Queue

import pytest

from engine.api.events import LoadPhase
from engine.checkpoints import file_watch, starter
from engine.checkpoints.file_watch import FileWatch

PATIENCE_SECONDS = 30.0
LOADING = (LoadPhase.LOADING, 3, 10)
Told = Queue[tuple[LoadPhase, int, int]]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    monkeypatch.setattr(file_watch, "_SILENT_SECONDS", 0.02)
    monkeypatch.setattr(file_watch, "_ANSWER_SECONDS", 0.02)
    return Queue()


@pytest.fixture
def model(tmp_path: Path) -> Path:
    (tmp_path / "model.safetensors").write_bytes(bytes(100))
    return tmp_path


class Disk:
    """Hangs in a read until it goes on; asked: reads that it was asked for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.goes_on, self.asked = threading.Event(), Queue[Path]()
        read = file_watch._read_a_byte

        def hang(path: Path) -> None:
            self.asked.put(path)
            self.goes_on.wait(PATIENCE_SECONDS)
            read(path)

        monkeypatch.setattr(file_watch, "_read_a_byte", hang)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    made = Disk(monkeypatch)
    yield made
    made.goes_on.set()


def test_a_disk_that_hangs_is_waited_for_until_it_goes_on(told: Told, model: Path, disk: Disk) -> None:
    with FileWatch((str(model),), model, lambda *event: told.put(event)) as watch:
        watch.report(*LOADING)
        assert told.get(timeout=PATIENCE_SECONDS) == LOADING
        assert told.get(timeout=PATIENCE_SECONDS) == (LoadPhase.WAITING, 0, 0)
        disk.goes_on.set()
        assert told.get(timeout=PATIENCE_SECONDS) == LOADING
    assert disk.asked.get() == model / "model.safetensors"


def test_nothing_is_told_after_the_end(told: Told, model: Path, disk: Disk) -> None:
    with FileWatch((str(model),), model, lambda *event: told.put(event)):
        disk.asked.get(timeout=PATIENCE_SECONDS)
    while not told.empty():
        told.get()
    with pytest.raises(Empty):
        told.get(timeout=0.2)


@pytest.mark.parametrize("reference", ["", "no/such", "starter"])
def test_a_disk_that_answers_is_not_waited_for(
    told: Told, model: Path, reference: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered = Queue[bool]()
    is_answered = FileWatch._is_answered

    def note(watch: FileWatch) -> bool:
        monkeypatch.setattr(file_watch, "_ANSWER_SECONDS", PATIENCE_SECONDS)
        answered.put(is_answered(watch))
        return True

    monkeypatch.setattr(FileWatch, "_is_answered", note)
    with FileWatch((reference or str(model),), model, lambda *event: told.put(event)) as watch:
        watch.report(*LOADING)
        assert answered.get(timeout=2 * PATIENCE_SECONDS)
        assert answered.get(timeout=2 * PATIENCE_SECONDS)
    assert list(told.queue) == [LOADING]


def test_a_disk_that_hangs_twice_is_told_twice(told: Told, model: Path) -> None:
    watch = FileWatch((str(model),), model, lambda *event: told.put(event))
    for _ in range(2):
        watch.report(*LOADING)
        watch._tell_whether(waits=True)
        watch._tell_whether(waits=True)
    assert [told.get(timeout=0) for _ in range(told.qsize())] == [LOADING, (LoadPhase.WAITING, 0, 0)] * 2


def test_a_disk_that_hangs_is_asked_by_one_thread(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer, asked = threading.Event(), Queue[None]()
    monkeypatch.setattr(file_watch, "_ANSWER_SECONDS", 0.0)
    monkeypatch.setattr(FileWatch, "_ask", lambda watch: (asked.put(None), answer.wait(PATIENCE_SECONDS)))
    watch = FileWatch((str(model),), model, lambda *event: None)
    assert not any(watch._is_answered() for _ in range(3))
    answer.set()
    assert watch._question is not None
    watch._question.join()
    assert asked.qsize() == 1


def test_the_file_that_a_model_is_made_from_is_asked_for_too(tmp_path: Path) -> None:
    assert next(iter(file_watch._files(starter.REFERENCE, tmp_path))) == starter.source_file()
