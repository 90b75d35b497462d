"""Which files are offered to be imported: all that the readers know, and nothing that only looks a little like it."""

import json
import os
import zipfile
from pathlib import Path

import pytest

from app.conversations.exchange.document import FORMAT
from app.conversations.exchange.recognising import may_be_export
from tests.app.conversations.exchange import foreign

_KNOWN = {
    "Hearth": {"format": FORMAT, "version": 1, "conversations": []},
    "ChatGPT": foreign.chatgpt(),
    "LM Studio": foreign.lm_studio(),
    "Open WebUI": foreign.open_webui(),
    "Jan": foreign.jan_thread(),
}


@pytest.mark.parametrize("program", _KNOWN)
@pytest.mark.parametrize("indent", [None, 4])
def test_each_program_is_known(program: str, indent: int | None, tmp_path: Path) -> None:
    path = tmp_path / "export.json"
    path.write_text(json.dumps(_KNOWN[program], indent=indent), encoding="utf-8-sig")
    assert may_be_export(path)


def test_chatgpts_page_is_known_and_other_pages_are_not(tmp_path: Path) -> None:
    (tmp_path / "chat.html").write_text(f"<html><script>var jsonData = {json.dumps(foreign.chatgpt())};</script>")
    (tmp_path / "list.html").write_text("<html><script>var jsonData = [1, 2];</script>")
    (tmp_path / "page.html").write_text('<html>"mapping": {}</html>')
    assert [path.name for path in sorted(tmp_path.iterdir()) if may_be_export(path)] == ["chat.html"]


def test_an_archive_is_known_by_what_it_holds(tmp_path: Path) -> None:
    for name, held in (("export.zip", "sub/conversations.json"), ("code.zip", "package.json")):
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr(held, "[]")
    assert may_be_export(tmp_path / "export.zip")
    assert not may_be_export(tmp_path / "code.zip")
    (tmp_path / "cut.zip").write_bytes((tmp_path / "export.zip").read_bytes()[:40])
    assert not may_be_export(tmp_path / "cut.zip")


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "mapping: {",
        '{"name": "hearth", "version": 2}',
        "[1, 2, 3]",
        "\0" * 99,
        'It says "mapping": {} in there.',
    ],
)
def test_other_files_are_attached_without_a_question(content: str, tmp_path: Path) -> None:
    path = tmp_path / "data.json"
    path.write_text(content)
    assert not may_be_export(path)


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.json")
    assert not may_be_export(tmp_path / "pipe.json")
    assert not may_be_export(tmp_path)
    assert not may_be_export(tmp_path / "gone.json")
