"""Private conversations: everything a store does, and nothing of it on disk."""

from collections.abc import Callable
from pathlib import Path

from app.conversations.attachment import Attachment
from app.conversations.records import MessageState
from app.conversations.store import ConversationStore
from engine.api.commands import WhenFull
from engine.api.message import Role
from tests.app.conversations.samples import a_conversation, a_message

SECRET = "Zanzibar"
PRIVATE = a_conversation("p", title=f"{SECRET} title", is_private=True, updated_at=2.0)


def on_disk(folder: Path) -> set[str]:
    """Return the files that hold the secret word or the private conversation's id."""
    return {path.name for path in folder.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()}


def fill(store: ConversationStore) -> None:
    store.save_turn(a_conversation("c"), [a_message("m")])
    store.save_conversation(PRIVATE)
    store.save_draft("p", f"{SECRET} draft")
    number = store.next_sequence("p")
    question = a_message("q", conversation_id="p", sequence=number, content=f"{SECRET} question")
    growing = a_message("a", "q", number + 1, conversation_id="p", role=Role.ASSISTANT, content=f"{SECRET} answer")
    store.save_turn(PRIVATE, [question])
    for state in (MessageState.STREAMING, MessageState.COMPLETE):
        store.save_message(a_message("a", "q", growing.sequence, conversation_id="p", role=Role.ASSISTANT,
                                     content=f"{SECRET} answer", state=state))  # fmt: skip


def test_nothing_of_a_private_conversation_is_on_disk(store: ConversationStore, database: Path) -> None:
    fill(store)
    store.rename("p", f"{SECRET} again")
    store.save_copies(a_conversation("p2", title=SECRET, is_private=True), [a_message(SECRET, conversation_id="p2")])
    store.delete_conversations(["p2"])
    secret = Attachment(name="secret.txt", text=SECRET, size_bytes=1)
    store.save_message(a_message("q2", conversation_id="p", sequence=9, attachments=(secret,)))
    assert not store.is_reading_due()
    store.read_attachments(1.0)
    assert store.search(SECRET) == []
    store.maintain()
    assert on_disk(database.parent) == set()
    store.close()
    assert on_disk(database.parent) == set()


def test_a_conversation_that_is_no_private_one_is_found_by_the_same_search(
    store: ConversationStore, database: Path
) -> None:
    store.save_turn(a_conversation("c"), [a_message("m", content=SECRET)])
    assert on_disk(database.parent)


def test_a_private_conversation_is_as_good_as_any_other(store: ConversationStore) -> None:
    fill(store)
    assert [(each.id, each.is_private) for each in store.list_conversations()] == [("p", True), ("c", False)]
    found = store.load_conversation("p")
    assert found is not None
    assert (found.draft, found.is_private) == ("", True)  # save_turn brought the draft that it knew
    assert [message.content for message in store.load_messages("p")] == [f"{SECRET} question", f"{SECRET} answer"]
    assert [message.content for message in store.load_messages("c")] == ["m"]
    assert store.change_automatic_title("p", f"{SECRET} title", "Short")
    store.set_when_full("p", WhenFull.STOP)
    store.show_branch("p", "a")
    found = store.load_conversation("p")
    assert found is not None
    assert (found.title, found.when_full, found.active_leaf_id) == ("Short", WhenFull.STOP, "a")
    assert store.find_by_name("Short") is None
    assert store.search(SECRET) == []


def test_deleting_can_be_undone_and_then_is_for_good(store: ConversationStore) -> None:
    fill(store)
    store.delete_conversations(["p"])
    assert [each.id for each in store.list_conversations()] == ["c"]
    assert [each.id for each in store.list_conversations(deleted=True)] == ["p"]
    store.restore_conversations(["p"])
    assert len(store.list_conversations()) == 2
    store.delete_conversations(["p"])
    assert store.purge_deleted(older_than=1e18) == ["p"]
    assert store.load_messages("p") == []


def test_it_is_gone_with_the_store(open_store: Callable[[], ConversationStore]) -> None:
    first = open_store()
    fill(first)
    first.close()
    assert [each.id for each in open_store().list_conversations()] == ["c"]
