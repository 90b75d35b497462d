"""A folder with a stored conversation, of which tests damage copies, and what a session with such a folder must do."""

import dataclasses
import logging
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from engine.api.cancellation import CancellationToken
from engine.api.commands import Generate
from engine.api.message import PromptMessage
from engine.api.plan import KvLayout, PrecisionChoice
from engine.api.warmth import TierBudgets
from engine.checkpoints import loader
from engine.checkpoints.loader import LoadedModel
from engine.generation.chat_session import ChatSession
from engine.generation.generate import Result
from engine.kv.disk import folder as disk_folder
from engine.kv.disk.folder import StoredFile
from tests import tiny_checkpoints
from tests.chat_probe import Listener, answered, ask, cold_ids, command, user

# All full attention; full and windowed attention; convolutions and full attention.
KINDS = ("llama", "gemma3", "lfm2")
BUDGETS = TierBudgets(ram_bytes=2**26, disk_bytes=2**26)
OPENING = user("Tell me a story about a small lighthouse. " * 24)
PATIENCE_SECONDS = 30.0  # of a busy machine; nothing waits that long when all is well


def load(kind: str, folder: Path, seed: int = 0) -> LoadedModel:
    """Load a tiny model; one with sliding windows keeps no more than them."""
    path = str(tiny_checkpoints.make(kind, folder, seed))
    loaded = loader.load(path, PrecisionChoice.FP32, 1024, "cpu", folder, CancellationToken(), lambda *_: None)
    if kind != "gemma3":
        return loaded
    return dataclasses.replace(loaded, plan=msgspec.structs.replace(loaded.plan, kv_layout=KvLayout.WINDOWED))


@dataclass(frozen=True)
class Stored:
    """A conversation's folder as an ended process left it, what comes next in it, and the answer that is right."""

    loaded: LoadedModel
    folder: Path
    next_messages: list[PromptMessage]
    right_ids: tuple[int, ...]
    prompt_ids: tuple[int, ...]

    def copy(self, to: Path) -> Path:
        return Path(shutil.copytree(self.folder, to))


def store(loaded: LoadedModel, folder: Path) -> Stored:
    """Have a conversation "c" of several pages stored."""
    session = ChatSession(loaded, folder, BUDGETS)
    first = ask(session, [OPENING], maximum_tokens=6)
    messages = [OPENING, answered(session, first), user("Go on")]
    right = cold_ids(session, messages, 6)
    ids = tuple(session._runner.kv.ids.tolist())
    close(session)
    return Stored(loaded, folder, messages, right, ids)


def close(session: ChatSession) -> None:
    session.close(PATIENCE_SECONDS)
    writer = session._warm.tiers.disk
    assert writer is None or writer._worker._thread is None


def next_answer(session: ChatSession, stored: Stored) -> Result:
    """Answer what comes next; the answer must be that of a cold run, and the tiers within their budgets."""
    result = ask(session, stored.next_messages, maximum_tokens=6)
    assert result.token_ids == stored.right_ids
    tiers = session._warm.tiers
    assert tiers.disk is not None
    assert tiers.disk.flush(PATIENCE_SECONDS)
    assert tiers.ram.used_bytes <= tiers.ram.budget_bytes
    assert tiers.disk.used_bytes <= tiers.disk.budget_bytes or not tiers.disk.used_bytes
    return result


def private(messages: list[PromptMessage], conversation: str) -> Generate:
    return msgspec.structs.replace(command(messages, conversation, 6), is_private=True)


def answer(session: ChatSession, wanted: Generate) -> Result:
    return session.answer(wanted, CancellationToken(), Listener().report())


def files(folder: Path) -> list[StoredFile]:
    return disk_folder.stored_files(folder)


def all_bytes(folder: Path) -> bytes:
    """Return every name and every byte below the folder."""
    found = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return b"\0".join(part for path in found for part in (str(path).encode(), path.read_bytes()))


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what the room for KV has logged, which must be short and quote nothing."""
    texts = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert all(len(text) < 250 for text in texts), texts
    return texts


def the_model(folder: Path) -> Path:
    """Return the one model's folder."""
    (model,) = [path for path in folder.iterdir() if path.is_dir()]
    return model


def a_folder(path: Path) -> None:
    """Put a folder in a file's place."""
    path.unlink()
    path.mkdir()


def a_pipe(path: Path) -> None:
    """Put a pipe in a file's place."""
    path.unlink()
    os.mkfifo(path)
