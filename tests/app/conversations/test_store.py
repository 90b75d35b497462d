import logging
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.conversations.attachment import Attachment
from app.conversations.errors import ConversationGone
from app.conversations.records import Message, MessageState
from app.conversations.rows import packed, unpacked
from app.conversations.store import DELETED_KEPT_SECONDS, ConversationStore
from engine.api.codec import clean_text
from engine.api.errors import ErrorKind, ErrorReport
from engine.api.events import FinishReason, Statistics
from engine.api.message import Role
from engine.api.sampling import Sampling
from tests.app.conversations.samples import a_conversation, a_message

STATISTICS = Statistics(10, 4, 6, 3, 0.5, 0.4, 0.1, 30.0)
STREAMING = MessageState.STREAMING
NOTES = Attachment(name="notes.txt", text="Four words of notes", size_bytes=19, note="Pages 2 and 3 are pictures.")


def full_message(**values) -> Message:
    return a_message(
        "full",
        None,
        7,
        role=Role.ASSISTANT,
        content="An answer",
        created_at=1234.5678,
        state=MessageState.FAILED,
        token_ids=(0, 5, 2**32 - 1),
        tokenizer_id="tok",
        model="SmolLM2",
        precision="bf16",
        finish_reason=FinishReason.STOPPED,
        statistics=STATISTICS,
        error=ErrorReport(ErrorKind.OUT_OF_MEMORY, "No memory.", "Use less.", "trace"),
        attachments=(NOTES,),
        **values,
    )


def test_records_come_back_as_they_were(store: ConversationStore) -> None:
    conversation = a_conversation(name="n", system_prompt="s", active_leaf_id="full", draft="d", title_is_manual=True)
    store.save_turn(conversation, [full_message()])
    assert store.list_conversations() == [conversation]
    assert store.load_conversation("c") == conversation
    assert store.load_messages("c") == [full_message()]
    assert store.load_conversation("unknown") is None
    assert store.load_messages("unknown") == []


@given(text=st.text(st.characters()))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
def test_any_text_comes_back_exactly_but_for_lone_surrogates(store: ConversationStore, text: str) -> None:
    store.save_turn(a_conversation(title=text, draft=text), [a_message(content=text)])
    assert store.load_messages("c")[0].content == clean_text(text)
    assert store.load_conversation("c").draft == clean_text(text)


@pytest.mark.parametrize(
    "text", ["a\0b\0", "\u2028\u2029\x85", "\ufeff\uffff\u202e", "👩‍👩‍👧", "e\u0301" * 999, "x" * 10_000_000]
)
def test_difficult_texts_come_back_exactly(store: ConversationStore, text: str) -> None:
    store.save_turn(a_conversation(), [a_message(content=text)])
    assert store.load_messages("c")[0].content == text


def test_a_lone_surrogate_anywhere_is_replaced_and_stops_nothing(store: ConversationStore) -> None:
    report = ErrorReport(ErrorKind.INTERNAL, "\ud800", "\ud800", "\ud800")
    conversation = a_conversation(title="\ud800", name="\ud800", system_prompt="\ud800", draft="\ud800")
    store.save_turn(conversation, [a_message(content="\ud800", model="\ud800", error=report)])
    assert store.load_messages("c")[0].error.details == "\ufffd"
    store.save_draft("c", "\udfff")
    store.rename("c", "\udfff")
    assert store.find_by_name("\ud800") is not None
    assert store.search("\ud800") == []


@given(st.lists(st.integers(0, 2**32 - 1)).map(tuple))
@settings(deadline=None)
def test_token_ids_take_four_bytes_each(ids: tuple[int, ...]) -> None:
    assert len(packed(ids)) == 4 * len(ids)
    assert unpacked(packed(ids)) == ids


def test_damaged_values_leave_the_text_readable(store: ConversationStore) -> None:
    store.save_turn(a_conversation(), [full_message()])
    store._database.execute(
        "UPDATE messages SET token_ids = x'010203', statistics = x'7b', error = x'ff', finish_reason = 'odd', "
        "state = 'odd', role = 'odd'"
    )
    message = store.load_messages("c")[0]
    assert message.content == "An answer"
    assert (message.token_ids, message.statistics, message.error, message.finish_reason) == ((), None, None, None)
    assert message.state is MessageState.INTERRUPTED


def test_saving_again_replaces_and_keeps_the_messages(store: ConversationStore) -> None:
    store.save_turn(a_conversation(), [a_message()])
    store.save_conversation(a_conversation(title="New"))
    store.save_message(a_message(content="longer"))
    assert store.list_conversations()[0].title == "New"
    assert [message.content for message in store.load_messages("c")] == ["longer"]


def test_what_has_methods_of_its_own_is_saved_with_a_new_conversation_and_then_left(store: ConversationStore) -> None:
    sampling = Sampling(temperature=0.5)
    first = a_conversation(is_pinned=True, is_unread=True, sampling=sampling, draft_attachments=(NOTES,))
    store.save_conversation(first)
    assert store.load_conversation(first.id) == first
    store.save_conversation(a_conversation(title="Other"))
    assert store.load_conversation(first.id) == msgspec.structs.replace(first, title="Other")


def test_light_changes_touch_nothing_else(store: ConversationStore) -> None:
    before = a_conversation(system_prompt="s", name="n")
    store.save_conversation(before)
    store.save_draft("c", "typing")
    store.rename("c", "Mine")
    store.show_branch("c", "leaf")
    assert store.load_conversation("c") == msgspec.structs.replace(
        before, draft="typing", title="Mine", title_is_manual=True, active_leaf_id="leaf"
    )


