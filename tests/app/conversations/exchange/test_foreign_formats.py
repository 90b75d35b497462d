"""Files of other programs become conversations with their branches, dates, models and the branch that was shown."""

import json
import zipfile
from pathlib import Path

import pytest

from app.conversations.exchange.document import ConversationDocument
from app.conversations.exchange.errors import ExchangeError
from app.conversations.exchange.found import Source
from app.conversations.exchange.reading import Parsed, Unreadable, read_path
from app.conversations.records import Message
from app.conversations.tree import ConversationTree
from tests.app.conversations.exchange import foreign


def parsed(path: Path) -> list[Parsed]:
    return [item for item in read_path(path) if isinstance(item, Parsed)]


def written(path: Path, value: object) -> Path:
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def one(path: Path, source: Source) -> ConversationDocument:
    (item,) = parsed(path)
    assert item.source is source
    return item.document


def shown(document: ConversationDocument) -> list[Message]:
    return ConversationTree(document.messages).branch(document.conversation.active_leaf_id)


@pytest.mark.parametrize("name", ["conversations.json", "anything.txt"])
def test_chatgpt(tmp_path: Path, name: str) -> None:
    document = one(written(tmp_path / name, foreign.chatgpt()), Source.CHATGPT)
    conversation = document.conversation
    assert (conversation.title, conversation.created_at, conversation.updated_at) == ("Sky", 1700000000, 1700000500)
    assert [message.content for message in shown(document)] == [
        "Why is the sky blue?",
        "Rayleigh: $\\lambda^{-4}$.",
        "Show it.",
        "<think>\nPlan\n\nPlot it.\n</think>\n\n```python\nprint(1)\n```\n\nThere it is.",
    ]
    tree = ConversationTree(document.messages)
    answers = tree.siblings(shown(document)[1].id)
    assert [(answer.content, answer.model) for answer in answers] == [
        ("Because of scattering.", "gpt-4o"),
        ("Rayleigh: $\\lambda^{-4}$.", "o3"),
    ]
    assert len(document.messages) == 5


def test_chatgpt_in_its_archive(tmp_path: Path) -> None:
    archive = tmp_path / "export.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as files:
        files.writestr("user.json", '{"email": "a@b"}')
        files.writestr("conversations.json", json.dumps(foreign.chatgpt()))
        files.writestr("chat.html", "<html>")
    assert one(archive, Source.CHATGPT).conversation.title == "Sky"


def test_chatgpt_with_a_hidden_last_node_shows_what_is_above(tmp_path: Path) -> None:
    conversations = foreign.chatgpt()
    conversations[0]["current_node"] = "r"
    document = one(written(tmp_path / "c.json", conversations), Source.CHATGPT)
    assert shown(document)[-1].content.endswith("There it is.")


def test_lm_studio(tmp_path: Path) -> None:
    document = one(written(tmp_path / "1.conversation.json", foreign.lm_studio()), Source.LM_STUDIO)
    assert document.conversation.system_prompt == "Be kind."
    assert document.conversation.is_pinned
    assert document.conversation.created_at == pytest.approx(1736789912.98)
    assert [message.content for message in shown(document)] == ["Hi", "<think>\nHm.\n</think>\n\nHello!", "Bye"]
    versions = ConversationTree(document.messages).siblings(shown(document)[1].id)
    assert [version.content for version in versions] == ["Hello!", "<think>\nHm.\n</think>\n\nHello!"]
    assert shown(document)[1].model == "qwen3-8b"


def test_open_webui(tmp_path: Path) -> None:
    document = one(written(tmp_path / "chat-export.json", foreign.open_webui()), Source.OPEN_WEBUI)
    question, answer = shown(document)
    assert (question.content, answer.content, answer.model) == ("2+2?", "5", "m1")
    assert [(each.name, each.text) for each in question.attachments] == [("n.txt", "abc")]
    assert ConversationTree(document.messages).siblings(answer.id)[1].content == ("<think>\ntwo and two\n</think>\n\n4")
    assert document.conversation.system_prompt == "Short."


@pytest.mark.parametrize("chosen", ["thread.json", "messages.jsonl", "", "zip"])
def test_jan(tmp_path: Path, chosen: str) -> None:
    folder = tmp_path / "threads" / "th1"
    folder.mkdir(parents=True)
    written(folder / "thread.json", foreign.jan_thread())
    (folder / "messages.jsonl").write_text("\n".join(json.dumps(each) for each in foreign.jan_messages()) + "\n")
    path = folder / chosen if chosen else tmp_path
    if chosen == "zip":
        path = tmp_path / "jan.zip"
        with zipfile.ZipFile(path, "w") as files:
            for each in sorted(folder.iterdir()):
                files.write(each, f"threads/th1/{each.name}")
    document = one(path, Source.JAN)
    assert (document.conversation.title, document.conversation.system_prompt) == ("Trip", "Help.")
    assert [(message.content, message.model) for message in shown(document)] == [
        ("Where to?", ""),
        ("Rome.", "llama3"),
    ]
    assert document.conversation.created_at == 1700000000


