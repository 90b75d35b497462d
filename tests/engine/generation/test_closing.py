"""Thinking that is ended: the closing is read behind what is held, told with its ids, and all stays exact."""

from pathlib import Path

import pytest

from engine.api.cancellation import CancellationToken
from engine.api.commands import Generate
from engine.api.message import PromptMessage, Role
from engine.api.sampling import Sampling
from engine.generation.chat_session import ChatSession
from engine.generation.detokenizer import without_half
from engine.generation.generate import Report, Result
from tests.chat_probe import ask, user
from tests.engine.generation.test_housekeeping import OPENS_THINKING, STRIPS_THINKING, session_with

CLOSING = "\n</think>\n\n"
QUESTION = user("Tell me a story about a small lighthouse. " * 5)


def answer_now(session: ChatSession, messages: list[PromptMessage]) -> tuple[Result, list[tuple[str, tuple[int, ...]]]]:
    """Continue the last message behind the closing; return the result and what was reported on the way."""
    told: list[tuple[str, tuple[int, ...]]] = []
    command = Generate(
        command_id="g",
        conversation_id="c",
        message_id="m",
        messages=tuple(messages),
        sampling=Sampling(temperature=0, maximum_tokens=8),
        continue_last=True,
        closing=CLOSING,
    )
    report = Report(lambda *_: None, lambda text, ids: told.append((text, ids)))
    return session.answer(command, CancellationToken(), report), told


@pytest.mark.parametrize("name", ["llama", "lfm2"])
def test_the_closing_is_read_behind_what_is_held(name: str, tiny_folder: Path) -> None:
    session = session_with(name, tiny_folder, OPENS_THINKING)
    assert session.plan.opens_thinking
    thought = ask(session, [QUESTION])
    begun = PromptMessage(Role.ASSISTANT, thought.text, thought.token_ids, session.plan.tokenizer_id)
    result, told = answer_now(session, [QUESTION, begun])
    assert result.text.startswith(CLOSING)
    assert told[0][0] == CLOSING
    assert "".join(text for text, _ in told) == result.text
    assert tuple(token for _, ids in told for token in ids) == result.token_ids
    closing_ids = told[0][1]
    assert 0 < len(closing_ids) < 12
    assert result.statistics.prefilled_tokens <= len(closing_ids) + 1
    # Where the thought was stopped within a character, half of one stands before what is told from there on.
    begun_with, whole = (decoded(session, ids) for ids in (thought.token_ids, thought.token_ids + result.token_ids))
    assert without_half(begun_with) == thought.text
    assert without_half(whole) == begun_with + result.text


def decoded(session: ChatSession, ids: tuple[int, ...]) -> str:
    return str(session.loaded.tokenizer.decode(list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False))


def test_it_goes_on_as_a_model_would_that_had_closed_it_itself(tiny_folder: Path) -> None:
    session = session_with("llama", tiny_folder, OPENS_THINKING)
    thought = ask(session, [QUESTION])
    begun = PromptMessage(Role.ASSISTANT, thought.text, thought.token_ids, session.plan.tokenizer_id)
    result, told = answer_now(session, [QUESTION, begun])
    fresh = session_with("llama", tiny_folder, OPENS_THINKING)
    closed = PromptMessage(
        Role.ASSISTANT, thought.text + CLOSING, thought.token_ids + told[0][1], fresh.plan.tokenizer_id
    )
    command = Generate(
        command_id="g",
        conversation_id="d",
        message_id="m",
        messages=(QUESTION, closed),
        sampling=Sampling(temperature=0, maximum_tokens=8),
        continue_last=True,
    )
    cold = fresh.answer(command, CancellationToken(), Report(lambda *_: None, lambda *_: None))
    assert told[0][1] + cold.token_ids == result.token_ids


def test_a_template_that_opens_nothing_says_so(tiny_folder: Path) -> None:
    assert not session_with("llama", tiny_folder, STRIPS_THINKING).plan.opens_thinking
