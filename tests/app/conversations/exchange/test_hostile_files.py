"""Whatever stands in a file, reading it gives conversations that can be kept, or our own error."""

import json
import re
from copy import deepcopy
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.conversations.exchange.errors import ExchangeError
from app.conversations.exchange.intake import take_in
from app.conversations.exchange.parsing import Frame
from app.conversations.exchange.reading import FoldersFound, Parsed, Unreadable, read_path
from app.conversations.store import ConversationStore
from tests.app.conversations.exchange import foreign

Value = Any
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(), st.text(max_size=8), st.just("\ud800"),
    st.sampled_from([-1, 1e300, 10**400, "", "assistant", "user", "root", "q1", "a1"]),
)  # fmt: skip
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
OWN = {
    "format": "hearth-conversations",
    "version": 1,
    "folders": [{"id": "f", "name": "Folder", "created_at": 1.0}],
    "conversations": [
        {
            "conversation": {"id": "c", "title": "T", "created_at": 1.0, "updated_at": 2.0, "folder_id": "f"},
            "messages": [
                {"id": "m", "conversation_id": "c", "parent_id": None, "sequence": 1, "role": "user",
                 "content": "Hi", "created_at": 1.0, "attachments": [{"name": "n", "text": "t", "size_bytes": 1}]},
                {"id": "n", "conversation_id": "c", "parent_id": "m", "sequence": 2, "role": "assistant",
                 "content": "Ho", "created_at": 1.0, "state": "complete", "token_ids": [1, 2], "tokenizer_id": "x"},
            ],
        }
    ],
}  # fmt: skip
SAMPLES: list[Any] = [foreign.chatgpt(), foreign.lm_studio(), foreign.open_webui(), foreign.jan_thread(), OWN,
                      foreign.jan_messages()]  # fmt: skip


def places(value: Value, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [at]
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in items:
        found += places(each, (*at, key))
    return found


PLACES = [places(sample) for sample in SAMPLES]


@st.composite
def spoiled(draw: st.DrawFn) -> Value:
    """A known file with other things in a few places."""
    number = draw(st.integers(0, len(SAMPLES) - 1))
    value = deepcopy(SAMPLES[number])
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.sampled_from(PLACES[number]))
        if not place:
            continue
        try:
            target = value
            for key in place[:-1]:
                target = target[key]
            target[place[-1]] = draw(VALUES)
        except (KeyError, IndexError, TypeError):
            continue
    return value


@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow])
@given(value=spoiled() | VALUES)
def test_nothing_but_our_error_is_raised_and_what_is_found_can_be_kept(value: Value) -> None:
    content = json.dumps(value).encode("utf-8", "surrogatepass")
    with TemporaryDirectory() as folder:
        path = Path(folder) / "file.json"
        path.write_bytes(content)
        check(path)


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(sample=st.sampled_from(SAMPLES), place=st.integers(0, 3000), junk=st.binary(max_size=4))
def test_flipped_and_cut_bytes(sample: Value, place: int, junk: bytes) -> None:
    content = json.dumps(sample).encode()
    place %= len(content)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "file.json"
        path.write_bytes(content[:place] + junk + (content[place + len(junk) :] if junk else b""))
        check(path)


def check(path: Path) -> None:
    """Read the file; keep what is found in a store of its own, which must give it back."""
    try:
        found = [item for item in read_path(path) if isinstance(item, Parsed)]
    except ExchangeError:
        return
    for item in found:
        try:
            frame = msgspec.msgpack.decode(msgspec.msgpack.encode(item), type=Frame)
        except OverflowError:  # numbers that are too large go no further than the other process
            continue
        assert isinstance(frame, Parsed)
        kept_and_given_back(frame)


def kept_and_given_back(item: Parsed) -> None:
    with TemporaryDirectory() as folder:
        store = ConversationStore(Path(folder) / "conversations.db")
        try:
            taken = take_in(store.database, item.document, None)
            assert len(store.load_messages(taken.conversation.id)) == len(item.document.messages)
            assert store.next_sequence() > 0
            (listed,) = store.list_conversations()
            assert 0 <= listed.updated_at < 1e12
        finally:
            store.close()


def test_ids_titles_and_folders_of_ones_own_files_are_taken_with_care(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    value = deepcopy(OWN)
    held = value["conversations"][0]
    value["folders"] += [{"id": "g", "name": "  ", "created_at": 1.0}, {"id": "../x", "name": "Up", "created_at": 1.0}]
    held["conversation"] |= {"id": "../" * 40, "title": "T" * 5000, "active_leaf_id": "a b", "folder_id": "../x"}
    held["messages"][0]["id"] = held["messages"][1]["parent_id"] = "\n"
    held["messages"][1]["id"] = "a b"
    path = tmp_path / "own.json"
    path.write_text(json.dumps(value))
    folders, item = list(read_path(path))
    assert isinstance(folders, FoldersFound)
    assert [folder.id for folder in folders.folders] == ["f"]
    assert isinstance(item, Parsed)
    conversation, (question, answer) = item.document.conversation, item.document.messages
    assert all(re.fullmatch(r"[\w-]{1,64}", each) for each in (conversation.id, question.id, answer.id))
    assert (len(conversation.title), conversation.folder_id) == (1000, None)
    assert {question.conversation_id, answer.conversation_id} == {conversation.id}
    assert (answer.parent_id, conversation.active_leaf_id) == (question.id, answer.id)
    monkeypatch.setattr("app.conversations.exchange.hearth.MOST_MESSAGES", 1)
    assert list(read_path(path))[1:] == [Unreadable()]