def test_the_same_file_gives_the_same_ids(tmp_path: Path) -> None:
    path = written(tmp_path / "c.json", foreign.chatgpt())
    assert one(path, Source.CHATGPT) == one(path, Source.CHATGPT)


def test_circles_missing_parents_and_duplicates_lose_no_text(tmp_path: Path) -> None:
    nodes = dict(
        [
            foreign.chatgpt_node("a", "b", "user", "one"),
            foreign.chatgpt_node("b", "a", "assistant", "two"),
            foreign.chatgpt_node("c", "nobody", "user", "three"),
            foreign.chatgpt_node("d", "d", "user", "four"),
        ]
    )
    document = one(written(tmp_path / "c.json", [{"mapping": nodes, "current_node": "x"}]), Source.CHATGPT)
    assert sorted(message.content for message in document.messages) == ["four", "one", "three", "two"]
    tree = ConversationTree(document.messages)
    assert all(message.parent_id is None or message.parent_id in tree for message in document.messages)
    assert document.conversation.active_leaf_id in tree


def test_a_long_thin_conversation_takes_no_recursion_and_little_time(tmp_path: Path) -> None:
    names = [f"n{place}" for place in range(50_000)]
    nodes = dict(
        foreign.chatgpt_node(name, names[place - 1] if place else None, "assistant", "word")
        for place, name in enumerate(names)
    )
    document = one(written(tmp_path / "c.json", [{"mapping": nodes}]), Source.CHATGPT)
    assert len(document.messages) == 1
    assert document.messages[0].content.count("word") == 50_000


def test_too_many_messages_are_one_unreadable_conversation(tmp_path: Path) -> None:
    nodes = {str(place): {"message": None} for place in range(100_001)}
    good = foreign.chatgpt()
    items = list(read_path(written(tmp_path / "c.json", [{"mapping": nodes}, *good])))
    assert isinstance(items[0], Unreadable)
    assert isinstance(items[1], Parsed)


def test_a_conversation_that_is_too_long_is_unreadable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.conversations.exchange.found.MOST_CHARACTERS", 20)
    assert [type(item) for item in read_path(written(tmp_path / "c.json", foreign.chatgpt()))] == [Unreadable]


def test_half_a_character_and_strange_numbers(tmp_path: Path) -> None:
    text = json.dumps(foreign.chatgpt()).replace("Why is the sky blue?", "cut \\ud83d").replace("1700000500.0", "NaN")
    (tmp_path / "c.json").write_text(text)
    document = one(tmp_path / "c.json", Source.CHATGPT)
    assert shown(document)[0].content == "cut \ufffd"
    assert document.conversation.updated_at > 0


@pytest.mark.parametrize(
    "content",
    [b"", b"hello", b"{}", b"[]", b"[1, 2]", b"{", b"[" * 100_000, b'{"a":' * 100_000, b"\xff\xfe\x00", b"PK\x03\x04",
     b'{"format": "hearth-conversations", "version": 99, "conversations": []}', b'{"format": "hearth-conversations"}'],
)  # fmt: skip
def test_what_is_no_export_is_refused_with_a_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file.json").write_bytes(content)
    with pytest.raises(ExchangeError) as caught:
        list(read_path(tmp_path / "file.json"))
    assert caught.value.sentence().endswith(".")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExchangeError, match=r"gone\.json can't be read"):
        list(read_path(tmp_path / "gone.json"))


def test_an_archive_that_unpacks_to_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.conversations.exchange.reading.LARGEST_FILE_BYTES", 2**20)
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as files:
        files.writestr("conversations.json", b"[" + b" " * (4 * 2**20) + b"]")
    assert (tmp_path / "bomb.zip").stat().st_size < 10_000
    with pytest.raises(ExchangeError, match="500 MB"):
        list(read_path(tmp_path / "bomb.zip"))


def test_a_file_that_is_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.conversations.exchange.reading.LARGEST_FILE_BYTES", 100)
    with pytest.raises(ExchangeError, match="500 MB"):
        list(read_path(written(tmp_path / "c.json", foreign.chatgpt())))
