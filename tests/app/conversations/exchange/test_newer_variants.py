"""What newer versions of the other programs write, and what comes of their files when they are damaged."""

import json
import random
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.conversations.exchange.errors import ExchangeError
from app.conversations.exchange.found import Source
from app.conversations.exchange.lenient import time_of
from app.conversations.exchange.reading import Parsed, Unreadable, read_path
from app.conversations.tree import ConversationTree
from tests.app.conversations.exchange import foreign
from tests.app.conversations.exchange.test_foreign_formats import one, parsed, shown, written

Json = dict[str, Any]
CITED = "\ue200cite\ue202turn0search0\ue201"
OTHER = "\ue200navlist\ue202turn1news2\ue201"
node = foreign.chatgpt_node


def chatgpt(*nodes: tuple[str, Json], **more: object) -> list[Json]:
    return [{"title": None, "conversation_id": "c1", "mapping": dict(nodes), **more}]


def told(path: Path) -> tuple[list[Parsed], int]:
    """Return what is found, and how many conversations are told to be unreadable."""
    items = list(read_path(path))
    found = [item for item in items if isinstance(item, Parsed)]
    return found, sum(isinstance(item, Unreadable) for item in items)


def contents(path: Path, source: Source) -> list[str]:
    return [message.content for message in shown(one(path, source))]


def test_chatgpt_names_its_model_once_and_hides_what_it_knows_about_the_person(tmp_path: Path) -> None:
    profile = {"content_type": "user_editable_context", "user_profile": "SECRET", "user_instructions": "SECRET"}
    value = chatgpt(
        node("root", None, "system", weight=0.0),
        node("p", "root", "user", content=profile),
        node("q", "p", "user", "Hi", metadata=None),
        node("a", "q", "assistant", "Ho", metadata={}),
        current_node="a",
        default_model_slug="gpt-5-thinking",
    )
    question, answer = shown(one(written(tmp_path / "conversations-000.json", value), Source.CHATGPT))
    assert (question.content, question.model, question.parent_id) == ("Hi", "", None)
    assert (answer.content, answer.model) == ("Ho", "gpt-5-thinking")


def test_chatgpt_without_the_links_to_the_parents(tmp_path: Path) -> None:
    nodes = [node("r", None, "system"), node("q", None, "user", "Hi"), node("a", "gone", "assistant", "Ho")]
    nodes[0][1]["children"], nodes[1][1]["children"] = ["q"], ["a", 5, "q"]
    for _, each in nodes:
        each["parent"] = None if each["parent"] is None else each["parent"]
    assert contents(written(tmp_path / "c.json", chatgpt(*nodes)), Source.CHATGPT) == ["Hi", "Ho"]


def test_versions_stand_in_the_order_in_which_they_were_made(tmp_path: Path) -> None:
    nodes = [node("q", None, "user", "Hi", create_time=1.0)]
    nodes += [node(f"a{n}", "q", "assistant", f"Ho {n}", create_time=10.0 + n) for n in range(5)]
    nodes += [node("q2", "a1", "user", "And?", create_time=12.5)]
    random.Random(4).shuffle(nodes)
    document = one(written(tmp_path / "c.json", chatgpt(*nodes, current_node="q2")), Source.CHATGPT)
    answers = ConversationTree(document.messages).siblings(shown(document)[1].id)
    assert [answer.content for answer in answers] == [f"Ho {n}" for n in range(5)]
    assert [message.content for message in shown(document)] == ["Hi", "Ho 1", "And?"]


def test_chatgpt_with_links_pictures_documents_and_calls_of_tools(tmp_path: Path) -> None:
    references = [
        {"matched_text": CITED, "alt": "([site](https://example.org))"},
        {"matched_text": " ", "alt": "", "type": "sources_footnote"},
    ]
    document = {"name": "poem", "type": "document", "content": "Roses are red"}
    update = {"updates": [{"pattern": ".*", "multiple": False, "replacement": "Roses are blue"}]}
    code = {"name": "x", "type": "code/python", "content": "print(1)"}
    drawn = {"content_type": "multimodal_text", "parts": [{"content_type": "image_asset_pointer"}]}

    def call(key: str, parent: str, recipient: str, value: object) -> tuple[str, Json]:
        content = {"content_type": "code", "language": "json", "text": json.dumps(value)}
        return node(key, parent, "assistant", content=content, recipient=recipient)

    value = chatgpt(
        node("q", None, "user", "Look it up"),
        call("w", "q", "web.run", {"search_query": [{"q": "SECRET"}]}),
        node("t", "w", "tool", "SECRET"),
        node("a", "t", "assistant", f"It is so{CITED} and{OTHER} so.", metadata={"content_references": references}),
        call("c1", "a", "canmore.create_textdoc", document),
        call("c2", "c1", "canmore.update_textdoc", update),
        call("c3", "c2", "canmore.create_textdoc", code),
        node("d", "c3", "tool", content=drawn),
    )  # fmt: skip
    assert contents(written(tmp_path / "c.json", value), Source.CHATGPT) == [
        "Look it up",
        "It is so([site](https://example.org)) and so.\n\nRoses are red\n\nRoses are blue\n\n"
        "```python\nprint(1)\n```\n\n[picture]",
    ]


