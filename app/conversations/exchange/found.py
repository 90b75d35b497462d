"""A conversation as another program kept it, and the way from there to a document; pure.

Nothing is believed: parents may be missing or run in a circle, ids may be anything, texts may be empty.
"""

import uuid
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum

from app.conversations.attachment import Attachment
from app.conversations.exchange.document import ConversationDocument, document_of
from app.conversations.records import Conversation, Message
from app.conversations.titles import title_from
from engine.api.message import Role

# One conversation is one transaction, and everything else waits for it.
MOST_MESSAGES = 100_000
MOST_CHARACTERS = 50_000_000
# Who speaks, as all of the programs call it.
ROLES = {"user": Role.USER, "assistant": Role.ASSISTANT}
_NAMESPACE = uuid.UUID("0b6ac5b0-4d0e-4a7e-9d2b-1f3f0c0c7a11")


class Source(StrEnum):
    """Which program wrote a file."""

    HEARTH = "Hearth"
    CHATGPT = "ChatGPT"
    LM_STUDIO = "LM Studio"
    OPEN_WEBUI = "Open WebUI"
    JAN = "Jan"


@dataclass(kw_only=True)
class FoundMessage:
    """One node of the other program's tree. role None: it is not shown, and what follows it hangs below its parent.

    thinking is put before the text of the answer that it belongs to.
    """

    key: str
    parent: str | None
    role: Role | None
    text: str = ""
    thinking: str = ""
    created_at: float = 0.0
    model: str = ""
    attachments: tuple[Attachment, ...] = ()


@dataclass(kw_only=True)
class FoundConversation:
    """messages stand in the order in which they were found; leaf is the key of the last one that was shown.

    unreadable: how many messages could not be read.
    """

    source: Source
    key: str
    title: str = ""
    created_at: float = 0.0
    updated_at: float = 0.0
    system_prompt: str = ""
    is_pinned: bool = False
    leaf: str | None = None
    unreadable: int = 0
    messages: list[FoundMessage] = field(default_factory=list)


def folder_id(source: Source) -> str:
    """Return the id of the folder for what comes from a program."""
    return stable_id(source, "folder")


def stable_id(*parts: str) -> str:
    """Return an id that is the same whenever the same thing is imported, so that it is known again."""
    return uuid.uuid5(_NAMESPACE, "\x1f".join(parts)).hex


def document_from(found: FoundConversation) -> ConversationDocument | None:
    """Return the document, None if nobody says anything in it; raises ValueError if it is too long."""
    length = sum(len(message.text) + len(message.thinking) for message in found.messages)
    if len(found.messages) > MOST_MESSAGES or length > MOST_CHARACTERS:
        raise ValueError("too long")
    turns = _Turns(found.messages)
    nodes = list(turns)
    if not nodes:
        return None
    conversation_id = stable_id(found.source, found.key)
    ids = {node.key: stable_id(conversation_id, node.key) for node in nodes}
    created = found.created_at or min((node.created_at for node in nodes if node.created_at), default=0.0)
    updated = found.updated_at or max(node.created_at for node in nodes) or created
    messages = [
        Message(
            id=ids[node.key],
            conversation_id=conversation_id,
            parent_id=ids.get(node.parent or ""),
            sequence=place,
            role=node.role or Role.ASSISTANT,
            content=_content(node.text, node.thinking),
            created_at=node.created_at or created,
            model=node.model,
            attachments=node.attachments,
        )
        for place, node in enumerate(nodes)
    ]
    first = next((node.text for node in nodes if node.role is Role.USER and node.text), "")
    conversation = Conversation(
        id=conversation_id,
        title=title_from(found.title if found.title.strip() else first),
        created_at=created,
        updated_at=updated,
        title_is_manual=bool(found.title.strip()),
        system_prompt=found.system_prompt,
        active_leaf_id=ids.get(turns.leaf(found.leaf) or ""),
        folder_id=folder_id(found.source),
        is_pinned=found.is_pinned,
    )
    return document_of(conversation, messages)


