import getpass
import os
import socket
from email.message import Message
from pathlib import Path

import pytest

from app.paths import Paths
from app.problem_report import issue_page, problem_report, safe
from engine.api.hardware import Gpu, Hardware

CANARIES = (
    "hf_" + "aB3" * 11,
    "sk-proj-1234567890abcdef",
    "ghp_1234567890abcdefgh",
    "swordfish",
    "ann.secret@example.org",
    "geheim",
    "private-novel",
)
LOG = f"""2026-01-01 INFO hearth: opened {{home}}/private-novel/conversations.db
2026-01-01 WARNING hub: Authorization: Bearer {CANARIES[1]} refused, token={CANARIES[0]}
2026-01-01 WARNING hub: proxy http://ann:swordfish@proxy.example:8080 password='swordfish'
2026-01-01 ERROR engine: can't read /mnt/geheim/private-novel.gguf and D:\\geheim\\private-novel.gguf
2026-01-01 ERROR engine: "~/private-novel/x" {CANARIES[2]} mail to ann.secret@example.org
  File "/opt/venv/lib/python3.11/site-packages/torch/nn/modules/module.py", line 12, in forward
  File "/srv/geheim/hearth/app/main.py", line 3, in run
"""


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Paths:
    monkeypatch.setenv("HEARTH_HOME", str(tmp_path))
    found = Paths(tmp_path / "data", tmp_path / "config", tmp_path / "cache", tmp_path / "logs")
    found.logs.mkdir()
    for log in (found.app_log, found.engine_log):
        log.write_text(LOG.format(home=tmp_path))
    return found


def test_no_path_no_token_no_name_is_in_a_report(paths: Paths, tmp_path: Path) -> None:
    report = problem_report(paths, details=LOG.format(home=Path.home()))
    for canary in (*CANARIES, str(tmp_path), tmp_path.name, str(Path.home()) + "/"):
        assert canary not in report, canary
    for name in (socket.gethostname(), getpass.getuser()):
        if len(name) > 2 and name != "root":
            assert name not in report


def test_what_helps_is_in_it(paths: Paths) -> None:
    gib = 2**30
    card = Gpu(0, "Fast Card", (9, 0), 80 * gib, 70 * gib, True)
    hardware = Hardware("Linux", "Some CPU", 8, (), 32 * gib, 20 * gib, gib, (card,), driver="570.1")
    report = problem_report(paths, hardware, "ValueError: it broke")
    for words in ("PySide6", "Some CPU, 8 cores", "20.0 free of 32.0", "Fast Card, 70.0 free", "570.1", "it broke"):
        assert words in report
    assert "site-packages/torch/nn/modules/module.py" in report
    assert 'File "…/app/main.py"' in report
    assert "line 12, in forward" in report


@pytest.mark.parametrize(
    ("line", "clean"),
    [
        ("GET https://huggingface.co/api/models 200", "GET https://huggingface.co/api/models 200"),
        ("reading 3/7 at 1.2 GB/s, and/or not", "reading 3/7 at 1.2 GB/s, and/or not"),
        ("moved /data/x/y to /data/z", "moved … to …"),
        ("moved 'C:\\data\\x y' now", "moved '…' now"),
        ("token: abcdef", "token: …"),
        ("12 tokens per second", "12 tokens per second"),
        ("read 40 tokens of 80", "read 40 tokens of 80"),
    ],
)
def test_lines(line: str, clean: str) -> None:
    assert safe(line) == clean


def test_logs_that_are_no_files_or_are_gone_are_left_out(paths: Paths) -> None:
    paths.app_log.unlink()
    os.mkfifo(paths.app_log)
    paths.engine_log.unlink()
    report = problem_report(paths)
    assert "log" not in report
    assert report.startswith("## Versions")


def test_only_the_end_of_a_long_log_is_read(paths: Paths) -> None:
    paths.app_log.write_text("".join(f"line {number}\n" for number in range(200_000)))
    report = problem_report(paths)
    assert "line 199999" in report
    assert "line 199000" not in report


@pytest.mark.parametrize(
    ("addresses", "page"),
    [
        (["Homepage, https://example.org", "Issues, https://example.org/issues"], "https://example.org/issues"),
        (["Bug-Tracker, https://example.org/bugs?a=1,2"], "https://example.org/bugs?a=1,2"),
        (["issue tracker,https://example.org/i"], "https://example.org/i"),
        (["Issues, file:///etc/passwd"], ""),
        (["Issues"], ""),
        (["Homepage, https://example.org"], ""),
        (None, ""),
    ],
)
def test_the_page_for_problems_is_the_one_that_the_package_names(
    addresses: list[str] | None, page: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A label counts by PEP 753, so whoever packages Hearth sets one line of pyproject.toml."""
    found = Message()
    for each in addresses or []:
        found["Project-URL"] = each
    monkeypatch.setattr("importlib.metadata.metadata", lambda _name: found)
    assert issue_page() == page