def test_chatgpt_in_several_files_of_which_some_are_damaged(tmp_path: Path) -> None:
    archive = tmp_path / "export.zip"
    whole = json.dumps([foreign.chatgpt()[0] | {"conversation_id": f"b{n}", "title": f"B{n}"} for n in range(3)])
    with zipfile.ZipFile(archive, "w") as files:
        files.writestr("export_manifest.json", '{"files": []}')
        files.writestr("user_settings.json", '{"settings": {}}')
        files.writestr("conversations-000.json", json.dumps(foreign.chatgpt()))
        files.writestr("conversations-001.json", whole[:-400])
        files.writestr("conversations-002.json", json.dumps(foreign.chatgpt()) + "CHECKSUM")
        files.writestr("chat.html", "<html>")
    archive.write_bytes(archive.read_bytes().replace(b"]CHECKSUM", b"]checksum"))
    found, unreadable = told(archive)
    assert [item.document.conversation.title for item in found] == ["Sky", "B0", "B1"]
    assert unreadable == 2


def test_chatgpts_page_of_all_conversations(tmp_path: Path) -> None:
    data = json.dumps(foreign.chatgpt())
    (tmp_path / "chat.html").write_text(f"<html><script>\nvar jsonData = {data};\nvar x = [1];</script></html>")
    assert one(tmp_path / "chat.html", Source.CHATGPT).conversation.title == "Sky"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_any_encoding(tmp_path: Path, encoding: str) -> None:
    value = json.dumps(chatgpt(node("q", None, "user", "Grüße 😀")), ensure_ascii=False)
    (tmp_path / "c.json").write_bytes((" " * 100 + value).encode(encoding))
    assert contents(tmp_path / "c.json", Source.CHATGPT) == ["Grüße 😀"]


def test_bytes_that_are_no_text_cost_no_more_than_themselves(tmp_path: Path) -> None:
    content = json.dumps([*foreign.chatgpt(), *chatgpt(node("q", None, "user", "cut"))]).encode()
    (tmp_path / "c.json").write_bytes(content.replace(b'"cut"', b'"c\xff\xc3t"'))
    found, unreadable = told(tmp_path / "c.json")
    assert [item.document.messages[0].content for item in found] == ["Why is the sky blue?", "c\ufffd\ufffdt"]
    assert not unreadable


@pytest.mark.parametrize("sample", [foreign.chatgpt, foreign.open_webui, lambda: [foreign.lm_studio()]])
@pytest.mark.parametrize("spoil", [lambda deep: deep, lambda deep: deep[:-7]])
def test_one_bad_conversation_spoils_no_other(
    tmp_path: Path, sample: Callable[[], list[Json]], spoil: Callable[[str], str]
) -> None:
    good = json.dumps(sample())[1:-1]
    deep = '{"mapping": ' + '{"a": ' * 50_000 + "1" + "}" * 50_000 + "}"
    (tmp_path / "c.json").write_text(f'[{good}, 5, {{"x": "]}}\\"["}}, {spoil(deep)}')
    found, unreadable = told(tmp_path / "c.json")
    assert len(found) == 1
    assert unreadable == 3


def test_hearths_own_file_that_was_cut_off(tmp_path: Path) -> None:
    head = '{"format":"hearth-conversations","version":1,"folders":[{"id":"f","name":"],[","created_at":1.0}],'
    lines = [
        json.dumps({"conversation": {"id": f"c{n}", "title": f"T{n}", "created_at": 1.0, "updated_at": 1.0}})
        for n in range(3)
    ]
    (tmp_path / "c.json").write_text(head + '"conversations":[\n' + ",\n".join(lines)[:-20])
    found, unreadable = told(tmp_path / "c.json")
    assert [item.document.conversation.title for item in found] == ["T0", "T1"]
    assert unreadable == 1
    (tmp_path / "c.json").write_text(head.replace("1,", "99,", 1) + '"conversations":[\n' + lines[0])
    with pytest.raises(ExchangeError, match="newer Hearth"):
        list(read_path(tmp_path / "c.json"))


@pytest.mark.parametrize("key", ["conversations", "chats", "data"])
def test_conversations_in_a_wrapper_and_in_lines(tmp_path: Path, key: str) -> None:
    assert len(parsed(written(tmp_path / "c.json", {"total": 1, key: foreign.open_webui()}))) == 1
    lines = [json.dumps(foreign.open_webui()[0]), "", "{broken", json.dumps(foreign.chatgpt()[0])]
    (tmp_path / "lines.jsonl").write_text("\n".join(lines))
    found, unreadable = told(tmp_path / "lines.jsonl")
    assert [item.source for item in found] == [Source.OPEN_WEBUI, Source.CHATGPT]
    assert unreadable == 1


