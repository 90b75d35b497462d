"""Kills, full disks, failing disks, damaged files: what was acknowledged is there afterwards, and the file is sound."""

import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.conversations.answer_saver import AnswerSaver
from app.conversations.database import Database
from app.conversations.errors import DiskFull, StoreError
from app.conversations.migrations import MIGRATIONS
from app.conversations.records import MessageState
from app.conversations.store import ConversationStore
from app.conversations.store_thread import StoreThread
from tests.app.conversations.samples import a_conversation, a_message
from tests.tracing import why_not

WRITER = [sys.executable, "-m", "tests.faults.store_writer"]
NEEDS_LINUX_ROOT = pytest.mark.skipif(
    not sys.platform.startswith("linux") or os.geteuid() != 0, reason="needs Linux and root to mount a small disk"
)


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "data" / "conversations.db"


def acknowledged(lines: list[str]) -> set[str]:
    return {f"m{line.strip()}" for line in lines if line.strip().isdigit()}


def stored(path: Path) -> dict[str, str]:
    store = ConversationStore(path)
    try:
        assert store.notices == ()
        assert store._database.is_sound()
        return {message.id: message.content for message in store.load_messages("c")}
    finally:
        store.close()


def kill_while_writing(path: Path, seconds: float) -> set[str]:
    """Start a writer, kill it some time after an answer began to grow, and return what it had acknowledged."""
    with subprocess.Popen([*WRITER, str(path)], stdout=subprocess.PIPE, text=True) as process:
        # The second number is told when a first part of the answer is saved.
        first_two = [process.stdout.readline() for _ in range(2)]
        timer = threading.Timer(seconds, process.kill)
        timer.start()
        lines = [*first_two, *process.stdout]
        timer.join()
        return acknowledged(lines)


def test_ten_kills_at_random_times_lose_nothing_acknowledged(database: Path) -> None:
    chance = random.Random(1)
    for _ in range(10):
        done = kill_while_writing(database, chance.uniform(0.0, 0.15))
        assert done
        kept = stored(database)
        assert done <= set(kept)
        # One more row may have been written without its acknowledgement having been heard.
        assert len(set(kept) - done - {"m-1"}) <= 1
        shutil.rmtree(database.parent)


def test_a_killed_answer_comes_back_interrupted_with_its_text(database: Path) -> None:
    kill_while_writing(database, 0.05)
    store = ConversationStore(database)
    partial = next(message for message in store.load_messages("c") if message.id == "m-1")
    store.close()
    assert partial.state is MessageState.INTERRUPTED
    assert partial.content.startswith("partial ")
    assert partial.token_ids == (1, 2)


@pytest.mark.skipif(os.name == "nt", reason="Windows can't stop a process")
def test_a_copy_taken_while_running_opens_as_after_a_power_cut(database: Path, tmp_path: Path) -> None:
    with subprocess.Popen([*WRITER, str(database)], stdout=subprocess.PIPE, text=True) as process:
        lines = [process.stdout.readline() for _ in range(20)]
        process.send_signal(signal.SIGSTOP)
        os.waitpid(process.pid, os.WUNTRACED)  # stopped: files don't change while they are copied
        shutil.copytree(database.parent, tmp_path / "copy")
        process.kill()
    assert acknowledged(lines) <= set(stored(tmp_path / "copy" / "conversations.db"))


def test_two_processes_write_at_once(database: Path) -> None:
    ConversationStore(database).close()
    processes = [
        subprocess.Popen([*WRITER, str(database), str(first), "60"], stdout=subprocess.PIPE, text=True)
        for first in (1000, 2000)
    ]
    outputs = [process.communicate(timeout=180)[0].splitlines() for process in processes]
    assert [len(acknowledged(lines)) for lines in outputs] == [60, 60]
    store = ConversationStore(database)
    messages = [message for message in store.load_messages("c") if message.id != "m-1"]
    store.close()
    assert {message.id for message in messages} == acknowledged(outputs[0]) | acknowledged(outputs[1])
    assert len({message.sequence for message in messages}) == 120


def with_backup(path: Path) -> None:
    store = ConversationStore(path)
    store.save_turn(a_conversation(), [a_message("old", content="in the backup")])
    store.maintain()
    store.save_message(a_message("new", sequence=2))
    store.close()


