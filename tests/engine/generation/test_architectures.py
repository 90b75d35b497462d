"""Greedy answers with reuse against transformers' cold generate, in float32, for every kind of architecture."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from engine.generation.chat_session import ChatSession
from tests import tiny_checkpoints
from tests.chat_probe import answered, ask, cold_ids, load_session, user

# These keep a state that can't be rewound: they go back to what was stored before and behind each answer.
NOT_REWINDABLE = {"qwen3_next", "lfm2", "falcon_h1", "bamba", "mamba", "mamba2"}
# These go on with single ids only, which pays for short follow-ups of long conversations.
SINGLE_IDS = {"mamba"}

OPENING = user("Tell me a story about a small lighthouse and the sea")


@pytest.fixture(params=sorted(tiny_checkpoints.ARCHITECTURES), scope="module")
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def loaded_session(name: str, tiny_folder: Path) -> Iterator[ChatSession]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # two threads only wait for each other over matrices this small
    yield load_session(str(tiny_checkpoints.make(name, tiny_folder)), tiny_folder)
    torch.set_num_threads(threads)


@pytest.fixture
def session(loaded_session: ChatSession) -> ChatSession:
    for conversation in ("c", "other"):
        loaded_session.forget(conversation)
    return loaded_session


def test_every_way_through_a_conversation_reads_as_a_cold_run(session: ChatSession, name: str) -> None:
    first = ask(session, [OPENING])
    assert first.token_ids == cold_ids(session, [OPENING])

    follow_up = [OPENING, answered(session, first), user("And then?")]
    second = ask(session, follow_up)
    assert second.token_ids == cold_ids(session, follow_up)

    longer = [*follow_up, answered(session, second), user("Once more, please")]
    third = ask(session, longer)
    assert third.token_ids == cold_ids(session, longer)

    again = ask(session, longer)
    assert again.token_ids == third.token_ids

    edited = [OPENING, answered(session, first), user("And why?")]
    other_answer = ask(session, edited)
    assert other_answer.token_ids == cold_ids(session, edited)

    elsewhere = [user("Hello")]
    assert ask(session, elsewhere, conversation="other").token_ids == cold_ids(session, elsewhere)
    branched = [*edited, answered(session, other_answer), user("Go on")]
    assert ask(session, branched).token_ids == cold_ids(session, branched)


def test_a_follow_up_feeds_only_the_new_ids(session: ChatSession, name: str) -> None:
    first = ask(session, [OPENING])
    held = first.statistics.prompt_tokens + len(first.token_ids)
    second = ask(session, [OPENING, answered(session, first), user("And then?")])
    new_ids = second.statistics.prompt_tokens - held
    if name in SINGLE_IDS:
        assert second.statistics.prefilled_tokens == second.statistics.prompt_tokens
        return
    assert second.statistics.prefilled_tokens in (new_ids, new_ids + 1)
    assert second.statistics.reused_tokens + second.statistics.prefilled_tokens == second.statistics.prompt_tokens


def test_regenerate_feeds_one_id(session: ChatSession, name: str) -> None:
    ask(session, [OPENING])
    again = ask(session, [OPENING])
    assert again.statistics.prefilled_tokens == 1


def test_the_load_check_finds_out_what_can_be_rewound(session: ChatSession, name: str) -> None:
    assert session._runner.kv.can_rewind == (name not in NOT_REWINDABLE)
    assert session._runner.reads_in_chunks == (name not in SINGLE_IDS)


@pytest.mark.parametrize("name", sorted(SINGLE_IDS), indirect=True)
def test_a_short_follow_up_of_a_long_conversation_is_read_id_by_id(session: ChatSession, name: str) -> None:
    long = user("Tell me about the ships. " * 25)
    first = ask(session, [long])
    held = first.statistics.prompt_tokens + len(first.token_ids)
    ask(session, [user("Hello")], conversation="other")
    follow_up = [long, answered(session, first), user("And?")]
    second = ask(session, follow_up)
    assert second.statistics.reused_tokens in (held, held - 1)
    assert second.token_ids == cold_ids(session, follow_up)


@pytest.mark.parametrize("name", ["lfm2"], indirect=True)
def test_a_small_state_is_kept_of_every_turn(session: ChatSession, name: str) -> None:
    first = ask(session, [OPENING], maximum_tokens=4)
    talk = [OPENING, answered(session, first)]
    for number in range(6):
        talk += [user(f"And {number}?")]
        talk += [answered(session, ask(session, talk, maximum_tokens=4))]
    edited = ask(session, [*talk[:2], user("And why?")], maximum_tokens=4)
    held = first.statistics.prompt_tokens + len(first.token_ids)
    assert edited.statistics.prefilled_tokens <= edited.statistics.prompt_tokens - held + 1
