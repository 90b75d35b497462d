import logging
import platform
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.excepthook import ExceptionHooks, report_text, scrubbed, start_logging, versions

TOKEN = "hf_" + "aB3" * 11


def failure(text: str = "it broke") -> Exception:
    try:
        raise ValueError(text)
    except ValueError as error:
        return error


@pytest.fixture
def reports() -> Iterator[list[str]]:
    told: list[str] = []
    hooks = ExceptionHooks(told.append)
    yield told
    hooks.remove()


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("/home/ann/chat.db", "~/chat.db"),
        ("'/home/anna/chat.db'", "'~/chat.db'"),
        ("/Users/bob/Library", "~/Library"),
        ("C:\\Users\\Eve\\x.py", "~\\x.py"),
        ("'C:\\\\Users\\\\Eve\\\\x.py'", "'~\\\\x.py'"),
        (f"Authorization: Bearer {TOKEN}.", "Authorization: Bearer hf_…."),
        ("hf_hub_download failed", "hf_hub_download failed"),
        ("/usr/lib/python3", "/usr/lib/python3"),
    ],
)
def test_nothing_about_the_person_is_left(text: str, clean: str) -> None:
    assert scrubbed(text, Path("/home/ann")) == clean


def test_an_unusual_home_is_found_and_the_root_is_none() -> None:
    assert scrubbed("/data/people/ann/x /data/people/anna/x", Path("/data/people/ann")) == "~/x /data/people/anna/x"
    assert scrubbed("/etc/hosts", Path("/")) == "/etc/hosts"


def test_a_report_has_versions_and_the_traceback() -> None:
    report = report_text(failure(f"no {TOKEN} in {Path.home()}/x"), "thread store")
    assert f"Python {versions()['Python']}" in report
    assert "apsw" in report
    assert "thread store" in report
    assert "ValueError: no hf_… in ~/x" in report
    assert "test_excepthook" in report


def test_a_kernel_that_was_built_here_is_told_by_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.release", lambda: "6.12.3-annas-laptop")
    report = report_text(failure("bug"), "")
    assert f"system {platform.system()} 6.12.3\n" in report
    assert "anna" not in report


def test_uncaught_exceptions_are_reported(reports: list[str]) -> None:
    error = failure("in the window")
    sys.excepthook(type(error), error, error.__traceback__)
    assert len(reports) == 1
    assert "in the window" in reports[0]


def test_exceptions_of_threads_are_reported_with_the_threads_name(reports: list[str]) -> None:
    def work() -> None:
        raise RuntimeError("in a thread")

    thread = threading.Thread(target=work, name="worker-7")
    thread.start()
    thread.join()
    assert "in a thread" in reports[0]
    assert "worker-7" in reports[0]


def test_exceptions_where_none_can_be_raised_are_reported(reports: list[str]) -> None:
    class Broken:
        def __del__(self) -> None:
            raise OSError("in a finaliser")

    Broken()
    assert "in a finaliser" in reports[0]


def test_the_same_bug_in_a_timer_is_told_once(reports: list[str]) -> None:
    error = failure()
    for _ in range(50):
        sys.excepthook(type(error), error, error.__traceback__)
    assert len(reports) == 1


def test_an_interrupt_is_no_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    passed_on, reports = [], []
    monkeypatch.setattr(sys, "excepthook", lambda *arguments: passed_on.append(arguments))
    hooks = ExceptionHooks(reports.append)
    interrupt = (KeyboardInterrupt, KeyboardInterrupt(), None)
    sys.excepthook(*interrupt)
    hooks.remove()
    assert (passed_on, reports) == ([interrupt], [])


def test_a_report_that_cannot_be_shown_ends_there() -> None:
    hooks = ExceptionHooks(lambda report: 1 // 0)
    try:
        error = failure()
        sys.excepthook(type(error), error, error.__traceback__)
    finally:
        hooks.remove()


def test_removing_puts_the_hooks_back() -> None:
    before = (sys.excepthook, threading.excepthook, sys.unraisablehook)
    ExceptionHooks().remove()
    assert (sys.excepthook, threading.excepthook, sys.unraisablehook) == before


@pytest.fixture
def stop_after() -> Iterator[Callable[[Callable[[], None]], None]]:
    stops: list[Callable[[], None]] = []
    yield stops.append
    for stop in stops:
        stop()


def test_the_log_goes_to_a_file_without_tokens_and_names(tmp_path: Path, stop_after) -> None:
    stop_after(start_logging(tmp_path / "logs" / "hearth.log"))
    logging.getLogger("app.somewhere").info("at %s with %s \ud800", Path.home() / "x", TOKEN)
    text = (tmp_path / "logs" / "hearth.log").read_text()
    assert "at ~/x with hf_… " in text
    assert "app.somewhere" in text


def test_the_log_stays_small(tmp_path: Path, stop_after) -> None:
    stop_after(start_logging(tmp_path / "hearth.log"))
    for _ in range(50):
        logging.getLogger("app").info("x" * 100_000)
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 3_100_000


def test_without_a_writable_folder_the_log_goes_to_stderr(
    tmp_path: Path, stop_after, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    stop_after(start_logging(tmp_path / "file" / "hearth.log"))
    logging.getLogger("app").warning("heard")
    assert "heard" in capsys.readouterr().err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a file that is always full")
def test_a_log_on_a_full_disk_fails_without_a_word(capsys: pytest.CaptureFixture[str]) -> None:
    """What has to be saved there tells that the disk is full, in one sentence."""
    stop = start_logging(Path("/dev/full"))
    logging.getLogger("app").warning("x" * 100_000)
    stop()
    assert capsys.readouterr().err == ""