DAMAGE = {
    "random bytes": lambda path: path.write_bytes(random.Random(1).randbytes(20_000)),
    "zero length": lambda path: path.write_bytes(b""),
    "a text": lambda path: path.write_text("Dear diary"),
    "NULs, as after a power cut": lambda path: path.write_bytes(b"\0" * 20_000),
    "cut in half": lambda path: os.truncate(path, path.stat().st_size // 2 // 4096 * 4096 + 100),
    "only the header": lambda path: os.truncate(path, 100),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_database_is_kept_aside_and_the_newest_backup_opens(database: Path, damage: str) -> None:
    with_backup(database)
    DAMAGE[damage](database)
    left_by_a_crash(database)
    before = database.read_bytes()
    store = ConversationStore(database)
    try:
        assert [message.content for message in store.load_messages("c")] == ["in the backup"]
        (aside,) = database.parent.glob("corrupt-*.db")
        assert aside.read_bytes() == before
        assert str(aside) in store.notices[0]
        assert "backup" in store.notices[0]
        store.save_message(a_message("goes on", sequence=3))
    finally:
        store.close()
    again = ConversationStore(database)
    again.close()
    assert again.notices == ()


def left_by_a_crash(database: Path) -> None:
    """A cut file is found by the check that follows an unclean end; a healthy header says nothing about the rest."""
    (database.parent / "conversations-writers" / "1-2-3.writer").touch()


def test_a_folder_in_the_files_place_is_kept_aside_as_well(database: Path) -> None:
    with_backup(database)
    database.unlink()
    (database / "inside").mkdir(parents=True)
    store = ConversationStore(database)
    assert [message.content for message in store.load_messages("c")] == ["in the backup"]
    (aside,) = database.parent.glob("corrupt-*.db")
    assert (aside / "inside").is_dir()
    assert str(aside) in store.notices[0]
    store.close()


def test_pages_overwritten_in_the_middle_are_found_after_an_unclean_end(database: Path) -> None:
    with_backup(database)
    content = bytearray(database.read_bytes())
    for start in range(4096, len(content), 4096):
        content[start : start + 64] = b"\xaa" * 64
    database.write_bytes(content)
    left_by_a_crash(database)
    store = ConversationStore(database)
    store.close()
    assert len(store.notices) == 1


def test_a_damaged_backup_is_passed_over(database: Path) -> None:
    with_backup(database)
    (backup,) = (database.parent / "conversations-backups").iterdir()
    backup.with_name("2099-01-01_00-00-00_daily.db").write_bytes(b"garbage" * 1000)
    backup.with_name("2098-01-01_00-00-00_daily.db").write_bytes(b"")
    database.write_bytes(b"garbage" * 1000)
    store = ConversationStore(database)
    contents = [message.content for message in store.load_messages("c")]
    store.close()
    assert contents == ["in the backup"]


def test_without_any_backup_hearth_opens_empty_and_says_so(database: Path) -> None:
    database.parent.mkdir()
    database.write_bytes(b"garbage" * 1000)
    store = ConversationStore(database)
    assert store.list_conversations() == []
    store.close()
    assert "no backup yet" in store.notices[0]
    assert len(list(database.parent.glob("corrupt-*.db"))) == 1


def test_a_journal_that_belongs_to_the_damaged_file_does_not_meet_the_backup(database: Path) -> None:
    with_backup(database)
    kill_while_writing(database, 0.05)
    journal = database.with_name(database.name + "-wal").read_bytes()
    assert journal
    os.truncate(database, 0)
    store = ConversationStore(database)
    assert [message.id for message in store.load_messages("c")] == ["old"]
    assert store._database.is_sound()
    store.close()
    (kept,) = database.parent.glob("corrupt-*.db-wal")
    assert kept.read_bytes() == journal


def test_an_emptied_file_without_a_backup_does_not_cost_its_journal(database: Path) -> None:
    kill_while_writing(database, 0.05)
    os.truncate(database, 0)
    ConversationStore(database).close()
    (kept,) = database.parent.glob("corrupt-*.db-wal")
    assert kept.stat().st_size


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"can't mount a small disk here: {mounted.stderr.strip()}")
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)


@NEEDS_LINUX_ROOT
def test_a_full_disk_loses_nothing_and_the_answer_is_saved_when_there_is_space(small_disk: Path) -> None:
    path = small_disk / "conversations.db"
    kept: list[str] = []
    thread = StoreThread(path)
    thread.submit(lambda store: store.save_conversation(a_conversation())).result()
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"x" * 400_000)

    def fill(store: ConversationStore) -> None:
        for number in range(1000):
            store.save_message(a_message(f"m{number}", None, number, content="x" * 2000))
            kept.append(f"m{number}")

    with pytest.raises(DiskFull, match="full"):
        thread.submit(fill).result()
    told: list[StoreError] = []
    tried_again, recovered = threading.Event(), threading.Event()

    def tell(error: StoreError) -> None:
        told.append(error)
        if len(told) == 3:
            tried_again.set()

    saver = AnswerSaver(thread, tell, recovered.set, retry_seconds=0.05)
    answer = saver.finish(a_message("answer", None, 5000, content="y" * 100_000))
    assert tried_again.wait(30)
    assert not recovered.is_set()
    assert isinstance(saver.last_error, DiskFull)
    assert len(thread.submit(lambda store: store.load_messages("c")).result()) == len(kept)  # reading goes on
    ballast.unlink()
    answer.result(30)
    assert thread.close(30)
    assert recovered.is_set()
    assert set(stored(path)) == {*kept, "answer"}


