"""Fault row 38: files that are made to harm, read through the real limited process; each ends soon, with a reason."""

import os
import subprocess
import sys
import threading
from pathlib import Path
from queue import SimpleQueue

import pytest

from app.attachments import limits, reading
from app.attachments.outcome import Extract, Outcome, Refusal, Trouble
from app.attachments.reading import read_file
from app.attachments.words import sentence
from tests.app.attachments import documents

UNIX = pytest.mark.skipif(sys.platform == "win32", reason="no such files on Windows")


def outcome_of(path: Path, seconds: float = limits.SECONDS) -> Outcome | None:
    return read_file(path, threading.Event(), seconds)


def test_a_document_comes_back_from_the_process(tmp_path: Path) -> None:
    path = tmp_path / "Grüße 世界 %s.docx"
    path.write_bytes(documents.docx())
    outcome = outcome_of(path)
    assert isinstance(outcome, Extract)
    assert "Ida | 41" in outcome.text


@UNIX
def test_what_is_no_file_never_hangs(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.txt")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "zero.txt").symlink_to("/dev/zero")
    assert outcome_of(tmp_path / "pipe.txt") == Refusal(Trouble.NO_FILE)
    assert outcome_of(tmp_path / "zero.txt") == Refusal(Trouble.NO_FILE)
    assert outcome_of(tmp_path / "loop") == Refusal(Trouble.LINK_LOOP)
    assert outcome_of(tmp_path) == Refusal(Trouble.FOLDER)


def test_a_file_that_vanished_and_a_name_that_can_be_none(tmp_path: Path) -> None:
    assert outcome_of(tmp_path / "gone.txt") == Refusal(Trouble.GONE)
    assert outcome_of(Path("a\0b")) == Refusal(Trouble.GONE)


def test_a_huge_file_is_refused_without_reading_it(tmp_path: Path) -> None:
    path = tmp_path / "huge.txt"
    with path.open("wb") as file:
        file.truncate(1_000_000_000)
    assert outcome_of(path) == Refusal(Trouble.TOO_BIG)


def test_a_zip_bomb_is_not_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "bomb.docx"
    path.write_bytes(documents.zip_bomb())
    assert outcome_of(path) == Refusal(Trouble.UNPACKS_TOO_FAR)


def test_no_entity_reaches_another_file(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("the secret")
    path = tmp_path / "xxe.docx"
    path.write_bytes(documents.docx_with_entity(secret))
    assert outcome_of(path) == Refusal(Trouble.UNSAFE)


def test_a_pdf_whose_pages_lead_in_a_circle_ends(tmp_path: Path) -> None:
    path = tmp_path / "loop.pdf"
    path.write_bytes(documents.pdf("Hello").replace(b"/Kids [5 0 R]", b"/Kids [2 0 R]"))
    assert isinstance(outcome_of(path), Refusal)


@pytest.mark.skipif(sys.platform != "linux", reason="the system bounds no memory")
def test_memory_is_limited() -> None:
    code = "from app.attachments.limits import limit_process; limit_process(); bytearray(600 << 20)"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert ended.returncode == 1
    assert "MemoryError" in ended.stderr


def test_deep_nesting_ends_with_a_reason(tmp_path: Path) -> None:
    path = tmp_path / "deep.docx"
    path.write_bytes(documents.docx("<w:tbl><w:tr><w:tc>" * 100_000))
    assert isinstance(outcome_of(path), Refusal)


def test_what_takes_too_long_is_ended(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("x")
    assert outcome_of(path, seconds=0.0) == Refusal(Trouble.TOO_SLOW)


def test_a_cancelled_reading_ends_with_its_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started = tmp_path / "started"
    code = f"import pathlib, time; pathlib.Path({str(started)!r}).touch(); time.sleep(600)"
    monkeypatch.setattr(reading, "reader_command", lambda path: [sys.executable, "-c", code])
    cancelled, outcomes = threading.Event(), SimpleQueue[Outcome | None]()
    reader = threading.Thread(
        target=lambda: outcomes.put(read_file(tmp_path / "a.txt", cancelled, seconds=3_600)), daemon=True
    )
    reader.start()
    while not started.exists() and reader.is_alive():
        reader.join(0.02)
    cancelled.set()
    assert outcomes.get(timeout=60) is None
    reader.join()


@pytest.mark.parametrize("trouble", Trouble)
def test_every_trouble_has_a_sentence(trouble: Trouble) -> None:
    words = sentence(trouble, "a {name} <b>.txt")
    assert words.startswith("a {name} <b>.txt ")
    assert words.endswith(".")
