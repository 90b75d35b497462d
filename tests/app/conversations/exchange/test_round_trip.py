"""Exporting, importing into an empty store and exporting again gives the same bytes."""

import json
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.conversations.attachment import Attachment
from app.conversations.exchange.document import ExportDocument, document_of, json_schema
from app.conversations.exchange.exporting import ExportJob
from app.conversations.exchange.intake import add_folder, take_in
from app.conversations.exchange.reading import FoldersFound, Parsed, read_path
from app.conversations.exchange.writing import AtomicFile, JsonWriter
from app.conversations.records import Conversation, Folder, Message, MessageState
from app.conversations.store import ConversationStore
from engine.api.commands import WhenFull
from engine.api.errors import ErrorKind, ErrorReport
from engine.api.events import FinishReason, Statistics
from engine.api.message import Role
from engine.api.sampling import Sampling
from tests.app.conversations.samples import a_conversation, a_message

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
# What may come from a keyboard, a clipboard, a file or a model: half a pair, NUL, turned directions.
WILD = st.text(st.characters() | st.sampled_from("\ud800\udfff\0\u202e\u2066\ufeff\ufffe\u2028"), max_size=30)
TIMES = st.floats(0, 4e9)
COUNTS = st.integers(0, 2**40)
ATTACHMENTS = st.lists(
    st.builds(
        Attachment,
        name=WILD,
        text=WILD,
        size_bytes=COUNTS,
        media_type=TEXTS,
        note=WILD,
        pages=st.integers(0, 2**31),
        is_pasted=st.booleans(),
    ),
    max_size=2,
).map(tuple)
SAMPLINGS = st.none() | st.builds(
    Sampling,
    temperature=st.none() | st.floats(0, 5),
    top_k=st.none() | COUNTS,
    seed=st.none() | COUNTS,
    **{name: st.none() | st.floats(0, 5) for name in ("top_p", "min_p")},
)
STATISTICS = st.none() | st.builds(
    Statistics,
    prompt_tokens=COUNTS,
    reused_tokens=COUNTS,
    prefilled_tokens=COUNTS,
    generated_tokens=COUNTS,
    time_to_first_token_seconds=TIMES,
    prefill_seconds=TIMES,
    decode_seconds=TIMES,
    tokens_per_second=TIMES,
    speculation=TEXTS,
)
ERRORS = st.none() | st.builds(ErrorReport, kind=st.sampled_from(ErrorKind), message=WILD, details=WILD, hint=WILD)


@st.composite
def trees(draw: st.DrawFn, conversation_id: str, folders: Sequence[Folder]) -> tuple[Conversation, list[Message]]:
    messages: list[Message] = []
    for place in range(draw(st.integers(0, 6))):
        above = [None, *(message.id for message in messages)]
        messages.append(
            Message(
                id=f"{conversation_id}-{draw(st.integers(0, 9))}-{place}",
                conversation_id=conversation_id,
                parent_id=draw(st.sampled_from(above)),
                sequence=draw(st.integers(0, 20)),
                role=draw(st.sampled_from(Role)),
                content=draw(WILD),
                created_at=draw(TIMES),
                state=draw(st.sampled_from(MessageState)),
                token_ids=tuple(draw(st.lists(st.integers(0, 2**32 - 1), max_size=4))),
                tokenizer_id=draw(TEXTS),
                model=draw(WILD),
                precision=draw(TEXTS),
                finish_reason=draw(st.none() | st.sampled_from(FinishReason)),
                statistics=draw(STATISTICS),
                error=draw(ERRORS),
                context_start_id=draw(st.sampled_from(above)),
                attachments=draw(ATTACHMENTS),
                is_edited=draw(st.booleans()),
                opens_thinking=draw(st.booleans()),
                thinking_seconds=draw(st.none() | TIMES),
            )
        )
    conversation = Conversation(
        id=conversation_id,
        title=draw(WILD),
        created_at=draw(TIMES),
        updated_at=draw(TIMES),
        name=draw(st.none() | TEXTS.map(lambda text: f"{conversation_id} {text}")),
        title_is_manual=draw(st.booleans()),
        system_prompt=draw(WILD),
        active_leaf_id=draw(st.sampled_from([None, "gone", *(message.id for message in messages)])),
        draft=draw(WILD),
        when_full=draw(st.none() | st.sampled_from(WhenFull)),
        folder_id=draw(st.sampled_from([None, *(folder.id for folder in folders)])),
        is_pinned=draw(st.booleans()),
        is_unread=draw(st.booleans()),
        sampling=draw(SAMPLINGS),
        draft_attachments=draw(ATTACHMENTS),
    )
    return conversation, messages


