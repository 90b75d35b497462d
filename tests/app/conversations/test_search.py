import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.conversations.attachment import Attachment
from app.conversations.migrations import MIGRATIONS
from app.conversations.records import MessageState
from app.conversations.search import HIT_END, HIT_START
from app.conversations.store import ConversationStore
from tests.app.conversations.samples import a_conversation, a_message

STREAMING = MessageState.STREAMING


def found(store: ConversationStore, text: str) -> list[str]:
    return sorted(hit.message_id for hit in store.search(text))


def is_index_sound(store: ConversationStore) -> bool:
    store._database.execute("INSERT INTO message_search (message_search, rank) VALUES ('integrity-check', 1)")
    return True


def test_all_words_must_be_there_and_the_last_may_be_a_beginning(store: ConversationStore) -> None:
    store.save_turn(a_conversation(title="Cooking"), [a_message(content="Crème brûlée with vanilla"), a_message("n")])
    hit = store.search("creme van")[0]
    assert (hit.message_id, hit.conversation_id, hit.title) == ("m", "c", "Cooking")
    assert hit.snippet == f"{HIT_START}Crème{HIT_END} brûlée with {HIT_START}vanilla{HIT_END}"
    assert store.search("creme chocolate") == []


def test_a_message_is_found_by_the_name_of_what_is_attached(store: ConversationStore) -> None:
    files = (
        Attachment(name="Boiler {manual} 2024.pdf", text="secret text", size_bytes=9),
        Attachment(name="plan_b.txt", text="", size_bytes=0),
        Attachment(name="機械学習.docx", text="", size_bytes=0),
    )
    store.save_turn(a_conversation(), [a_message(content="Please read it", attachments=files), a_message("n")])
    hit = store.search("boiler")[0]
    assert hit.snippet == f"Attachment: {HIT_START}Boiler{HIT_END} {{manual}} 2024.pdf"
    assert store.search("plan b")[0].snippet == "Attachment: plan_b.txt"
    assert store.search("学習")[0].snippet == f"Attachment: 機械{HIT_START}学習{HIT_END}.docx"
    assert store.search("read boil")[0].snippet == f"Please {HIT_START}read{HIT_END} it"
    assert found(store, "secret") == [], "what is in a file is not what was said"
    assert is_index_sound(store)
    store.save_message(a_message(content="Please read it"))
    assert found(store, "boiler") == []
    assert found(store, "read") == ["m"]
    assert is_index_sound(store)


def test_only_an_attachment_is_a_message_too(store: ConversationStore) -> None:
    only = (Attachment(name="notes.md", text="x", size_bytes=1),)
    store.save_turn(a_conversation(), [a_message(content="", attachments=only)])
    assert store.search("notes")[0].snippet == f"Attachment: {HIT_START}notes{HIT_END}.md"
    store._database.execute("UPDATE messages SET attachments = ?", (b"[{]",))
    assert found(store, "notes") == []
    assert is_index_sound(store)


def test_a_growing_answer_is_found_when_it_is_finished(store: ConversationStore) -> None:
    store.save_turn(a_conversation(), [a_message(content="apple", state=STREAMING)])
    assert found(store, "apple") == []
    store.save_message(a_message(content="apple pie"))
    assert found(store, "pie") == ["m"]
    store.save_message(a_message(content="apple pie and", state=STREAMING))  # continued
    assert found(store, "pie") == []
    store.save_message(a_message(content="apple pie and cream"))
    assert found(store, "cream") == ["m"]
    assert is_index_sound(store)


def test_a_changed_message_is_found_by_its_new_words_only(store: ConversationStore) -> None:
    store.save_turn(a_conversation(), [a_message(content="old words")])
    store.save_message(a_message(content="new words"))
    assert found(store, "old") == []
    assert found(store, "new") == ["m"]
    assert is_index_sound(store)


def test_deleted_conversations_are_not_found(store: ConversationStore) -> None:
    store.save_turn(a_conversation(), [a_message(content="secret")])
    store.delete_conversation("c")
    assert found(store, "secret") == []