def test_a_turn_is_saved_whole_or_not_at_all(store: ConversationStore) -> None:
    with pytest.raises(ConversationGone) as caught:
        store.save_turn(a_conversation(), [a_message(), a_message("stray", conversation_id="gone")])
    assert "deleted" in caught.value.sentence()
    assert store.list_conversations() == []


def test_conversations_are_listed_last_changed_first(store: ConversationStore) -> None:
    for name, updated_at in [("old", 1.0), ("new", 3.0), ("middle", 2.0)]:
        store.save_conversation(a_conversation(name, updated_at=updated_at))
    assert [each.id for each in store.list_conversations()] == ["new", "middle", "old"]


def test_messages_are_ordered_by_sequence_whatever_the_clock_said(store: ConversationStore) -> None:
    store.save_turn(
        a_conversation(), [a_message("b", None, 2, created_at=0.0), a_message("a", None, 1, created_at=9.0)]
    )
    assert [message.id for message in store.load_messages("c")] == ["a", "b"]


def test_next_sequence_grows_beyond_every_message(store: ConversationStore) -> None:
    first = store.next_sequence()
    assert store.next_sequence() == first + 1
    store.save_turn(a_conversation(), [a_message(sequence=1000)])
    assert store.next_sequence() == 1001


def test_a_name_wins_over_a_title_and_the_last_changed_over_the_rest(store: ConversationStore) -> None:
    store.save_conversation(a_conversation("named", name="work", updated_at=1.0))
    store.save_conversation(a_conversation("titled", title="work", updated_at=9.0))
    assert store.find_by_name("work").id == "named"
    store.save_conversation(a_conversation("named too", name="work", updated_at=2.0))
    assert store.find_by_name("work").id == "named too"
    store.delete_conversations(["named"])
    store.delete_conversations(["named too"])
    assert store.find_by_name("work").id == "titled"
    assert store.find_by_name("Work") is None


def test_find_or_create_makes_a_name_once(store: ConversationStore) -> None:
    created = store.find_or_create("notes", "Be brief.")
    assert (created.name, created.title, created.system_prompt) == ("notes", "notes", "Be brief.")
    assert store.find_or_create("notes") == created


def test_delete_can_be_undone_until_it_is_purged(open_store: Callable[..., ConversationStore]) -> None:
    store = open_store(clock=lambda: 100.0)
    store.save_turn(a_conversation(), [a_message()])
    store.delete_conversations(["c"])
    assert store.list_conversations() == []
    assert [each.deleted_at for each in store.list_conversations(deleted=True)] == [100.0]
    assert store.purge_deleted(older_than=100.0) == []
    store.restore_conversations(["c"])
    assert [each.id for each in store.list_conversations()] == ["c"]
    store.delete_conversations(["c"])
    assert store.purge_deleted(older_than=101.0) == ["c"]
    assert store.load_messages("c") == []
    store._database.execute("INSERT INTO message_search (message_search, rank) VALUES ('integrity-check', 1)")


def test_what_was_deleted_a_month_ago_goes_with_the_daily_backup(open_store: Callable[..., ConversationStore]) -> None:
    now = [0.0]
    store = open_store(clock=lambda: now[0])
    store.save_conversation(a_conversation())
    store.delete_conversations(["c"])
    now[0] = DELETED_KEPT_SECONDS + 1
    store.maintain()
    assert store.load_conversation("c") is None


def test_no_text_of_a_conversation_is_logged(
    store: ConversationStore, database: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    store.save_turn(a_conversation(title="canary", draft="canary"), [a_message(content="canary")])
    store.search("canary")
    with pytest.raises(ConversationGone) as caught:
        store.save_message(a_message("m2", conversation_id="gone", content="canary"))
    store._database.execute("UPDATE messages SET statistics = CAST('canary' AS BLOB), finish_reason = 'canary'")
    store.load_messages("c")
    store.maintain()
    assert "canary" not in caplog.text
    assert "canary" not in caught.value.sentence() + caught.value.details


def test_an_answer_cut_off_by_closing_is_interrupted_with_its_text(
    open_store: Callable[..., ConversationStore],
) -> None:
    store = open_store()
    store.save_turn(a_conversation(), [a_message(content="half", state=STREAMING, token_ids=(1, 2))])
    assert store.mark_interrupted() == 0  # this writer lives
    store.close()
    message = open_store().load_messages("c")[0]
    assert (message.state, message.content, message.token_ids) == (MessageState.INTERRUPTED, "half", (1, 2))


def test_an_answer_that_another_process_is_writing_is_left_alone(open_store: Callable[..., ConversationStore]) -> None:
    terminal = open_store()
    terminal.save_turn(a_conversation(), [a_message(content="half", state=STREAMING)])
    window = open_store()
    assert window.mark_interrupted() == 0
    assert window.load_messages("c")[0].state is STREAMING
    terminal.close()
    assert window.mark_interrupted() == 1
    assert window.load_messages("c")[0].state is MessageState.INTERRUPTED


def test_closing_twice_is_harmless(store: ConversationStore, database: Path) -> None:
    store.save_conversation(a_conversation())
    store.close()
    store.close()
    again = ConversationStore(database)
    assert again.notices == ()
    assert [each.id for each in again.list_conversations()] == ["c"]
    again.close()


def test_the_folder_is_private(store: ConversationStore, database: Path) -> None:
    assert database.parent.stat().st_mode & 0o077 == 0
