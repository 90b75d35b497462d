"""What is exported, and that a file is either whole or not there."""

import json
import math
import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from app.conversations.attachment import Attachment
from app.conversations.errors import StoreError, StoreReadOnly
from app.conversations.exchange.document import document_of
from app.conversations.exchange.errors import ExchangeError
from app.conversations.exchange.exporting import ExportJob
from app.conversations.exchange.file_names import file_name
from app.conversations.exchange.intake import add_folder
from app.conversations.exchange.markdown import markdown_of
from app.conversations.exchange.writing import AtomicFile, DocumentWriter, JsonWriter, MarkdownWriter
from app.conversations.records import Folder, Message, MessageState, new_id
from app.conversations.store import ConversationStore
from app.rendering.thinking import split_thinking
from engine.api.message import Role
from tests.app.conversations.samples import a_conversation, a_message


def export(
    store: ConversationStore, path: Path, ids: Sequence[str] | None = None, writer: DocumentWriter | None = None
) -> str:
    job = ExportJob(lambda: AtomicFile(path), writer or JsonWriter(), ids)
    while not job.is_finished:
        job.step(store)
    return path.read_text(encoding="utf-8")


def test_deleted_and_private_ones_stay_out(store: ConversationStore, tmp_path: Path) -> None:
    store.save_conversation(a_conversation("kept", title="Kept"))
    store.save_conversation(a_conversation("gone", title="Gone"))
    store.save_conversation(a_conversation("secret", title="Secret", is_private=True))
    store.delete_conversations(["gone"])
    text = export(store, tmp_path / "all.json")
    assert "Kept" in text
    assert "Gone" not in text
    assert "Secret" not in text
    assert "Secret" not in export(store, tmp_path / "some.json", ["kept", "secret"])
    alone = export(store, tmp_path / "one.json", ["secret"])
    assert "Secret" in alone
    assert '"is_private":false' in alone


def test_what_could_not_be_read_takes_no_earlier_exports_place(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "all.json").write_text("earlier")
    store = ConversationStore(tmp_path / "file" / "conversations.db")
    with pytest.raises(StoreReadOnly):
        export(store, tmp_path / "all.json")
    assert {each.name: each.read_text() for each in tmp_path.iterdir()} == {"file": "", "all.json": "earlier"}
    store.save_conversation(a_conversation("secret", title="Secret", is_private=True))
    assert "Secret" in export(store, tmp_path / "one.json", ["secret"])
    store.close()


def test_of_the_folders_only_those_of_what_is_wanted_are_named(store: ConversationStore, tmp_path: Path) -> None:
    for name in ("Recipes", "Diagnosis"):
        add_folder(store.database, Folder(id=name, name=name, created_at=1.0))
        store.save_conversation(a_conversation(f"in {name}", folder_id=name))
    text = export(store, tmp_path / "one.json", ["in Recipes"])
    assert "Recipes" in text
    assert "Diagnosis" not in text


def test_an_answer_that_is_being_written_is_interrupted_in_the_file(store: ConversationStore, tmp_path: Path) -> None:
    growing = a_message("a", role=Role.ASSISTANT, content="So far", state=MessageState.STREAMING)
    store.save_turn(a_conversation(active_leaf_id="a"), [growing])
    text = export(store, tmp_path / "one.json")
    assert "So far" in text
    assert '"state":"interrupted"' in text


def test_markdown(store: ConversationStore) -> None:
    attachment = Attachment(name="notes.txt", text="one\ntwo", size_bytes=7, note="Two pages are pictures.")
    messages = [
        a_message("q", content="What is $x^2$?", attachments=(attachment,)),
        a_message("old", "q", 2, role=Role.ASSISTANT, content="not shown"),
        a_message(
            "a", "q", 3, role=Role.ASSISTANT, content="<think>\nHm.\n</think>\n\n```c\nx*x\n```", model="org/tiny"
        ),
    ]
    conversation = a_conversation(title="A\n# title", active_leaf_id="a", system_prompt="Be\nkind.")
    text = "\n\n".join(markdown_of(document_of(conversation, messages), split_thinking))
    assert text.replace(text.split("\n")[2], "DATE") == (
        "# A # title\n\nDATE\n\n## System prompt\n\n> Be\n> kind.\n\n## You\n\n"
        "> **notes.txt**\n>\n> one\n> two\n>\n> Two pages are pictures.\n\nWhat is $x^2$?\n\n## tiny\n\n"
        "<details>\n<summary>Thinking</summary>\n\nHm.\n\n</details>\n\n```c\nx*x\n```"
    )


