"""Stored conversations of which files are damaged or gone: a miss, the same answer, and no flood in the log."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.api.warmth import Tier
from engine.generation.chat_session import ChatSession
from engine.kv.disk.item_files import SUFFIX
from tests.chat_probe import ask, user
from tests.faults.kv.folders import (
    BUDGETS,
    KINDS,
    Stored,
    a_folder,
    a_pipe,
    close,
    files,
    load,
    next_answer,
    store,
    the_model,
    warnings,
)


def flip(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 0x55
    path.write_bytes(content)


def not_there(path: Path) -> None:
    path.unlink()


def a_link(path: Path) -> None:
    aside = path.parent.parent / path.name
    path.rename(aside)
    path.symlink_to(aside)


def a_link_to_itself(path: Path) -> None:
    path.unlink()
    path.symlink_to(path)


def another_item(path: Path) -> None:
    """Put another item's sound content under this name."""
    contents = [other.read_bytes() for other in sorted(path.parent.glob(f"*{SUFFIX}"))]
    path.write_bytes(next((each for each in contents if path.stem.encode() not in each), b""))


DAMAGE: dict[str, Callable[[Path], object]] = {
    "the header's length": lambda path: flip(path, 3),
    "the header": lambda path: flip(path, 20),
    "the ids": lambda path: flip(path, path.read_bytes().index(b"ids") + 8),
    "the end": lambda path: flip(path, path.stat().st_size - 1),
    "cut in the header": lambda path: os.truncate(path, 30),
    "cut at the end": lambda path: os.truncate(path, path.stat().st_size - 1),
    "empty": lambda path: path.write_bytes(b""),
    "gone": not_there,
    "a folder": a_folder,
    "another item": another_item,
}
if os.name != "nt":
    DAMAGE |= {"a pipe": a_pipe, "a link": a_link, "a link to itself": a_link_to_itself}


def test_an_undamaged_folder_is_used(stored: Stored, folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    session = ChatSession(stored.loaded, folder, BUDGETS)
    result = next_answer(session, stored)
    assert result.statistics.restored_from is Tier.DISK
    assert result.statistics.restored_tokens == len(stored.prompt_ids)
    close(session)
    assert warnings(caplog) == []


@pytest.mark.timeout(150)
@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_before_the_start_is_a_miss(
    stored: Stored, folder: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    paths = sorted(the_model(folder).glob(f"*{SUFFIX}"))
    for path in paths:
        DAMAGE[damage](path)
    session = ChatSession(stored.loaded, folder, BUDGETS)
    result = next_answer(session, stored)
    assert result.statistics.restored_tokens == 0
    close(session)
    # A file that can't be deleted is told of as well.
    assert len(warnings(caplog)) <= len(paths)


@pytest.mark.timeout(150)
@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_while_it_runs_is_a_miss(
    stored: Stored, folder: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    session = ChatSession(stored.loaded, folder, BUDGETS)
    paths = sorted(the_model(folder).glob(f"*{SUFFIX}"))
    for path in paths:
        DAMAGE[damage](path)
    result = next_answer(session, stored)
    # What the header said is known since the start, and the data were checked against that.
    assert result.statistics.restored_tokens == 0 or damage in ("the header's length", "the header", "the ids")
    again = ask(session, stored.next_messages, maximum_tokens=6)
    assert again.token_ids == stored.right_ids
    assert len(warnings(caplog)) <= len(paths)
    close(session)


def test_each_file_may_be_damaged_alone(stored: Stored, tmp_path: Path) -> None:
    names = sorted(found.path.relative_to(stored.folder) for found in files(stored.folder))
    restored = []
    for number, name in enumerate(names):
        folder = stored.copy(tmp_path / str(number))
        flip(folder / name, (folder / name).stat().st_size - 1)
        session = ChatSession(stored.loaded, folder, BUDGETS)
        restored.append(next_answer(session, stored).statistics.restored_tokens)
        close(session)
    # The last page, or one of the states behind all pages: what is sound is used without it.
    assert sum(tokens > 0 for tokens in restored) == len(names) // 2, restored


def test_the_folder_may_go_while_it_runs(stored: Stored, folder: Path) -> None:
    session = ChatSession(stored.loaded, folder, BUDGETS)
    shutil.rmtree(folder)
    assert next_answer(session, stored).statistics.restored_tokens == 0
    shutil.rmtree(folder, ignore_errors=True)
    ask(session, [user("Hello")], conversation="other", maximum_tokens=4)
    close(session)
    assert next_answer(ChatSession(stored.loaded, folder, BUDGETS), stored).token_ids == stored.right_ids


def test_a_file_of_another_model_under_a_right_name_is_refused(
    stored: Stored, folder: Path, tmp_path: Path, tiny_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    kind = stored.loaded.model.config.model_type
    name = next(name for name in KINDS if kind.startswith(name))
    other = store(load(name, tiny_folder, seed=1), tmp_path / "other")
    for found in files(other.folder):
        shutil.copyfile(found.path, the_model(folder) / found.path.name)
    session = ChatSession(stored.loaded, folder, BUDGETS)
    next_answer(session, stored)
    close(session)
    assert len(warnings(caplog)) <= len(files(other.folder)) + 1