def _content(text: str, thinking: str) -> str:
    return f"<think>\n{thinking}\n</think>\n\n{text}" if thinking else text


def _shown(messages: list[FoundMessage]) -> tuple[dict[str, FoundMessage], dict[str, str | None]]:
    """Return the nodes that are shown, oldest first, each behind the node that is shown above it, if there is one.

    The second part says for every key which shown node it stands for: itself, or the next one above.
    """
    known = {message.key: message for message in messages}  # of several with one key the last
    ordered: dict[str, FoundMessage] = {}
    stands_for: dict[str, str | None] = {}
    for start in known:
        path: dict[str, FoundMessage] = {}
        current: str | None = start
        while current in known and current not in stands_for and current not in path:
            path[current] = known[current]
            current = known[current].parent
        above = stands_for.get(current or "")  # None at a root, at a missing parent, and where a circle closes
        for node in reversed(path.values()):
            if node.role is not None:
                node.parent, above = above, node.key
                ordered[node.key] = node
            stands_for[node.key] = above
    return _oldest_first(ordered), stands_for


def _oldest_first(nodes: dict[str, FoundMessage]) -> dict[str, FoundMessage]:
    """Return nodes, which have parents before children, by their times; one without a time is as old as its parent."""
    times: dict[str, float] = {}
    for key, node in nodes.items():
        times[key] = max(node.created_at, times.get(node.parent or "", 0.0))
    return {key: nodes[key] for key in sorted(nodes, key=lambda key: times[key])}


def with_parents(messages: list[FoundMessage], children: dict[str, list[str]]) -> list[FoundMessage]:
    """Return messages of which one that names no parent, or none that is there, hangs where it is named as a child."""
    known = {message.key for message in messages}
    parents = {child: parent for parent, below in children.items() for child in below if child != parent}
    for message in messages:
        if message.parent not in known:
            message.parent = parents.get(message.key)
    return messages


class _Turns:
    """The nodes as turns: answers that follow each other without a fork are one, as others cut at each use of a tool.

    Turns in which nobody says anything are left out if nothing follows them.
    """

    def __init__(self, messages: list[FoundMessage]) -> None:
        nodes, self._stands_for = _shown(messages)
        self._parts: dict[str, list[FoundMessage]] = {}
        self._part_of: dict[str, str] = {}
        children = Counter(node.parent for node in nodes.values())
        for node in nodes.values():
            above = self._part_of.get(node.parent or "")
            is_one = above is not None and nodes[above].role is Role.ASSISTANT is node.role
            if above is not None and is_one and children[node.parent] == 1:
                self._parts[above].append(node)
                self._part_of[node.key] = above
            else:
                node.parent = above
                self._parts[node.key] = [node]
                self._part_of[node.key] = node.key
        self._leave_out_silent()

    def __iter__(self) -> Iterator[FoundMessage]:
        for parts in self._parts.values():
            yield replace(
                parts[0],
                text=_lines(part.text for part in parts),
                thinking=_lines(part.thinking for part in parts),
                model=next((part.model for part in reversed(parts) if part.model), ""),
            )

    def leaf(self, key: str | None) -> str | None:
        """Return the turn that a node belongs to; the last turn if it belongs to none."""
        found = self._part_of.get(self._stands_for.get(key or "") or "")
        while found is not None and found not in self._parts:
            found = self._above_left_out[found]
        return found if found is not None else next(reversed(self._parts), None)

    def _leave_out_silent(self) -> None:
        self._above_left_out: dict[str, str | None] = {}
        followed: set[str | None] = set()
        for key in reversed(list(self._parts)):
            parent = self._parts[key][0].parent
            if key in followed or any(_says_something(part) for part in self._parts[key]):
                followed.add(parent)
            else:
                self._above_left_out[key] = parent
                del self._parts[key]


def _says_something(node: FoundMessage) -> bool:
    return bool(node.text.strip() or node.thinking.strip() or node.attachments)


def _lines(parts: Iterable[str]) -> str:
    return "\n\n".join(part for part in parts if part.strip())