@pytest.mark.parametrize("content", ["Hm.", "Hm.</think>So"])
def test_thinking_that_the_template_began_is_told_as_that(content: str) -> None:
    messages = [
        a_message("q", content="Hi"),
        a_message("a", "q", 2, role=Role.ASSISTANT, content=content, model="tiny", opens_thinking=True),
    ]
    text = "\n\n".join(markdown_of(document_of(a_conversation(active_leaf_id="a"), messages), split_thinking))
    assert "<details>\n<summary>Thinking</summary>\n\nHm.\n\n</details>" in text


@pytest.mark.parametrize(
    "content",
    ["```py\nx", "a\n\n- b\n  ```py\n  x", "1. ```\n   x", "> ~~~~\n> ```\n> x", "````\n```", "```\n- ```\n``` no end",
     "<!-- open\n```", "<think>\n```py\nx\n</details>\n</think>\n\nSo", "<think>\n</DETAILS>\n```\n</think>\n~~~",
     "`<!--`", "``` a`b", "~~~\nx\n~~~\n```\nx\n```"],
)  # fmt: skip
def test_what_a_message_leaves_open_swallows_no_other(content: str) -> None:
    messages = [
        a_message("q", content="Hi"),
        a_message("a", "q", 2, role=Role.ASSISTANT, content=content, model="tiny"),
        a_message("p", "a", 3, content="x" if "think" in content else content),
        a_message("b", "p", 4, role=Role.ASSISTANT, content="End", model="tiny"),
    ]
    text = "\n\n".join(markdown_of(document_of(a_conversation(active_leaf_id="b"), messages), split_thinking))
    tokens = MarkdownIt("commonmark").parse(text)
    headings = [tokens[place + 1].content for place, token in enumerate(tokens) if token.type == "heading_open"]
    assert [each for each in headings if each in ("You", "tiny")] == ["You", "tiny", "You", "tiny"]
    html = [token.content.lower() for token in tokens if token.type == "html_block"]
    assert sum("<details" in each for each in html) == sum("</details" in each for each in html)


def test_markdown_of_several(store: ConversationStore, tmp_path: Path) -> None:
    for name in ("one", "two"):
        store.save_turn(a_conversation(name, title=name), [a_message(f"m{name}", conversation_id=name)])
    text = export(store, tmp_path / "all.md", None, MarkdownWriter(split_thinking))
    assert text.count("\n---\n") == 1
    assert text.startswith("# one\n")