@NEEDS_LINUX_ROOT
def test_opening_on_a_full_disk_is_one_sentence(small_disk: Path) -> None:
    (small_disk / "ballast").write_bytes(b"x" * 1_048_576)
    with pytest.raises(StoreError) as caught:
        ConversationStore(small_disk / "data" / "conversations.db")
    assert caught.value.hint


@NEEDS_LINUX_ROOT
def test_opening_existing_conversations_on_a_full_disk_names_the_reason_and_works_again_later(small_disk: Path) -> None:
    path = small_disk / "conversations.db"
    store = ConversationStore(path)
    store.save_turn(a_conversation(), [a_message()])
    store.close()
    before = path.read_bytes()
    (small_disk / "ballast").write_bytes(b"x" * shutil.disk_usage(small_disk).free)
    with pytest.raises(DiskFull):
        ConversationStore(path)
    assert path.read_bytes() == before
    (small_disk / "ballast").unlink()
    assert set(stored(path)) == {"m"}


@NEEDS_LINUX_ROOT
def test_a_folder_of_somebody_else_is_one_sentence_with_the_path(small_disk: Path) -> None:
    path = small_disk / "data" / "conversations.db"
    ConversationStore(path).close()
    script = (
        "import os, sys; from pathlib import Path; from app.conversations.store import ConversationStore\n"
        "from app.conversations.errors import StoreReadOnly\n"
        "os.setuid(65534)\n"  # only now: another user might not be allowed to read the modules
        "store = ConversationStore(Path(sys.argv[1]))\n"
        "print(*store.notices)\n"
        "try: store.find_or_create('mine')\n"
        "except StoreReadOnly as error: print(error.sentence())"
    )
    result = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True)
    lines = result.stdout.splitlines()
    assert len(lines) == 2, result.stderr
    for line in lines:
        assert str(path.parent) in line
        assert "HEARTH_HOME" in line


def strace(path: Path, *options: str) -> list[str]:
    """Run the writer under strace with a fault injected, and return its lines."""
    if why_not():
        pytest.skip(why_not())
    command = ["strace", "-f", "-qq", "-o", os.devnull, *options, *WRITER, str(path), "0", "150"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=240)
    return result.stdout.splitlines()


@pytest.mark.parametrize("write", [1, 7, 40, 77, 150, 333])
def test_a_kill_at_any_write_to_the_disk_loses_nothing_acknowledged(database: Path, write: int) -> None:
    lines = strace(database, "-e", "trace=pwrite64", "-e", f"inject=pwrite64:signal=KILL:when={write}")
    kept = stored(database)
    assert acknowledged(lines) <= set(kept)
    assert len(set(kept) - acknowledged(lines) - {"m-1"}) <= 1


@pytest.mark.parametrize(
    ("fault", "call", "expected"),
    [
        ("inject=pwrite64:error=ENOSPC", 60, "DiskFull"),
        ("inject=fdatasync,fsync:error=EIO", 12, "StorageFailed"),
        ("inject=pwrite64:error=EIO", 60, "StorageFailed"),
    ],
)
def test_a_failing_disk_is_told_and_loses_nothing_acknowledged(
    database: Path, fault: str, call: int, expected: str
) -> None:
    lines = strace(database, "-e", "trace=pwrite64,fdatasync,fsync", "-e", f"{fault}:when={call}+")
    assert lines[-1].startswith(f"{expected}: ")
    kept = stored(database)
    assert acknowledged(lines) <= set(kept)
    assert len(set(kept) - acknowledged(lines) - {"m-1"}) <= 1
    # Each was written and brought to the disk by calls of its own, or a power cut would take it.
    assert len(acknowledged(lines)) < call


def test_a_migration_killed_at_any_step_is_done_by_the_next_start(database: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from app.conversations.store import ConversationStore\n"
        "from app.conversations.migrations import MIGRATIONS\n"
        "more = [f'ALTER TABLE conversations ADD COLUMN {name} TEXT' for name in 'ab']\n"
        "ConversationStore(Path(sys.argv[1]), migrations=(*MIGRATIONS, *more)).close()\n"
        "print('done')"
    )
    for delay in (0.0, 0.01, 0.02, 0.04):
        with_backup(database)
        process = subprocess.Popen([sys.executable, "-c", script, str(database)], stdout=subprocess.PIPE, text=True)
        while not list(database.parent.glob("*-backups/*before-format*")) and process.poll() is None:
            time.sleep(0.001)
        time.sleep(delay)
        process.kill()
        process.communicate()
        again = subprocess.run([sys.executable, "-c", script, str(database)], capture_output=True, text=True)
        assert again.stdout == "done\n", again.stderr
        check = Database(database, read_only=True)
        assert check.number("PRAGMA user_version") == len(MIGRATIONS) + 2
        assert check.number("SELECT count(a IS NULL AND b IS NULL) FROM conversations") == 1
        check.close()
        shutil.rmtree(database.parent)
