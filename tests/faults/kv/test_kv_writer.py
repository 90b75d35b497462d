"""The thread that writes behind: refused by the system, slow or busy, it costs neither answers nor what is kept."""

import threading
from pathlib import Path

import pytest

from engine.api.cancellation import CancellationToken
from engine.api.commands import FinishWriting, Generate, PrepareConversation
from engine.api.sampling import Sampling
from engine.api.warmth import Tier, TierBudgets
from engine.chat_engine import ChatEngine
from engine.generation.chat_session import ChatSession
from engine.kv.disk import item_files
from engine.kv.disk.tier import DiskTier
from engine.kv.rates import Rates
from tests.chat_probe import answered, ask, cold_ids, user
from tests.faults.kv.folders import BUDGETS, OPENING, PATIENCE_SECONDS, Stored, close, files, next_answer, warnings

pytestmark = pytest.mark.parametrize("stored", ["llama", "lfm2"], indirect=True, scope="module")


class Refusal:
    """Lets the system have no thread for the writer while `is_on`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.is_on = True
        self.tries = 0
        start = threading.Thread.start

        def refuse(thread: threading.Thread) -> None:
            if thread.name == "kv-writer" and self.is_on:
                self.tries += 1
                raise RuntimeError("can't start new thread")
            start(thread)

        monkeypatch.setattr(threading.Thread, "start", refuse)


@pytest.fixture
def refusal(monkeypatch: pytest.MonkeyPatch) -> Refusal:
    return Refusal(monkeypatch)


def prepared(stored: Stored) -> PrepareConversation:
    return PrepareConversation(command_id="p", conversation_id="c", messages=tuple(stored.next_messages[:2]))


def test_a_thread_that_is_refused_is_asked_for_again(stored: Stored, tmp_path: Path, refusal: Refusal,
                                                    caplog: pytest.LogCaptureFixture) -> None:  # fmt: skip
    session = ChatSession(stored.loaded, tmp_path / "kv", BUDGETS)
    for _ in range(2):
        assert ask(session, stored.next_messages, maximum_tokens=6).token_ids == stored.right_ids
    assert files(tmp_path / "kv") == []
    assert len(warnings(caplog)) == 1
    refusal.is_on = False
    next_answer(session, stored)
    assert files(tmp_path / "kv")
    close(session)


def test_without_a_thread_it_is_written_while_nobody_waits(
    stored: Stored, tmp_path: Path, refusal: Refusal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.generation.housekeeping._PATIENCE_SECONDS", PATIENCE_SECONDS)
    session = ChatSession(stored.loaded, tmp_path / "kv", BUDGETS)
    ask(session, [OPENING], maximum_tokens=6)
    disk = session._warm.tiers.disk
    assert disk is not None
    assert disk.pending_bytes
    session.prepare(prepared(stored), CancellationToken())
    assert disk.pending_bytes == 0
    assert files(tmp_path / "kv")
    close(session)


def test_without_a_thread_it_is_written_at_the_end(stored: Stored, tmp_path: Path, refusal: Refusal) -> None:
    session = ChatSession(stored.loaded, tmp_path / "kv", BUDGETS)
    ask(session, [OPENING], maximum_tokens=6)
    length = session._runner.kv.length
    close(session)
    after = ChatSession(stored.loaded, tmp_path / "kv", BUDGETS)
    assert next_answer(after, stored).statistics.restored_tokens == length
    close(after)


def test_a_message_does_not_wait_for_the_disk(stored: Stored, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without room in main memory the rest is stored page by page in quiet time, which ends when a message comes."""
    goes_on, token, waited = threading.Event(), CancellationToken(), []
    write = item_files._write_all

    flush = DiskTier.flush

    def slow(descriptor: int, content: memoryview) -> None:
        waited.append(goes_on.wait(30))
        write(descriptor, content)

    def interrupted(*arguments: object) -> bool:
        threading.Timer(0.05, token.cancel).start()
        return flush(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr("engine.kv.tiers._STAGED_BYTES", 100_000)
    monkeypatch.setattr("engine.generation.housekeeping._PATIENCE_SECONDS", 60.0)
    for module in ("tree", "warm_conversations", "opening"):
        monkeypatch.setattr(f"engine.kv.{module}.PAGE_TOKENS", 16)
    session = ChatSession(stored.loaded, tmp_path / "kv", TierBudgets(ram_bytes=0, disk_bytes=2**26))
    monkeypatch.setattr(item_files, "_write_all", slow)
    monkeypatch.setattr(DiskTier, "flush", interrupted)
    ask(session, [OPENING], maximum_tokens=6)
    session.prepare(prepared(stored), token)
    assert token.is_cancelled
    assert not waited, "the message has waited for the disk"
    goes_on.set()
    close(session)


def test_what_waits_to_be_written_is_still_warm(
    stored: Stored, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    goes_on = threading.Event()
    write = item_files._write_all

    def slow(descriptor: int, content: memoryview) -> None:
        goes_on.wait(30)
        write(descriptor, content)

    monkeypatch.setattr(item_files, "_write_all", slow)
    session = ChatSession(stored.loaded, tmp_path / "kv", TierBudgets(ram_bytes=0, disk_bytes=2**26))
    messages = [OPENING, answered(session, ask(session, [OPENING], maximum_tokens=6)), user("Go on")]
    length = session._runner.kv.length
    ask(session, [user("Hello")], conversation="other", maximum_tokens=2)
    result = ask(session, messages, maximum_tokens=6)
    goes_on.set()
    assert result.token_ids == cold_ids(session, messages, 6)
    assert result.statistics.restored_tokens >= length - 16
    assert result.statistics.restored_from is Tier.RAM
    close(session)


def test_no_thread_is_begun_for_what_has_just_been_written(stored: Stored, tmp_path: Path, refusal: Refusal) -> None:
    """As where the writer ends between two looks of who waits for it."""
    session = ChatSession(stored.loaded, tmp_path / "kv", BUDGETS)
    disk = session._warm.tiers.disk
    assert disk is not None
    disk._worker._idle.clear()
    assert disk.flush(30)
    assert refusal.tries == 0
    close(session)


FINISH = FinishWriting(command_id="f", conversation_id="c")


def reading_takes(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    monkeypatch.setattr(Rates, "reading_seconds", lambda self, tokens: seconds if tokens else 0.0)


class SlowDisk:
    """Takes a file only when told to; waited: the answers of those who waited for that."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.goes_on, self.begun, self.waited = threading.Event(), threading.Event(), list[bool]()
        write = item_files._write_all

        def slow(descriptor: int, content: memoryview) -> None:
            self.begun.set()
            self.waited.append(self.goes_on.wait(PATIENCE_SECONDS))
            write(descriptor, content)

        monkeypatch.setattr(item_files, "_write_all", slow)


@pytest.mark.parametrize(("reading", "least"), [(PATIENCE_SECONDS, 0.0), (0.0, PATIENCE_SECONDS)])
def test_at_the_end_a_slow_disk_is_given_the_time_that_reading_again_would_take(
    stored: Stored, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reading: float, least: float
) -> None:
    slow = SlowDisk(monkeypatch)
    reading_takes(monkeypatch, reading)
    session = ChatSession(stored.loaded, tmp_path / "kv", BUDGETS)
    ask(session, [OPENING], maximum_tokens=6)
    length = session._runner.kv.length
    assert slow.begun.wait(PATIENCE_SECONDS)
    timer = threading.Timer(0.2, slow.goes_on.set)
    timer.start()
    assert session.finish_writing(FINISH, CancellationToken(), least) == 0
    timer.join()
    session.close(0.0)
    after = ChatSession(stored.loaded, tmp_path / "kv", BUDGETS)
    assert next_answer(after, stored).statistics.restored_tokens == length
    close(after)


@pytest.mark.parametrize("why", ["reading is quicker", "stopped"])
def test_at_the_end_nobody_waits_for_what_is_not_worth_it(
    stored: Stored, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    slow, token = SlowDisk(monkeypatch), CancellationToken()
    reading_takes(monkeypatch, 0.0 if why == "reading is quicker" else PATIENCE_SECONDS)
    session = ChatSession(stored.loaded, tmp_path / "kv", BUDGETS)
    ask(session, [OPENING], maximum_tokens=6)
    assert slow.begun.wait(PATIENCE_SECONDS)
    if why == "stopped":
        threading.Timer(0.05, token.cancel).start()
    assert session.finish_writing(FINISH, token, 0.0) == session._runner.kv.length
    assert not slow.waited
    slow.goes_on.set()
    close(session)


def test_at_the_end_all_is_written_also_where_little_may_wait_in_memory(
    stored: Stored, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading_takes(monkeypatch, PATIENCE_SECONDS)
    monkeypatch.setattr("engine.kv.tiers._STAGED_BYTES", 100_000)
    for module in ("tree", "warm_conversations", "opening"):
        monkeypatch.setattr(f"engine.kv.{module}.PAGE_TOKENS", 16)
    session = ChatSession(stored.loaded, tmp_path / "kv", TierBudgets(ram_bytes=0, disk_bytes=2**26))
    ask(session, [OPENING], maximum_tokens=6)
    assert session._warm.unwritten_tokens
    assert session.finish_writing(FINISH, CancellationToken(), 0.0) == 0
    close(session)


def test_what_was_finished_is_not_waited_for_again_until_something_is_read(
    stored: Stored, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, waited = ChatEngine(tmp_path), list[float]()
    session = engine._session = ChatSession(stored.loaded, tmp_path / "kv", BUDGETS)
    few = Sampling(maximum_tokens=4)
    generate = Generate(command_id="g", conversation_id="c", message_id="m", messages=[OPENING], sampling=few)
    with monkeypatch.context() as patched:
        patched.setattr(session, "close", waited.append)
        for commands in ([generate], [generate, FINISH], [generate, FINISH, generate]):
            for command in commands:
                engine.handle(command, CancellationToken(), lambda _event: None)
            engine.close()
    assert waited[0] == waited[2] > waited[1] == 0.0
    close(session)
