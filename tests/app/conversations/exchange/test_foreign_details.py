"""What is easily lost of another program's conversation: who was hidden, what is pinned, files, times, last words."""

import json
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest

from app.conversations.exchange import reading
from app.conversations.exchange.document import ConversationDocument
from app.conversations.exchange.errors import ExchangeError
from app.conversations.exchange.found import Source
from app.conversations.exchange.lenient import time_of
from app.conversations.exchange.reading import Item, Unreadable, read_path
from app.conversations.tree import ConversationTree
from tests.app.conversations.exchange import foreign
from tests.app.conversations.exchange.test_foreign_formats import one, parsed, shown, written

Json = dict[str, Any]
node = foreign.chatgpt_node


def chatgpt(tmp_path: Path, *nodes: tuple[str, Json], **more: object) -> ConversationDocument:
    value = [{"title": "", "conversation_id": "c1", "mapping": dict(nodes), **more}]
    return one(written(tmp_path / "c.json", value), Source.CHATGPT)


def said(tmp_path: Path, content: Json, **message: object) -> str:
    """Return what an answer of ChatGPT's comes to."""
    answer = node("a", "q", "assistant", content=content, **message)
    return shown(chatgpt(tmp_path, node("q", None, "user", "Hi"), answer))[-1].content


def test_what_chatgpt_hid_stays_hidden(tmp_path: Path) -> None:
    hidden = {"is_visually_hidden_from_conversation": True}
    nodes = node("p", None, "user", "SECRET", metadata=hidden), node("q", "p", "user", "Hi")
    assert [message.content for message in shown(chatgpt(tmp_path, *nodes))] == ["Hi"]


def test_a_starred_conversation_is_pinned(tmp_path: Path) -> None:
    assert chatgpt(tmp_path, node("q", None, "user", "Hi"), is_starred=True).conversation.is_pinned
    assert not chatgpt(tmp_path, node("q", None, "user", "Hi")).conversation.is_pinned


def test_code_of_an_unknown_language_with_a_fence_in_it(tmp_path: Path) -> None:
    content = {"content_type": "code", "language": "unknown", "text": "a\n```\nb"}
    assert said(tmp_path, content, recipient="python") == "````\na\n```\nb\n````"


def test_what_was_spoken_is_read(tmp_path: Path) -> None:
    parts = [{"content_type": "audio_transcription", "text": "Hello"}, {"content_type": "real_time_user_audio_video"}]
    assert said(tmp_path, {"content_type": "multimodal_text", "parts": parts}) == "Hello\n\n[recording]"


def test_a_document_that_was_cut_off_is_kept_as_it_stands(tmp_path: Path) -> None:
    content = {"content_type": "text", "parts": ['{"name": "poem", "content": "Ro']}
    assert said(tmp_path, content, recipient="canmore.create_textdoc") == content["parts"][0]


def test_a_message_without_a_content_is_told(tmp_path: Path) -> None:
    nodes = node("q", None, "user", "Hi"), node("a", "q", "assistant", content="text")
    value = [{"mapping": dict(nodes), "conversation_id": "c"}]
    (item,) = parsed(written(tmp_path / "c.json", value))
    assert item.unreadable == 1


def test_times_that_are_not_told_are_those_of_the_messages(tmp_path: Path) -> None:
    question = node("q", None, "user", "Hi", create_time=100.0)
    untimed, last = (
        node("a", "q", "assistant", "Ho", create_time=None),
        node("q2", "a", "user", "And?", create_time=300),
    )
    document = chatgpt(tmp_path, untimed, last, question, current_node="q2")
    assert (document.conversation.created_at, document.conversation.updated_at) == (100.0, 300.0)
    assert [message.content for message in shown(document)] == ["Hi", "Ho", "And?"]


def test_answers_that_fork_stay_apart(tmp_path: Path) -> None:
    nodes = node("q", None, "user", "Hi"), node("a", "q", "assistant", "So"), node("b", "a", "assistant", "one")
    document = chatgpt(tmp_path, *nodes, node("c", "a", "assistant", "two"), current_node="c")
    assert [message.content for message in shown(document)] == ["Hi", "So", "two"]
    assert len(ConversationTree(document.messages).siblings(shown(document)[-1].id)) == 2


def test_an_answer_in_several_parts_is_by_the_model_that_ended_it(tmp_path: Path) -> None:
    first = node("a", "q", "assistant", "So", metadata={"model_slug": "small"})
    second = node("b", "a", "assistant", "ends", metadata={"model_slug": "large"})
    answer = shown(chatgpt(tmp_path, node("q", None, "user", "Hi"), first, second))[-1]
    assert (answer.content, answer.model) == ("So\n\nends", "large")


def test_an_empty_last_answer_is_left_out_and_the_branch_above_it_shown(tmp_path: Path) -> None:
    nodes = node("q", None, "user", "Hi", create_time=1.0), node("a", "q", "assistant", "", create_time=2.0)
    other = node("b", "q", "assistant", "Ho", create_time=3.0)
    document = chatgpt(tmp_path, *nodes, other, current_node="a")
    assert [message.content for message in document.messages] == ["Hi", "Ho"]
    assert [message.content for message in shown(document)] == ["Hi"]