def test_one_step_after_the_other_and_the_file_is_there_at_the_end(
    store: ConversationStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.conversations.exchange.exporting._STEP_SECONDS", 0.0)
    for number in range(5):
        store.save_turn(a_conversation(f"c{number}"), [a_message(f"{number}", conversation_id=f"c{number}")])
    path = tmp_path / "out" / "all.json"
    path.parent.mkdir()
    job = ExportJob(lambda: AtomicFile(path), JsonWriter(), None)
    steps = 0
    while not job.is_finished:
        assert not path.exists()
        job.step(store)
        steps += 1
    assert (steps, job.done, job.total) == (5, 5, 5)
    assert list(path.parent.iterdir()) == [path]


def test_one_that_is_deleted_for_good_meanwhile_is_left_out(
    store: ConversationStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.conversations.exchange.exporting._STEP_SECONDS", 0.0)
    for name in ("one", "two", "three"):
        store.save_conversation(a_conversation(name, title=name))
    job = ExportJob(lambda: AtomicFile(tmp_path / "all.json"), JsonWriter(), None)
    job.step(store)
    store.delete_conversations(["three"])
    store.purge_deleted(math.inf)
    while not job.is_finished:
        job.step(store)
    assert len(json.loads((tmp_path / "all.json").read_text())["conversations"]) == 2


def test_what_fails_in_the_store_leaves_nothing(
    store: ConversationStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load_messages(_conversation_id: str) -> list[Message]:
        raise StoreError("It is damaged.", "")

    store.save_conversation(a_conversation())
    monkeypatch.setattr(store, "load_messages", load_messages)
    folder = tmp_path / "out"
    folder.mkdir()
    with pytest.raises(StoreError):
        export(store, folder / "all.json")
    assert list(folder.iterdir()) == []


def test_cancelled_leaves_nothing_and_the_old_file(
    store: ConversationStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "out" / "all.json"
    path.parent.mkdir()
    path.write_text("old")
    job = ExportJob(lambda: AtomicFile(path), JsonWriter(), None)
    for _ in range(3):
        store.save_conversation(a_conversation(new_id()))
    monkeypatch.setattr("app.conversations.exchange.exporting._STEP_SECONDS", 0.0)
    job.step(store)
    assert len(list(path.parent.iterdir())) == 2
    job.cancel()
    job.step(store)
    job.step(store)
    assert not job.is_finished
    assert path.read_text() == "old"
    assert [each.name for each in path.parent.iterdir()] == ["all.json"]


def test_an_older_file_stays_until_the_new_one_is_on_the_disk(
    store: ConversationStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "all.json"
    path.write_text("old")
    synced = []
    monkeypatch.setattr(os, "fsync", lambda handle: synced.append((os.fstat(handle), path.read_text())))
    store.save_conversation(a_conversation())
    export(store, path)
    ((status, there),) = synced
    assert (status.st_ino, status.st_size) == (path.stat().st_ino, path.stat().st_size)
    assert there == "old"


def test_a_full_disk_is_a_sentence_and_leaves_nothing(store: ConversationStore, tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    signal = pytest.importorskip("signal")
    store.save_turn(a_conversation(), [a_message(content="x" * 3_000_000)])
    store.list_conversations()
    folder = tmp_path / "out"
    folder.mkdir()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, limits[1]))
    try:
        with pytest.raises(ExchangeError, match="could not be written"):
            export(store, folder / "all.json")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert list(folder.iterdir()) == []


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ExchangeError) as caught:
        AtomicFile(tmp_path / "gone" / "all.json")
    assert "gone" in caught.value.sentence()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
def test_a_device_or_a_folder_is_never_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(ExchangeError, match="no ordinary file"):
            AtomicFile(path)
    assert [each.name for each in tmp_path.iterdir() if each.suffix == ".part"] == []


def test_what_a_link_leads_to_is_replaced(store: ConversationStore, tmp_path: Path) -> None:
    (tmp_path / "real.json").write_text("old")
    (tmp_path / "link.json").symlink_to("real.json")
    export(store, tmp_path / "link.json")
    assert (tmp_path / "link.json").is_symlink()
    assert "hearth-conversations" in (tmp_path / "real.json").read_text()


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Tides", "Tides.md"),
        ("a/b\\c:d*e?f", "a b c d e f.md"),
        ("../../etc/passwd", "etc passwd.md"),
        ("\u202egnp.exe\n\0", "gnp.exe.md"),
        ("CON", "New conversation.md"),
        ("aux .txt", "New conversation.md"),
        ("com¹", "New conversation.md"),
        ("CONOUT$", "New conversation.md"),
        ("x" * 1_000_000, "x" * 120 + ".md"),
        ("...", "New conversation.md"),
        ("\U0001f600" * 100, "\U0001f600" * 30 + ".md"),
    ],
)
def test_names_of_files(title: str, name: str) -> None:
    assert file_name(title, ".md") == name
    assert os.sep not in name