def test_an_archive_that_was_cut_off(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as files:
        files.writestr("conversations.json", json.dumps(foreign.chatgpt()))
    (tmp_path / "a.zip").write_bytes((tmp_path / "a.zip").read_bytes()[:-30])
    with pytest.raises(ExchangeError, match="archive is damaged"):
        list(read_path(tmp_path / "a.zip"))


def test_open_webui_with_parts_output_and_thinking_that_was_cut_off(tmp_path: Path) -> None:
    parts = [{"type": "text", "text": "See"}, {"type": "image_url", "image_url": {"url": "data:"}}, {"text": "this"}]
    output = [
        {"type": "reasoning", "content": [{"type": "output_text", "text": "Hm"}]},
        {"type": "message", "content": [{"type": "output_text", "text": "It is a cat."}]},
    ]
    code = "<summary>Analyzed</summary>\n```python\n1\n```"
    run = f"<details type='code_interpreter' done='true' output='{{}}'>\n{code}\n</details>\nOne."
    cut = '<details type="reasoning" done="false">\n<summary>Thinking…</summary>\n> so &amp; so'
    messages = {
        "q": {"id": "q", "parentId": None, "childrenIds": ["a"], "role": "user", "content": parts},
        "a": {"id": "a", "childrenIds": ["b", "c"], "role": "assistant", "output": output, "modelName": "m"},
        "b": {"id": "b", "parentId": "a", "role": "user", "content": "Run"},
        "d": {"id": "d", "parentId": "b", "role": "assistant", "content": run, "timestamp": 1700000000000000000},
        "c": {"id": "c", "parentId": "d", "role": "assistant", "content": cut, "timestamp": "1700000001"},
        "x": 5,
    }  # fmt: skip
    path = written(tmp_path / "chat.json", {"chat": {"history": {"messages": messages, "current_id": "c"}}})
    (item,) = parsed(path)
    assert item.unreadable == 1
    assert [message.content for message in shown(item.document)] == [
        "See\n\nthis",
        "<think>\nHm\n</think>\n\nIt is a cat.",
        "Run",
        "<think>\nso & so\n</think>\n\n```python\n1\n```\nOne.",
    ]
    assert shown(item.document)[1].model == "m"


def test_lm_studio_with_plain_texts_and_broken_messages(tmp_path: Path) -> None:
    value = foreign.lm_studio()
    value["messages"][0]["versions"][0]["content"] = "Plain"
    value["messages"] += [5, {"versions": None}]
    (item,) = parsed(written(tmp_path / "a.conversation.json", value))
    assert shown(item.document)[0].content == "Plain"
    assert item.unreadable == 2


def test_jan_with_one_id_twice_several_threads_and_broken_lines(tmp_path: Path) -> None:
    first, second = foreign.jan_messages()
    other = first | {"thread_id": "th2", "content": [{"type": "text", "text": {"value": "Elsewhere"}}]}
    again = second | {"id": first["id"], "created_at": 1700000003000, "content": "Thanks"}
    lines = [json.dumps(each) for each in (first, first, second, again, other)]
    (tmp_path / "messages.jsonl").write_text("\n".join([*lines, '{"id": "cut', "7"]))
    found = parsed(tmp_path / "messages.jsonl")
    assert [[message.content for message in shown(item.document)] for item in found] == [
        ["Where to?", "Rome.", "Thanks"],
        ["Elsewhere"],
    ]
    assert sum(item.unreadable for item in found) == 2


@pytest.mark.parametrize(
    ("value", "seconds"),
    [*((each, 1.7e9) for each in (1700000000, 1700000000000, 1.7e15, 1.7e18, "1700000000", "1700000000000")),
     ("1700000000.5", 1700000000.5), ("2023-11-14T22:13:20Z", 1.7e9), ("2023-11-14T23:13:20+01:00", 1.7e9),
     *((each, 0) for each in (-1, 1e20, 10**400, float("nan"), "nan", "inf", "1e400", "", "soon", None, True, [])),
    ],
)  # fmt: skip
def test_a_time_in_any_form(value: object, seconds: float) -> None:
    assert time_of(value) == pytest.approx(seconds)


def test_a_size_that_no_program_counts_to_costs_no_conversation(tmp_path: Path) -> None:
    value = foreign.open_webui()
    value[0]["chat"]["history"]["messages"]["q"]["files"][0]["size"] = 10**30
    attachment = shown(one(written(tmp_path / "c.json", value), Source.OPEN_WEBUI))[0].attachments[0]
    assert attachment.size_bytes == 2**53