@st.composite
def contents(draw: st.DrawFn) -> tuple[list[Folder], list[tuple[Conversation, list[Message]]]]:
    folders = [
        Folder(id=f"f{number}", name=f"{number}{draw(TEXTS)}", created_at=draw(TIMES), is_collapsed=draw(st.booleans()))
        for number in range(draw(st.integers(0, 2)))
    ]
    return folders, [draw(trees(f"c{number}", folders)) for number in range(draw(st.integers(0, 3)))]


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(content=contents())
def test_exact(content: tuple[list[Folder], list[tuple[Conversation, list[Message]]]]) -> None:
    folders, kept = content
    with TemporaryDirectory() as name:
        place = Path(name)
        with opened(place / "first") as store:
            for folder in folders:
                add_folder(store.database, folder)
            for conversation, messages in kept:
                store.save_turn(conversation, messages)
            export(store, place / "first.json")
        with opened(place / "second") as store:
            take_all(store, place / "first.json")
            export(store, place / "second.json")
        first = (place / "first.json").read_bytes()
        assert first == (place / "second.json").read_bytes()
        document = msgspec.json.decode(first, type=ExportDocument)
        assert len(document.conversations) == len(kept)
        assert {len(each.messages) for each in document.conversations} == {len(messages) for _, messages in kept}


def test_every_field_goes_round_with_values_of_its_own() -> None:
    source = Path(__file__).read_text(encoding="utf-8").partition("def test_exact")[0]
    fields = {name for kind in (Conversation, Message, Attachment, Folder) for name in kind.__struct_fields__}
    assert {name for name in fields if f"{name}=" not in source} == {"deleted_at", "is_private"}


class opened:  # noqa: N801  reads as a word
    """A store that is closed at the end."""

    def __init__(self, folder: Path) -> None:
        self._store = ConversationStore(folder / "conversations.db")

    def __enter__(self) -> ConversationStore:
        return self._store

    def __exit__(self, *_exception: object) -> None:
        self._store.close()


def export(store: ConversationStore, path: Path, ids: Sequence[str] | None = None) -> None:
    job = ExportJob(lambda: AtomicFile(path), JsonWriter(), ids)
    while not job.is_finished:
        job.step(store)


def take_all(store: ConversationStore, path: Path) -> None:
    folders: dict[str, Folder] = {}
    for item in read_path(path):
        if isinstance(item, FoldersFound):
            folders = {folder.id: folder for folder in item.folders}
        if isinstance(item, Parsed):
            take_in(store.database, item.document, folders.get(item.document.conversation.folder_id or ""))
    for folder in folders.values():
        add_folder(store.database, folder)


@pytest.fixture
def samples() -> bytes:
    messages = [a_message("m", statistics=None, attachments=(Attachment(name="n", text="t", size_bytes=1),))]
    document = document_of(a_conversation(sampling=Sampling(seed=1)), messages)
    return (
        JsonWriter().begin([Folder(id="f", name="F", created_at=1.0)])
        + JsonWriter().conversation(document, is_first=True)
        + JsonWriter().end()
    )


def test_the_schema_says_what_is_in_a_file(samples: bytes) -> None:
    schema = json_schema()
    fields = schema["$defs"]
    value = json.loads(samples)
    listed = value["conversations"][0]
    assert set(value) == set(fields["ExportDocument"]["properties"])
    assert set(listed["conversation"]) == set(fields["Conversation"]["properties"])
    assert set(listed["messages"][0]) == set(fields["Message"]["properties"])
    assert set(value["folders"][0]) == set(fields["Folder"]["properties"])
    assert msgspec.json.decode(samples, type=ExportDocument).version == 1


def test_schema_md_names_every_field() -> None:
    import app.conversations.exchange

    text = (Path(app.conversations.exchange.__path__[0]) / "SCHEMA.md").read_text(encoding="utf-8")
    missing = [
        name
        for kind in (Conversation, Message, Folder, Attachment)
        for name in kind.__struct_fields__
        if f"`{name}`" not in text and f"{{{name}" not in text and f" {name}" not in text
    ]
    assert not missing