@pytest.mark.parametrize(
    "text", ["", "   ", '"', "a AND", "NEAR(a b)", "content:a", "a*", "-a", "(", "'; DROP TABLE", "\0"]
)
def test_nothing_that_is_typed_is_query_syntax(store: ConversationStore, text: str) -> None:
    store.save_turn(a_conversation(), [a_message(content="a b")])
    store.search(text)
    assert is_index_sound(store)


@given(st.text(st.characters()), st.text(st.characters()))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
def test_the_index_stays_sound_under_any_text(store: ConversationStore, content: str, query: str) -> None:
    store.save_turn(a_conversation(), [a_message(content=content)])
    store.search(query)
    assert is_index_sound(store)


def test_words_of_ten_thousand_messages_are_found_at_once(store: ConversationStore) -> None:
    store.save_turn(a_conversation(), [a_message(f"m{n}", None, n, content=f"word{n} common") for n in range(10_000)])
    began = time.perf_counter()
    assert found(store, "word7777") == ["m7777"]
    assert time.perf_counter() - began < 1.0  # some milliseconds; generous for a busy machine


@pytest.mark.parametrize(
    ("content", "query", "marked"),
    [
        ("今天天气很好，我们去公园。", "天气", "天气"),
        ("今天天气很好，我们去公园。", "公", "公"),
        ("東京タワーへ行きました", "タワー", "タワー"),
        ("ฉันชอบกินข้าวผัด", "ข้าว", "ข้าว"),
        ("Python在中国很流行", "中国", "中国"),
        ("Python在中国很流行", "python", "Python"),
        ("한국어 문장입니다", "문장", "문장입니다"),
    ],
)
def test_scripts_without_spaces_are_found_by_any_part(
    store: ConversationStore, content: str, query: str, marked: str
) -> None:
    store.save_turn(a_conversation(), [a_message(content=content), a_message("n", content="Something else")])
    (hit,) = store.search(query)
    assert hit.message_id == "m"
    assert f"{HIT_START}{marked}{HIT_END}" in hit.snippet
    assert hit.snippet.replace(HIT_START, "").replace(HIT_END, "") == content


def test_characters_in_another_order_are_not_found(store: ConversationStore) -> None:
    store.save_turn(a_conversation(), [a_message(content="今天天气很好")])
    assert found(store, "气天") == []


def test_one_letter_finds_a_word_but_not_every_beginning(store: ConversationStore) -> None:
    store.save_turn(a_conversation(), [a_message(content="plan b"), a_message("n", content="better")])
    assert found(store, "b") == ["m"]
    assert found(store, "be") == ["n"]
    assert found(store, "plan x") == ["m"], "the next word has just begun"


def test_a_snippet_is_one_short_line_around_the_words(store: ConversationStore) -> None:
    store.save_turn(a_conversation(), [a_message(content="word " * 500 + "needle\n\n" + "word " * 500)])
    (hit,) = store.search("needle")
    assert hit.snippet.startswith("…")
    assert hit.snippet.endswith("…")
    assert f"{HIT_START}needle{HIT_END}" in hit.snippet
    assert "\n" not in hit.snippet
    assert len(hit.snippet) < 150


def test_a_rare_word_counts_more_than_common_ones(store: ConversationStore) -> None:
    often = [a_message(f"m{n}", None, n, content="tides " + "and the moon " * n) for n in range(1, 30)]
    store.save_turn(a_conversation(), [a_message("short", None, 0, content="tides"), *often])
    assert store.search("tides")[0].message_id == "short"


def test_an_index_of_before_is_made_anew(open_store: Callable[..., ConversationStore], database: Path) -> None:
    store = open_store(migrations=MIGRATIONS[:3])
    store.save_turn(
        a_conversation(), [a_message(content="今天天气很好"), a_message("n", content="apple", state=STREAMING)]
    )
    assert found(store, "天气") == []
    store.close()
    again = open_store()
    assert found(again, "天气") == ["m"]
    assert is_index_sound(again)
