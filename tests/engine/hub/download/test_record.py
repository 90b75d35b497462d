"""What is known of downloads that were begun, and how they are thrown away."""

import errno
import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from engine.api.errors import EngineError, ErrorKind
from engine.hub.cache import repository_folder
from engine.hub.download import Unfinished, discard, unfinished
from engine.hub.download import snapshot as snapshot_module
from engine.hub.download.locking import try_lock
from engine.hub.download.part import UNIT_BYTES, Part
from engine.hub.download.record import Record, WantedFile, records, write_record
from engine.hub.download.snapshot import enter

HUB_ID = "publisher/tiny-chat"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
SIZE = 3 * UNIT_BYTES
DIGESTS = [hashlib.sha256(name).hexdigest() for name in (b"first", b"second", b"third")]


@pytest.fixture
def begun(cache: Path) -> Path:
    """A download with one whole file, one that is there in part, and one that is not there; return its folder."""
    folder = repository_folder(HUB_ID)
    (folder / "blobs").mkdir(parents=True)
    files = tuple(WantedFile(f"{number}.safetensors", SIZE, digest) for number, digest in enumerate(DIGESTS))
    write_record(folder, Record(HUB_ID, "main", COMMIT, files))
    (folder / "blobs" / DIGESTS[0]).write_bytes(bytes(SIZE))
    part = Part(folder / "blobs", DIGESTS[1], SIZE)
    part.write(0, b"x" * 1000)
    part.write(UNIT_BYTES, b"y" * 500)
    part.close()
    return folder


def test_what_is_missing_is_told(begun: Path) -> None:
    expected = Unfinished(HUB_ID, "main", COMMIT, 3 * SIZE, 2 * SIZE - 1500, begun)
    assert unfinished() == (expected,)


def test_a_damaged_record_is_no_download(begun: Path) -> None:
    next(begun.glob(".hearth-download-*")).write_bytes(b"{")
    assert unfinished() == ()


@pytest.mark.parametrize(
    ("hub_id", "commit", "digest"),
    [(HUB_ID, COMMIT, "../../outside"), (HUB_ID, "../../outside", DIGESTS[0]), ("publisher/other", COMMIT, DIGESTS[0])],
    ids=["a blob's", "a commit's", "another model's"],
)
def test_names_that_lead_elsewhere_are_no_download(begun: Path, hub_id: str, commit: str, digest: str) -> None:
    (path,) = begun.glob(".hearth-download-*")
    path.write_bytes(msgspec.json.encode(Record(hub_id, "main", commit, (WantedFile("config.json", 5, digest),))))
    assert unfinished() == ()


@pytest.mark.parametrize("revision", ["../outside", "a/../../../outside", COMMIT])
def test_a_branch_whose_name_leads_elsewhere_is_written_nowhere(begun: Path, revision: str) -> None:
    before = set(begun.parent.rglob("*"))
    enter(begun, Record(HUB_ID, revision, COMMIT, ()))
    made = {path.relative_to(begun).parts[0] for path in set(begun.parent.rglob("*")) - before}
    assert made == {"snapshots"}


def test_a_moved_branch_replaces_the_record(begun: Path) -> None:
    newer = COMMIT[::-1]
    write_record(begun, Record(HUB_ID, "main", newer, (WantedFile("0.safetensors", SIZE, DIGESTS[0]),)))
    assert [(each.commit, each.missing_bytes) for each in unfinished()] == [(newer, 1)]


def test_another_branch_is_a_download_of_its_own(begun: Path) -> None:
    newer = COMMIT[::-1]
    write_record(begun, Record(HUB_ID, "v2", newer, (WantedFile("0.safetensors", SIZE, DIGESTS[0]),)))
    assert {(each.revision, each.commit) for each in unfinished()} == {("main", COMMIT), ("v2", newer)}


def test_the_configuration_is_there_once_all_else_is(begun: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs take a snapshot that has one for a model, also where the power was cut between two files."""
    names = ("a.safetensors", "config.json", "z.safetensors")
    record = Record(HUB_ID, "main", COMMIT, tuple(WantedFile(name, SIZE, DIGESTS[0]) for name in names))
    link, linked = snapshot_module._create_symlink, []

    def cut_short(*places: str, **options: bool) -> None:
        if len(linked) == 2:
            raise OSError(errno.EIO, "the disk is gone")
        linked.append(places)
        link(*places, **options)

    with monkeypatch.context() as patched:
        patched.setattr(snapshot_module, "_create_symlink", cut_short)
        with pytest.raises(OSError, match="gone"):
            enter(begun, record)
    folder = begun / "snapshots" / COMMIT
    assert {path.name for path in folder.iterdir()} == {"a.safetensors", "z.safetensors"}
    enter(begun, record)
    assert {path.name for path in folder.iterdir()} == set(names)


def test_two_threads_may_note_the_same_download_at_once(begun: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_bytes, both_have_written = Path.write_bytes, threading.Barrier(2)

    def together(path: Path, content: bytes) -> int:
        written = write_bytes(path, content)
        both_have_written.wait(30)
        return written

    monkeypatch.setattr(Path, "write_bytes", together)
    record = Record(HUB_ID, "main", COMMIT, (WantedFile("0.safetensors", SIZE, DIGESTS[0]),))
    with ThreadPoolExecutor(2) as pool:
        for noted in [pool.submit(write_record, begun, record) for _ in range(2)]:
            noted.result()
    assert records(begun) == [record]
    assert not list(begun.glob("*.new"))


def test_discarding_leaves_nothing(begun: Path) -> None:
    assert SIZE <= discard(HUB_ID) < 2 * SIZE
    assert not begun.exists()
    assert unfinished() == ()
    assert discard(HUB_ID) == 0


def test_discarding_leaves_what_a_snapshot_uses(begun: Path) -> None:
    snapshot = begun / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    (snapshot / "0.safetensors").symlink_to(Path("../../blobs") / DIGESTS[0])
    discard(HUB_ID)
    assert (snapshot / "0.safetensors").stat().st_size == SIZE
    assert [path.name for path in (begun / "blobs").iterdir()] == [DIGESTS[0]]


def test_what_is_being_downloaded_is_not_discarded(begun: Path) -> None:
    lock = try_lock(begun, DIGESTS[2])
    assert lock is not None
    with pytest.raises(EngineError) as caught:
        discard(HUB_ID)
    assert caught.value.report.kind is ErrorKind.INVALID_COMMAND
    lock.release()
    assert len(unfinished()) == 1
    discard(HUB_ID)
    assert unfinished() == ()
