"""What is listed of the Hugging Face cache: whole, in part, in several revisions, as GGUF, and broken."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.api.cancellation import CancellationToken
from engine.api.checkpoint import CheckpointKind, LocalCheckpoint
from engine.checkpoints.library import usage
from engine.checkpoints.library.listing import list_checkpoints
from engine.checkpoints.resolve import resolve
from engine.checkpoints.safety import check
from engine.hub.download import record
from tests import tiny_checkpoints
from tests.cache_folders import A, B, bytes_below, files_of, lay
from tests.work import work_of

HUB_ID = "publisher/model"


def listed(data: Path, *folders: str) -> list[LocalCheckpoint]:
    return [each for each in list_checkpoints(data, folders) if each.kind is not CheckpointKind.STARTER]


def test_a_repository_tells_its_bytes_and_its_folder(cache: Path, tmp_path: Path, model: dict[str, bytes]) -> None:
    lay(cache, HUB_ID, A, model)
    (row,) = listed(tmp_path)
    repository = cache / "models--publisher--model"
    assert (row.reference, row.revision, row.architecture, row.is_complete) == (HUB_ID, A, "llama", True)
    assert row.folder == str(repository)
    assert row.disk_bytes == bytes_below(repository)


def test_blobs_that_revisions_share_count_once_and_each_branch_has_a_row(
    cache: Path, tmp_path: Path, model: dict[str, bytes]
) -> None:
    lay(cache, HUB_ID, A, model)
    lay(cache, HUB_ID, B, model | {"README.md": b"newer"}, branch="feature/x")
    main, other = listed(tmp_path)
    assert (main.reference, other.reference) == (HUB_ID, f"{HUB_ID}@feature/x")
    assert main.disk_bytes == bytes_below(cache / "models--publisher--model")
    assert other.disk_bytes == len(b"newer") + len("b" * 40)
    for row in (main, other):
        check(resolve(row.reference, tmp_path, CancellationToken(), lambda *_: None))


def test_revisions_that_no_branch_names_are_listed_where_the_name_alone_leads_nowhere(
    cache: Path, tmp_path: Path, model: dict[str, bytes]
) -> None:
    lay(cache, HUB_ID, A, model, branch="")
    assert [row.reference for row in listed(tmp_path)] == [HUB_ID]
    lay(cache, HUB_ID, B, model, branch="")
    assert {row.reference for row in listed(tmp_path)} == {f"{HUB_ID}@{A}", f"{HUB_ID}@{B}"}
    for row in listed(tmp_path):
        check(resolve(row.reference, tmp_path, CancellationToken(), lambda *_: None))


def test_an_older_revision_has_a_row_only_if_its_weights_are_others(
    cache: Path, tmp_path: Path, model: dict[str, bytes], tiny_folder: Path
) -> None:
    other = files_of(tiny_checkpoints.make("qwen3", tiny_folder))
    lay(cache, HUB_ID, "c" * 40, model | {"README.md": b"older"}, branch="")
    lay(cache, HUB_ID, B, other, branch="")
    lay(cache, HUB_ID, A, model)
    rows = {row.reference: row.name for row in listed(tmp_path)}
    assert rows == {HUB_ID: "model", f"{HUB_ID}@{B}": "model@bbbbbbbb"}


def sharded(model: dict[str, bytes], total: int) -> dict[str, bytes]:
    names = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
    index = {"metadata": {"total_size": total}, "weight_map": {"a": names[0], "b": names[1]}}
    small = {name: content for name, content in model.items() if not name.endswith(".safetensors")}
    return small | {names[0]: b"x" * 400, "model.safetensors.index.json": json.dumps(index).encode()}


def test_what_another_program_left_in_the_middle_is_listed_with_what_is_missing(
    cache: Path, tmp_path: Path, model: dict[str, bytes]
) -> None:
    lay(cache, HUB_ID, A, sharded(model, 1000))
    (row,) = listed(tmp_path)
    assert not row.is_complete
    assert (row.total_bytes, row.missing_bytes, row.wanted_revision) == (1000, 600, "main")
    assert row.architecture == "llama"
    lay(cache, "publisher/whole", B, model)
    (cache / "models--publisher--whole" / "snapshots" / B / "model.safetensors").resolve().unlink()
    (cache / "models--publisher--whole" / "blobs" / "rest.incomplete").write_bytes(b"123")
    unknown = next(row for row in listed(tmp_path) if row.reference == "publisher/whole")
    assert (unknown.total_bytes, unknown.missing_bytes) == (0, 1)


def test_an_older_revision_that_is_whole_stays_usable_beside_an_update_that_is_not(
    cache: Path, tmp_path: Path, model: dict[str, bytes]
) -> None:
    lay(cache, HUB_ID, A, model, branch="")
    lay(cache, HUB_ID, B, sharded(model, 1000))
    rows = {(row.reference, row.is_complete) for row in listed(tmp_path)}
    assert rows == {(HUB_ID, False), (f"{HUB_ID}@{A}", True)}


def test_a_download_of_our_own_is_listed_until_it_is_finished(
    cache: Path, tmp_path: Path, model: dict[str, bytes]
) -> None:
    lay(cache, HUB_ID, A, model)
    repository = cache / "models--publisher--model"
    begun = record.Record(HUB_ID, "main", B, (record.WantedFile("model.safetensors", 500, "c" * 64),))
    record.write_record(repository, begun)
    whole, part = listed(tmp_path)
    assert (whole.reference, whole.is_complete) == (part.reference, not part.is_complete) == (HUB_ID, True)
    assert (part.total_bytes, part.missing_bytes, part.wanted_revision) == (500, 500, "main")
    record.remove_record(repository, B)
    assert [row.is_complete for row in listed(tmp_path)] == [True]


def test_gguf_files_in_the_cache_are_listed_by_their_names(cache: Path, tmp_path: Path) -> None:
    content = b"GGUF" + bytes(100)
    snapshot = lay(cache, HUB_ID, A, {"model-q4.gguf": content, "README.md": b"hello"})
    (row,) = listed(tmp_path)
    assert (row.reference, row.name, row.kind) == (str(snapshot / "model-q4.gguf"), "model-q4", CheckpointKind.GGUF)
    assert row.disk_bytes == row.size_bytes == len(content)


def test_use_is_the_last_load_or_the_last_time_that_another_program_read_it(
    cache: Path, tmp_path: Path, model: dict[str, bytes]
) -> None:
    snapshot = lay(cache, HUB_ID, A, model)
    for path in snapshot.iterdir():
        os.utime(path.resolve(), (1_000_000, 1_000_000))
    assert listed(tmp_path)[0].used_at == 1_000_000
    assert listed(tmp_path)[0].used_at == 1_000_000, "listing itself is no use"
    os.utime((snapshot / "tokenizer.json").resolve(), (2_000_000, 1_000_000))
    assert listed(tmp_path)[0].used_at == 2_000_000
    before = time.time()
    usage.note_load(tmp_path, HUB_ID, "")
    assert before <= listed(tmp_path)[0].used_at <= time.time()
    usage.forget(tmp_path, HUB_ID)
    assert listed(tmp_path)[0].used_at == 2_000_000


@pytest.mark.parametrize("content", ["", "{", "[]", '{"publisher/model": "x", "other": -1}', "\0", "[" * 10_000])
def test_a_damaged_record_of_uses_is_none(tmp_path: Path, content: str) -> None:
    (tmp_path / usage.FILE_NAME).write_text(content)
    assert dict(usage.last_loads(tmp_path)) == {}
    usage.note_load(tmp_path, HUB_ID)
    assert list(usage.last_loads(tmp_path)) == [HUB_ID]
    assert [path.name for path in tmp_path.glob("*usage*")] == [usage.FILE_NAME]


def test_a_record_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    usage.note_load(tmp_path / "gone", HUB_ID)
    (tmp_path / usage.FILE_NAME).mkdir()
    usage.note_load(tmp_path, HUB_ID)
    assert dict(usage.last_loads(tmp_path)) == {}


def _loop(repository: Path) -> None:
    (repository / "snapshots" / A).rename(repository / "old")
    (repository / "snapshots" / A).symlink_to(A)


BREAKAGES: dict[str, Callable[[Path], object]] = {
    "a file named like a repository": lambda it: it.with_name("models--some--file").write_text("x"),
    "a name that is no id": lambda it: it.with_name("models--a--b--c--d").mkdir(),
    "a name that leads upwards": lambda it: it.with_name("models--..--..").mkdir(),
    "no snapshots": lambda it: (it / "snapshots").rename(it / "gone"),
    "snapshots are a file": lambda it: ((it / "snapshots").rename(it / "gone"), (it / "snapshots").write_text("x")),
    "a snapshot is a file": lambda it: (it / "snapshots" / B).write_text("x"),
    "a loop of links": _loop,
    "refs are a file": lambda it: ((it / "refs" / "main").unlink(), (it / "refs").rmdir(), (it / "refs").touch()),
    "a ref that leads out": lambda it: (it / "refs" / "main").write_text("../../../.."),
    "a ref of bytes": lambda it: (it / "refs" / "main").write_bytes(b"\xff\xfe\0"),
    "a ref without its snapshot": lambda it: (it / "refs" / "main").write_text(B),
    "a ref that is a pipe": lambda it: ((it / "refs" / "main").unlink(), os.mkfifo(it / "refs" / "main")),
    "a huge ref": lambda it: (it / "refs" / "main").write_bytes(b"a" * 10**6),
    "blobs are gone": lambda it: (it / "blobs").rename(it / "gone"),
    "a config of garbage": lambda it: (it / "snapshots" / A / "config.json").resolve().write_text("{"),
    "a config that is a pipe": lambda it: (
        (it / "snapshots" / A / "config.json").unlink(),
        os.mkfifo(it / "snapshots" / A / "config.json"),
    ),
    "a name that is no text": lambda it: it.with_name(os.fsdecode(b"models--x--\xff")).mkdir(),
    "a store that is a file": lambda it: it.with_name("blobs").write_text("x"),
    "a record of garbage": lambda it: (it / f".hearth-download-{B}.json").write_text("{"),
}


@pytest.mark.skipif(os.name == "nt", reason="no pipes and few links")
@pytest.mark.parametrize("breakage", BREAKAGES)
def test_what_is_broken_hides_nothing_else(cache: Path, tmp_path: Path, model: dict[str, bytes], breakage: str) -> None:
    lay(cache, "other/first", A, model)
    lay(cache, "publisher/broken", A, model)
    lay(cache, "zzz/last", A, model)
    BREAKAGES[breakage](cache / "models--publisher--broken")
    whole = {row.reference for row in listed(tmp_path) if row.is_complete}
    assert {"other/first", "zzz/last"} <= whole <= {"other/first", "publisher/broken", "zzz/last"}


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="nothing is forbidden to root")
def test_what_may_not_be_looked_into_hides_nothing_else(cache: Path, tmp_path: Path, model: dict[str, bytes]) -> None:
    lay(cache, "other/first", A, model)
    lay(cache, "publisher/closed", A, model)
    closed = cache / "models--publisher--closed"
    closed.chmod(0)
    try:
        assert [row.reference for row in listed(tmp_path)] == ["other/first"]
    finally:
        closed.chmod(0o755)


def test_listing_costs_as_much_for_each_repository_however_many_there_are(
    cache: Path, tmp_path: Path, model: dict[str, bytes]
) -> None:
    works = []
    for place in (0, 60):
        for number in range(place, place + 60):
            lay(cache, f"publisher/model-{number}", A, model)
        assert len(listed(tmp_path)) == place + 60
        works.append(work_of(lambda: listed(tmp_path)).total())
    few, many = works
    assert many < 2.01 * few
    assert many < 120 * 10_000  # 5,000 calls for each repository
