"""Exports of other programs, written by hand after what is known of their formats."""

from typing import Any

Json = dict[str, Any]


def chatgpt_node(key: str, parent: str | None, role: str, text: str = "", **message: object) -> tuple[str, Json]:
    content = {"content_type": "text", "parts": [text]}
    said = {"id": key, "author": {"role": role}, "content": content, "create_time": 1700000000.5, "metadata": {}}
    return key, {"id": key, "parent": parent, "children": [], "message": {**said, **message}}


def chatgpt() -> list[Json]:
    """One conversation: hidden beginning, a question with two answers, then one that thinks and uses a tool."""
    nodes = dict(
        [
            ("root", {"id": "root", "parent": None, "children": ["system"], "message": None}),
            chatgpt_node("system", "root", "system", metadata={"is_visually_hidden_from_conversation": True}),
            chatgpt_node("q1", "system", "user", "Why is the sky blue?"),
            chatgpt_node("a1", "q1", "assistant", "Because of scattering.", metadata={"model_slug": "gpt-4o"}),
            chatgpt_node("a2", "q1", "assistant", "Rayleigh: $\\lambda^{-4}$.", metadata={"model_slug": "o3"}),
            chatgpt_node("q2", "a2", "user", "Show it."),
            chatgpt_node(
                "t",
                "q2",
                "assistant",
                content={"content_type": "thoughts", "thoughts": [{"summary": "Plan", "content": "Plot it."}]},
            ),
            chatgpt_node(
                "c",
                "t",
                "assistant",
                recipient="python",
                content={"content_type": "code", "language": "python", "text": "print(1)"},
            ),
            chatgpt_node("tool", "c", "tool", "1"),
            chatgpt_node(
                "r", "tool", "assistant", content={"content_type": "reasoning_recap", "content": "Thought for 3s"}
            ),
            chatgpt_node("a3", "r", "assistant", "There it is."),
        ]
    )
    return [
        {
            "title": "Sky",
            "create_time": 1700000000.0,
            "update_time": 1700000500.0,
            "mapping": nodes,
            "current_node": "a3",
            "conversation_id": "c0ffee",
        }
    ]


def lm_studio() -> Json:
    def said(text: str) -> list[Json]:
        return [{"type": "text", "text": text}]

    thinking = {"type": "contentBlock", "style": {"type": "thinking"}, "content": said("Hm.")}
    answer = {"type": "contentBlock", "content": said("Hello!"), "genInfo": {"identifier": "qwen3-8b"}}
    first = {"type": "multiStep", "role": "assistant", "senderInfo": {"senderName": "old"}, "steps": [answer]}
    second = {"type": "multiStep", "role": "assistant", "steps": [thinking, answer, {"type": "debugInfoBlock"}]}
    return {
        "name": "Greeting",
        "pinned": True,
        "createdAt": 1736789912980,
        "systemPrompt": "Be kind.",
        "messages": [
            {"versions": [{"type": "singleStep", "role": "user", "content": said("Hi")}], "currentlySelected": 0},
            {"versions": [first, second], "currentlySelected": 1},
            {"versions": [{"type": "singleStep", "role": "user", "content": said("Bye")}], "currentlySelected": 0},
        ],
    }


def open_webui() -> list[Json]:
    thought = '<details type="reasoning" done="true" duration="3">\n<summary>Thought for 3 seconds</summary>\n'
    messages = {
        "q": {"id": "q", "parentId": None, "childrenIds": ["a", "b"], "role": "user", "content": "2+2?",
              "timestamp": 1700000000,
              "files": [{"type": "file", "name": "n.txt", "size": 3, "file": {"data": {"content": "abc"}}}]},
        "a": {"id": "a", "parentId": "q", "role": "assistant", "content": "5", "model": "m1", "timestamp": 1700000001},
        "b": {"id": "b", "parentId": "q", "role": "assistant", "model": "m2", "timestamp": 1700000002,
              "content": f"{thought}&gt; two and two\n</details>\n4"},
    }  # fmt: skip
    chat = {"title": "Sum", "history": {"messages": messages, "currentId": "a"}, "params": {"system": "Short."}}
    return [{"id": "w1", "title": "Sum", "chat": chat, "created_at": 1700000000, "updated_at": 1700000002,
             "pinned": True, "archived": False}]  # fmt: skip


def jan_thread() -> Json:
    return {
        "id": "th1",
        "object": "thread",
        "title": "Trip",
        "assistants": [{"id": "jan", "instructions": "Help.", "model": {"id": "llama3"}}],
        "created": 1700000000000,
        "updated": 1700000100,
    }


def jan_messages() -> list[Json]:
    def line(key: str, role: str, value: str, when: int, **more: object) -> Json:
        content = [{"type": "text", "text": {"value": value, "annotations": []}}]
        found = {"id": key, "object": "thread.message", "thread_id": "th1", "role": role, "content": content}
        return found | {"created_at": when} | more

    return [line("2", "assistant", "Rome.", 1700000002000), line("1", "user", "Where to?", 1700000001000)]