def test_thoughts_and_files_alone_say_something(tmp_path: Path) -> None:
    file = {"name": "photo.png", "size": -5, "mime_type": "image/png"}
    question = node("q", None, "user", "", metadata={"attachments": [file]})
    (asked,) = chatgpt(tmp_path, question).messages
    assert [(each.name, each.size_bytes) for each in asked.attachments] == [("photo.png", 0)]
    content = {"content_type": "thoughts", "thoughts": [{"content": "Hm."}]}
    assert said(tmp_path, content) == "<think>\nHm.\n</think>\n\n"


def test_each_of_many_conversations_is_found(tmp_path: Path) -> None:
    """Only the first are looked at to tell whose they are."""
    value = [
        {"mapping": dict([node("q", None, "user", f"Hi {number}")]), "conversation_id": str(number)}
        for number in range(45)
    ]
    found = parsed(written(tmp_path / "c.json", value))
    assert [item.document.messages[0].content for item in found] == [f"Hi {number}" for number in range(45)]


def lm_studio(tmp_path: Path, **changes: object) -> ConversationDocument:
    return one(written(tmp_path / "c.json", foreign.lm_studio() | changes), Source.LM_STUDIO)


def test_a_renamed_conversation_of_lm_studio_is_known_again(tmp_path: Path) -> None:
    named = lm_studio(tmp_path, name="Other").conversation
    assert named.id == lm_studio(tmp_path).conversation.id
    assert named.id != lm_studio(tmp_path, createdAt=1736789912981).conversation.id


def test_lm_studio_tells_by_whom_and_when(tmp_path: Path) -> None:
    unnamed = {"type": "multiStep", "role": "assistant", "content": "Ho", "senderInfo": {"senderName": "qwen"}}
    messages = [*foreign.lm_studio()["messages"][:1], {"versions": [unnamed], "currentlySelected": 0}]
    times = {"userLastMessagedAt": 1736789990000, "assistantLastMessagedAt": 1736789999000}
    document = lm_studio(tmp_path, messages=messages, lastUsedModel={"identifier": "other"}, **times)
    assert shown(document)[-1].model == "qwen"
    assert document.conversation.updated_at == 1736789999


def test_open_webui_before_it_had_a_tree(tmp_path: Path) -> None:
    messages = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Ho"}]
    chat = {"messages": messages, "timestamp": 1700000000000, "system": "Short."}
    document = one(written(tmp_path / "c.json", [{"id": "w", "chat": chat}]), Source.OPEN_WEBUI)
    assert [message.content for message in shown(document)] == ["Hi", "Ho"]
    assert (document.conversation.created_at, document.conversation.system_prompt) == (1700000000, "Short.")


def test_open_webui_with_calls_of_tools_and_the_answer_shown_last(tmp_path: Path) -> None:
    value = foreign.open_webui()
    history = value[0]["chat"]["history"]
    history["messages"]["a"]["content"] = '<details type="tool_calls" done="true">\n<summary>x</summary>\n</details>\n5'
    del history["currentId"]
    history["current_id"] = "a"
    assert shown(one(written(tmp_path / "c.json", value), Source.OPEN_WEBUI))[-1].content == "5"


def test_jan_with_thoughts_beside_the_answer_and_a_favorite(tmp_path: Path) -> None:
    answer, question = foreign.jan_messages()
    answer["content"].insert(0, {"type": "reasoning", "text": {"value": "Hm."}})
    thread = foreign.jan_thread() | {"metadata": {"is_favorite": True}, "messages": [question, answer]}
    document = one(written(tmp_path / "t.json", thread), Source.JAN)
    assert shown(document)[-1].content == "<think>\nHm.\n</think>\n\nRome."
    assert document.conversation.is_pinned


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="no other time zone can be set")
def test_a_date_without_a_zone_means_the_same_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        assert time_of("2023-11-14T22:13:20") == 1.7e9
    finally:
        monkeypatch.undo()
        time.tzset()


def archive(tmp_path: Path, count: int) -> Path:
    path = tmp_path / "export.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as files:
        for number in range(count):
            files.writestr(f"conversations-{number}.json", json.dumps(foreign.chatgpt()))
    return path


def test_an_archive_is_read_as_far_as_it_may_unpack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_MOST_UNPACKED_BYTES", int(2.5 * len(json.dumps(foreign.chatgpt()))))
    found: list[Item] = []
    with pytest.raises(ExchangeError, match="500 MB"):
        found.extend(read_path(archive(tmp_path, 4)))
    assert len(found) == 2
    monkeypatch.undo()
    monkeypatch.setattr(reading, "_LARGEST_ARCHIVE_BYTES", 100)
    with pytest.raises(ExchangeError, match="500 MB"):
        list(read_path(tmp_path / "export.zip"))


def test_a_file_that_memory_does_not_suffice_for_is_told_as_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> bytes:
        raise MemoryError

    monkeypatch.setattr(reading, "_bounded", fail)
    with pytest.raises(ExchangeError, match="more memory"):
        list(read_path(written(tmp_path / "c.json", foreign.chatgpt())))


def test_a_conversation_of_which_no_message_can_be_read_is_told(tmp_path: Path) -> None:
    mapping = {"a": {"message": "text"}, "b": {"message": {"content": "text"}}}
    assert list(read_path(written(tmp_path / "c.json", [{"mapping": mapping}]))) == [Unreadable()]
