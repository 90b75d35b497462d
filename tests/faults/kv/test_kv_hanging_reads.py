"""A disk that hangs while it is read from: an answer waits a moment for it, a Stop not at all; the text is right."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from engine.api.cancellation import CancellationToken
from engine.api.commands import ClearWarmState, DescribeWarmth, ForgetConversation, ForgetOthers
from engine.api.events import FinishReason
from engine.api.warmth import Tier
from engine.chat_engine import ChatEngine
from engine.generation.chat_session import ChatSession
from engine.kv import opening, restoring
from engine.kv.disk import file_reader, folder_reader, item_files
from engine.kv.disk import folder as disk_folder
from engine.kv.disk.file_reader import GoesOn
from engine.kv.disk.item_files import Header
from engine.kv.rates import Rates
from tests.chat_probe import Listener, ask, command
from tests.faults.kv.folders import BUDGETS, PATIENCE_SECONDS, Stored, close, files, next_answer, warnings
from tests.faults.kv.hang import Hang

pytestmark = [
    pytest.mark.parametrize("stored", ["llama", "lfm2"], indirect=True, scope="module"),
    pytest.mark.timeout(150),
]

# All that is read while somebody waits for an answer, or looks at what is kept.
READ = [(item_files, "read_data"), (disk_folder, "additions"), (disk_folder, "files_of"), (disk_folder, "stored_files")]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restoring, "_LEAST_SECONDS", 0.3)
    monkeypatch.setattr(restoring, "_UNKNOWN_SECONDS", 0.3)
    monkeypatch.setattr(folder_reader, "_LOOK_SECONDS", 0.3)
    monkeypatch.setattr(folder_reader, "_CATALOGUE_SECONDS", 0.3)
    monkeypatch.setattr(opening, "HANGS_SECONDS", 0.3)
    monkeypatch.setattr("engine.chat_engine._FLUSH_SECONDS", 0.3)


@pytest.fixture
def session(stored: Stored, folder: Path) -> Iterator[ChatSession]:
    session = ChatSession(stored.loaded, folder, BUDGETS)
    yield session
    close(session)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(("place", "name"), READ, ids=[name for _, name in READ])
def test_an_answer_goes_on_without_the_disk(
    stored: Stored,
    session: ChatSession,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    place: object,
    name: str,
) -> None:
    hang = Hang(monkeypatch, "kv-reader", place, name)
    hang.is_on.set()
    session.describe_warmth()
    for conversation in ("c", "d"):
        assert ask(session, stored.next_messages, conversation=conversation, maximum_tokens=6).token_ids == (
            stored.right_ids
        )
    session.describe_warmth()
    assert hang.hangs.is_set()
    assert not hang.went_on, "somebody has waited for the disk"
    assert len(warnings(caplog)) == 1
    assert session._warm.tiers.disk.hangs
    hang.goes_on.set()


@pytest.mark.usefixtures("impatient")
def test_a_disk_that_goes_on_is_used_again(
    stored: Stored, session: ChatSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_reader, "_REST_SECONDS", 0.0)
    hang = Hang(monkeypatch, "kv-reader", item_files, "read_data")
    hang.is_on.set()
    first = ask(session, stored.next_messages, maximum_tokens=6)
    assert (first.token_ids, first.statistics.restored_tokens) == (stored.right_ids, 0)
    disk = session._warm.tiers.disk
    assert disk.hangs, "it still does what was given up"
    hang.is_on.clear()
    hang.goes_on.set()
    while disk.hangs:
        threading.Event().wait(0.01)
    session._runner.kv.clear()
    session._warm.tiers.ram.clear()
    assert next_answer(session, stored).statistics.restored_from is Tier.DISK


@pytest.mark.usefixtures("impatient")
def test_what_came_in_time_is_used(stored: Stored, session: ChatSession, monkeypatch: pytest.MonkeyPatch) -> None:
    hang = Hang(monkeypatch, "kv-reader", item_files, "read_data", skipped=1)
    hang.is_on.set()
    result = ask(session, stored.next_messages, maximum_tokens=6)
    assert hang.hangs.is_set()
    assert result.token_ids == stored.right_ids
    is_cut_in_pages = not session._runner.kv.has_states  # a state is of no use without the rest
    assert bool(result.statistics.restored_tokens) is is_cut_in_pages
    hang.goes_on.set()


def test_a_slow_disk_has_time_while_nobody_knows_how_long_reading_takes(
    stored: Stored, session: ChatSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restoring, "_LEAST_SECONDS", 0.0)
    monkeypatch.setattr(Rates, "reading_seconds", lambda *_: 0.0)  # as after an engine that was killed
    read = item_files.read_data

    def slowly(path: Path, header: Header, into: torch.Tensor, goes_on: GoesOn) -> None:
        time.sleep(0.1)
        read(path, header, into, goes_on)

    monkeypatch.setattr(item_files, "read_data", slowly)
    found = ask(session, stored.next_messages, maximum_tokens=6)
    assert found.token_ids == stored.right_ids
    assert found.statistics.restored_from is Tier.DISK


def test_a_stop_waits_for_no_disk(stored: Stored, session: ChatSession, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restoring, "_LEAST_SECONDS", 600.0)
    monkeypatch.setattr(file_reader, "HANGS_SECONDS", 600.0)
    hang = Hang(monkeypatch, "kv-reader", item_files, "read_data")
    hang.is_on.set()
    cancellation = CancellationToken()

    def stop() -> None:
        assert hang.hangs.wait(PATIENCE_SECONDS)
        cancellation.cancel()

    thread = threading.Thread(target=stop)
    thread.start()
    result = session.answer(command(stored.next_messages, maximum_tokens=6), cancellation, Listener().report())
    thread.join()
    assert (result.reason, result.text) == (FinishReason.STOPPED, "")
    assert not hang.went_on, "it has waited for the disk"
    hang.is_on.clear()
    hang.goes_on.set()
    assert next_answer(session, stored).statistics.restored_from is Tier.DISK, "nobody was impatient with the disk"


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("place", "name"), [(opening, "disk_bytes"), (disk_folder, "tidy"), (item_files, "read_header")]
)
def test_a_model_loads_without_the_disk(
    stored: Stored, folder: Path, monkeypatch: pytest.MonkeyPatch, place: object, name: str
) -> None:
    hang = Hang(monkeypatch, "kv-reader", place, name)
    hang.is_on.set()
    session = ChatSession(stored.loaded, folder, BUDGETS)
    assert ask(session, stored.next_messages, maximum_tokens=6).token_ids == stored.right_ids
    session.describe_warmth()
    session.close(0.3)
    assert hang.hangs.is_set()
    assert not hang.went_on
    hang.goes_on.set()


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("name", ["forget", "forget_others", "clear", "stored_files"])
def test_deleting_waits_for_no_disk(stored: Stored, folder: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    hang = Hang(monkeypatch, "kv-folder", disk_folder, name)
    hang.is_on.set()
    engine = ChatEngine(folder.parent)
    assert files(folder)
    for wanted in (
        ForgetConversation(command_id="1", conversation_id="c"),
        ForgetOthers(command_id="2", conversation_ids=()),
        ClearWarmState(command_id="3"),
        DescribeWarmth(command_id="4"),
    ):
        engine.handle(wanted, CancellationToken(), lambda event: None)
    assert hang.hangs.is_set()
    assert not hang.went_on
    hang.goes_on.set()
    while files(folder):  # it is done when the disk goes on
        threading.Event().wait(0.01)
