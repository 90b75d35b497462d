"""Two engines at work in one folder: one budget, what one deletes the other misses, what one reads the other knows."""

import threading
from collections.abc import Iterable
from pathlib import Path

import pytest
import torch

from engine.api.cancellation import CancellationToken
from engine.api.commands import SuggestTitle
from engine.api.message import PromptMessage
from engine.api.warmth import Tier, TierBudgets
from engine.generation.chat_session import ChatSession
from engine.kv.disk import folder as disk_folder
from engine.kv.disk import item_files
from engine.kv.disk.file_reader import Patience
from engine.kv.disk.tier import DiskTier
from engine.kv.tree import Item
from tests.chat_probe import answered, ask, cold_ids, user
from tests.faults.kv.folders import PATIENCE_SECONDS, Stored, close, files, next_answer, warnings

pytestmark = pytest.mark.parametrize("stored", ["llama", "gemma3", "lfm2"], indirect=True, scope="module")
# Nothing in main memory: what is not on disk is read again.
ON_DISK = TierBudgets(ram_bytes=0, disk_bytes=2**26)


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("tree", "warm_conversations", "opening"):
        monkeypatch.setattr(f"engine.kv.{module}.PAGE_TOKENS", 32)


def opened(stored: Stored, folder: Path, budgets: TierBudgets = ON_DISK) -> ChatSession:
    return ChatSession(stored.loaded, folder, budgets)


def written(session: ChatSession, messages: list[PromptMessage], conversation: str = "c") -> list[PromptMessage]:
    """Have a message answered and stored; return the conversation with the answer."""
    result = ask(session, messages, conversation=conversation, maximum_tokens=6)
    assert session._warm.tiers.disk is not None
    assert session._warm.tiers.disk.flush(30)
    return [*messages, answered(session, result)]


def test_one_budget_for_all_processes(stored: Stored, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both write at the same time, each file only when the other process has one half done as well."""
    probe = opened(stored, tmp_path / "probe")
    written(probe, [user("word " * 60)])
    close(probe)
    budget = sum(found.size_bytes for found in files(tmp_path / "probe")) * 3 // 2
    kv, most, both = tmp_path / "kv", [0], threading.Barrier(2)
    sessions = [opened(stored, kv, TierBudgets(ram_bytes=2**26, disk_bytes=budget)) for _ in range(2)]
    name, write, delete = DiskTier._name, item_files._write_all, disk_folder.delete
    changing = threading.Lock()  # else a file that is deleted and the one it makes room for may both be counted

    def together(descriptor: int, content: memoryview) -> None:
        write(descriptor, content)
        try:
            both.wait(0.2)
        except threading.BrokenBarrierError:
            both.reset()

    def named(self: DiskTier, part: Path, key: str) -> None:
        with changing:
            name(self, part, key)
            most.append(sum(found.size_bytes for found in files(kv)))

    def deleted(folder: Path, key: str, owners: Iterable[str] | None = None) -> int:
        with changing:
            return delete(folder, key, owners)

    monkeypatch.setattr(DiskTier, "_name", named)
    monkeypatch.setattr(disk_folder, "delete", deleted)
    monkeypatch.setattr(item_files, "_write_all", together)
    for session in sessions:
        ask(session, [user(f"{id(session)} " + "word " * 60)], conversation=str(id(session)), maximum_tokens=4)
    for session in sessions:
        close(session)
    assert len(most) > 6
    assert max(most) <= budget


def test_what_another_process_deleted_is_written_again(stored: Stored, tmp_path: Path) -> None:
    session = opened(stored, tmp_path / "kv")
    messages = written(session, stored.next_messages)
    disk_folder.make_room(tmp_path / "kv", 0)
    told = {each.conversation_id: each for each in session.describe_warmth()[0]}
    assert told["c"].disk_bytes == 0
    messages = written(session, [*messages, user("And then?")])
    length = session._runner.kv.length
    close(session)
    after = opened(stored, tmp_path / "kv")
    result = ask(after, [*messages, user("Why?")], maximum_tokens=4)
    assert result.statistics.restored_tokens == length
    assert result.token_ids == cold_ids(after, [*messages, user("Why?")], 4)
    close(after)


def test_a_title_leaves_alone_what_another_process_has_deleted(stored: Stored, tmp_path: Path) -> None:
    here, there = opened(stored, tmp_path / "kv"), opened(stored, tmp_path / "kv")
    written(here, stored.next_messages)
    held = here._runner.kv.ids.tolist()
    disk_folder.make_room(tmp_path / "kv", 0)
    other = tuple(written(there, [user("Hello")], "other"))
    here.suggest_title(SuggestTitle(command_id="t", conversation_id="other", messages=other), CancellationToken())
    assert here._runner.kv.ids.tolist() == held
    close(here)
    close(there)


def test_what_another_process_read_is_known(stored: Stored, tmp_path: Path) -> None:
    here, there = opened(stored, tmp_path / "kv"), opened(stored, tmp_path / "kv")
    messages = written(here, stored.next_messages)
    messages = written(there, [*messages, user("And then? " * 8)])
    assert len(messages) == 6
    length = there._runner.kv.length
    ask(here, [user("Hello")], conversation="other", maximum_tokens=2)
    result = ask(here, [*messages, user("Why?")], maximum_tokens=4)
    assert result.statistics.reused_tokens == length
    assert result.statistics.restored_from is Tier.DISK
    assert result.token_ids == cold_ids(here, [*messages, user("Why?")], 4)
    close(here)
    close(there)


def write_over(disk: DiskTier, item: Item) -> None:
    """Write an item as a process does whose sums are rounded otherwise."""
    data = torch.empty(item.size_bytes, dtype=torch.uint8)
    assert disk.read(item, data, Patience(PATIENCE_SECONDS))
    data[0] ^= 1
    assert item_files.write(disk._path(item.key), item, "all", disk._fingerprint, data)


def test_what_another_process_wrote_over_is_used(
    stored: Stored, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    session = opened(stored, tmp_path / "kv")
    ask(session, stored.next_messages[:1], maximum_tokens=6)
    length, disk = session._runner.kv.length, session._warm.tiers.disk
    assert disk is not None
    assert disk.flush(30)
    for item in session._warm.tree.items.values():
        write_over(disk, item)
    ask(session, [user("Hello")], conversation="other", maximum_tokens=2)
    assert next_answer(session, stored).statistics.reused_tokens == length
    close(session)
    assert warnings(caplog) == []


def test_what_dead_processes_left_is_deleted_while_others_write(
    stored: Stored, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = opened(stored, tmp_path / "kv")
    written(session, stored.next_messages)
    (model,) = [path for path in (tmp_path / "kv").iterdir() if path.is_dir()]
    left = [model / "abc.123-4.part", tmp_path / "kv" / "rates.123.part"]
    for path in left:
        path.write_bytes(b"x" * 1000)
    monkeypatch.setattr(disk_folder, "_PART_LIVES_SECONDS", -1.0)
    assert disk_folder.reserved_bytes(tmp_path / "kv") == 0
    assert not left[0].exists()
    close(session)
    close(opened(stored, tmp_path / "kv"))
    assert not left[1].exists()
