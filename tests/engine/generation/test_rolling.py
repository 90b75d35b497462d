"""A conversation that outgrows the window: refused, or its oldest turns left out so that the rest stays warm."""

import itertools
from pathlib import Path

import msgspec
import pytest

from engine.api.cancellation import CancellationToken
from engine.api.commands import Generate, WhenFull
from engine.api.errors import EngineError, ErrorKind
from engine.api.message import PromptMessage, Role
from engine.generation.chat_session import ChatSession
from engine.generation.generate import Report, Result
from tests import tiny_checkpoints
from tests.chat_probe import answered, cold_ids, command, load_session, user

WINDOW = 512
SYSTEM = PromptMessage(role=Role.SYSTEM, content="Answer briefly.")


@pytest.fixture
def session(tiny_folder: Path) -> ChatSession:
    return load_session(str(tiny_checkpoints.make("llama", tiny_folder)), tiny_folder, context=WINDOW)


def rolling(messages: list[PromptMessage]) -> Generate:
    return msgspec.structs.replace(command(messages, maximum_tokens=8), when_full=WhenFull.ROLL)


def answer(session: ChatSession, messages: list[PromptMessage]) -> tuple[Result, int]:
    """Return the answer and which message was told to be the first kept, 0 if none was left out."""
    told: list[int] = []
    report = Report(prefilled=lambda *_: None, generated=lambda *_: None, rolled=told.append)
    result = session.answer(rolling(messages), CancellationToken(), report)
    return result, (told or [0])[0]


def question(number: int) -> PromptMessage:
    return user(f"{number} " + "and the ships " * 6)


def test_the_oldest_turns_are_left_out_seldom_and_what_follows_stays_warm(session: ChatSession) -> None:
    conversation, rolls, reused = [SYSTEM], [], []
    for number in range(24):
        conversation.append(question(number))
        result, first_kept = answer(session, conversation)
        if first_kept:
            assert conversation[first_kept].role is Role.USER
            conversation = [SYSTEM, *conversation[first_kept:]]
            rolls.append(number)
        else:
            reused.append(result.statistics.prompt_tokens - result.statistics.reused_tokens)
        assert result.statistics.prompt_tokens + 8 <= WINDOW
        assert result.token_ids == cold_ids(session, conversation, 8)
        conversation.append(answered(session, result))
    assert rolls
    assert all(later - earlier >= 3 for earlier, later in itertools.pairwise(rolls)), "enough at once"
    assert max(reused[1:]) < 60, "between two rolls only the new turn is read"


def test_without_leave_to_roll_the_two_numbers_are_told(session: ChatSession) -> None:
    conversation = [message for number in range(20) for message in (question(number), _said())][:-1]
    with pytest.raises(EngineError) as caught:
        session.answer(command(conversation), CancellationToken(), Report(lambda *_: None, lambda *_: None))
    assert caught.value.report.kind is ErrorKind.PROMPT_TOO_LONG
    assert caught.value.report.message.startswith("The conversation has")


def test_what_nobody_instructed_is_not_blamed_on_instructions(session: ChatSession) -> None:
    conversation = [user("word " * 75), _said(), user("word " * 75)]
    with pytest.raises(EngineError) as caught:
        session.answer(command(conversation), CancellationToken(), Report(lambda *_: None, lambda *_: None))
    assert caught.value.report.message.startswith("The conversation has")


def test_where_nothing_is_left_out_nothing_is_told(session: ChatSession) -> None:
    result, first_kept = answer(session, [SYSTEM, user("w " * 236)])
    assert WINDOW - 8 < result.statistics.prompt_tokens < WINDOW
    assert first_kept == 0


def test_a_message_that_is_too_long_by_itself_is_told_as_such(session: ChatSession) -> None:
    conversation = [SYSTEM, question(1), _said(), user("word " * 700)]
    with pytest.raises(EngineError) as caught:
        answer(session, conversation)
    assert caught.value.report.kind is ErrorKind.MESSAGE_TOO_LONG
    assert caught.value.report.message.startswith("This message alone")
    with pytest.raises(EngineError, match="This message alone"):
        answer(session, [user("word " * 700)])


@pytest.mark.parametrize("when_full", WhenFull)
@pytest.mark.parametrize(
    ("system", "question", "told"),
    [
        ("word " * 300, "Hi", "The instructions and this message have"),
        ("word " * 50, "word " * 300, "This message alone has"),
        ("word " * 75, "word " * 75, "The instructions and this message have"),
    ],
)
def test_what_is_too_long_by_itself_is_named(
    session: ChatSession, when_full: WhenFull, system: str, question: str, told: str
) -> None:
    conversation = [PromptMessage(role=Role.SYSTEM, content=system), user("Hello"), _said(), user(question)]
    wanted = msgspec.structs.replace(command(conversation), when_full=when_full)
    with pytest.raises(EngineError) as caught:
        session.answer(wanted, CancellationToken(), Report(lambda *_: None, lambda *_: None))
    assert caught.value.report.message.startswith(told)
    assert caught.value.report.kind is ErrorKind.MESSAGE_TOO_LONG


def test_an_answer_that_is_too_long_to_be_continued_says_what_helps(session: ChatSession) -> None:
    """It was written in a larger window; its question can't be shortened any more, and would not help."""
    said = PromptMessage(role=Role.ASSISTANT, content="word " * 300)
    conversation = [question(1), _said(), question(2), said]
    wanted = msgspec.structs.replace(rolling(conversation), continue_last=True)
    with pytest.raises(EngineError, match="This message and its answer have") as caught:
        session.answer(wanted, CancellationToken(), Report(lambda *_: None, lambda *_: None))
    assert caught.value.report.kind is ErrorKind.MESSAGE_TOO_LONG
    assert "horten" not in caught.value.report.hint


def test_a_long_last_message_is_kept_as_long_as_it_fits(session: ChatSession) -> None:
    long = user("w " * 200)
    conversation = [question(1), _said(), question(2), _said(), long]
    result, first_kept = answer(session, conversation)
    assert first_kept == 4
    assert result.token_ids == cold_ids(session, [long], 8)


def test_a_continued_answer_may_roll_as_well(session: ChatSession) -> None:
    said = PromptMessage(role=Role.ASSISTANT, content="The ships " * 20)
    conversation = [message for number in range(12) for message in (question(number), _said())]
    conversation[-1] = said
    told: list[int] = []
    wanted = msgspec.structs.replace(rolling(conversation), continue_last=True)
    session.answer(wanted, CancellationToken(), Report(lambda *_: None, lambda *_: None, told.append))
    assert told
    assert conversation[told[0]].role is Role.USER


def _said() -> PromptMessage:
    return PromptMessage(role=Role.ASSISTANT, content="Yes, the ships.")
