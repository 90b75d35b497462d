"""`hearth conversations` with the real store and the real reading process, told as a script and a person see it."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from app.conversations.exchange import exporting
from app.conversations.store import ConversationStore
from app.paths import locate
from app.terminal.output import Output
from engine.api.message import Role
from tests.app.conversations.exchange import foreign
from tests.app.conversations.samples import a_conversation, a_message
from tests.app.hearth_process import ROOT
from tests.app.terminal.conftest import Result

Run = Callable[..., Result]


@pytest.fixture
def kept() -> None:
    locate().make_folders()
    store = ConversationStore(locate().database)
    messages = [
        a_message("q", content="Ünsinn?"),
        a_message("a", "q", 2, role=Role.ASSISTANT, content="<think>\nHm.\n</think>\n\nYes.", model="tiny"),
    ]
    store.save_turn(a_conversation(title="Tides", name="notes", active_leaf_id="a"), messages)
    store.save_conversation(a_conversation("d", title="\x1b[31mRed", updated_at=9.0))
    store.close()


@pytest.mark.parametrize("arguments", [("conversations", "list"), ("ask", "Hello", "--conversation", "notes")])
def test_a_damaged_file_is_told(hearth: Run, arguments: tuple[str, ...]) -> None:
    locate().make_folders()
    locate().database.write_bytes(b"no database")
    result = hearth(*arguments)
    assert result.status == 0
    assert result.err.count("The file with your conversations was damaged") == 1


@pytest.mark.parametrize("action", [("list", "--json"), ("export",), ("import",)])
def test_conversations_that_can_not_be_read_are_not_told_as_none(
    hearth: Run, tmp_path: Path, action: tuple[str, ...]
) -> None:
    locate().make_folders()
    locate().database.symlink_to(tmp_path / "unplugged" / "conversations.db")
    earlier = tmp_path / "all.json"
    earlier.write_text("all of last week's")
    result = hearth("conversations", *action, *([] if action[0] == "list" else [str(earlier)]))
    assert (result.status, result.out) == (1, "")
    assert result.err.count("\n") == result.err.count(str(locate().data)) == 1
    assert earlier.read_text() == "all of last week's"


def test_an_empty_list_says_so(hearth: Run) -> None:
    result = hearth("conversations", "list")
    assert (result.status, result.out, result.err) == (0, "", "There are no conversations yet.\n")


@pytest.mark.usefixtures("kept")
def test_list(hearth: Run) -> None:
    first, second = hearth("conversations", "list").out.splitlines()
    assert first.endswith("[31mRed")
    assert "\x1b" not in first
    assert second.endswith("Tides  (notes)")
    listed = json.loads(hearth("conversations", "list", "--json").out)["conversations"]
    assert [each["title"] for each in listed] == ["\x1b[31mRed", "Tides"]


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize("name", ["notes", "Tides", "c"])
def test_one_as_markdown_to_stdout(hearth: Run, name: str) -> None:
    result = hearth("conversations", "export", "-", "--format", "markdown", "--conversation", name)
    assert result.status == 0
    assert result.out.startswith("# Tides\n")
    assert "Ünsinn?" in result.out
    assert "<summary>Thinking</summary>" in result.out
    assert result.err == ""


@pytest.mark.usefixtures("kept")
def test_out_and_in_again(hearth: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "all.json"
    assert hearth("conversations", "export", str(path)).err == f"Exported 2 conversations to {path}.\n"
    assert hearth("conversations", "import", str(path)).out == "Here already: 2 conversations.\n"
    monkeypatch.setenv("HEARTH_HOME", str(tmp_path / "another"))
    result = hearth("conversations", "import", str(path))
    assert (result.status, result.out) == (0, "Imported 2 conversations from Hearth.\n")
    again = tmp_path / "again.json"
    hearth("conversations", "export", str(again))
    assert again.read_bytes() == path.read_bytes()


@pytest.mark.usefixtures("kept")
def test_the_form_follows_the_files_name(hearth: Run, tmp_path: Path) -> None:
    hearth("conversations", "export", str(tmp_path / "all.md"))
    assert (tmp_path / "all.md").read_text(encoding="utf-8").count("\n# ") == 1


def test_a_bad_file_is_told_and_the_good_one_is_imported(hearth: Run, tmp_path: Path) -> None:
    (tmp_path / "good.json").write_text(json.dumps(foreign.open_webui()))
    (tmp_path / "bad.json").write_text("{}")
    result = hearth("conversations", "import", str(tmp_path / "bad.json"), str(tmp_path / "good.json"))
    assert result.status == 1
    assert result.out == "Imported 1 conversation from Open WebUI.\n"
    assert "no file with conversations" in result.err
    assert len(result.err.splitlines()) == 1


@pytest.mark.usefixtures("kept")
def test_what_can_not_be_done_is_one_sentence(hearth: Run, tmp_path: Path) -> None:
    result = hearth("conversations", "export", str(tmp_path / "gone" / "x.json"))
    assert (result.status, len(result.err.splitlines())) == (1, 1)
    result = hearth("conversations", "export", "-", "--conversation", "nobody")
    assert (result.status, result.out) == (1, "")
    assert "There is no conversation nobody." in result.err


def test_what_stdin_brings() -> None:
    command = [sys.executable, "-m", "app", "conversations", "import", "-"]
    content = json.dumps(foreign.chatgpt()).encode("utf-16")
    ended = subprocess.run(command, input=content, cwd=ROOT, capture_output=True, timeout=60, check=True)
    assert ended.stdout.decode().splitlines() == ["Imported 1 conversation from ChatGPT."]


def test_the_status_tells_that_something_could_not_be_read(hearth: Run, tmp_path: Path) -> None:
    (tmp_path / "cut.json").write_text(json.dumps([*foreign.chatgpt(), *foreign.chatgpt()])[:-9])
    result = hearth("conversations", "import", str(tmp_path / "cut.json"))
    assert result.status == 1
    assert result.out == "Imported 1 conversation from ChatGPT.\nFiles that could not be read to their end: 1.\n"


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="there is no such device")
def test_what_never_ends(hearth: Run) -> None:
    result = hearth("conversations", "import", "/dev/zero")
    assert result.status == 1
    assert "500 MB" in result.err


@pytest.mark.parametrize(
    "arguments",
    [("conversations",), ("conversations", "export"), ("conversations", "import"), ("conversations", "import", ""),
     ("conversations", "export", "")],
)  # fmt: skip
def test_wrong_usage(hearth: Run, arguments: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as caught:
        hearth(*arguments)
    assert caught.value.code == 2


@pytest.mark.usefixtures("kept")
def test_an_export_that_is_stopped_leaves_no_file(hearth: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    (tmp_path / "out").mkdir()
    hearth("ask", "Hello", "--conversation", "another")
    monkeypatch.setattr(exporting, "_STEP_SECONDS", 0.0)
    monkeypatch.setattr(Output, "phase", stop)
    assert hearth("conversations", "export", str(tmp_path / "out" / "all.json")).status == 130
    assert list((tmp_path / "out").iterdir()) == []
