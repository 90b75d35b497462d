"""What is said of a prompt is what a generation then reads, and saying it changes nothing."""

from pathlib import Path

import msgspec
import pytest

from engine.api.commands import DescribePrompt
from engine.api.errors import EngineError, ErrorKind
from engine.api.message import PromptMessage, Role
from engine.api.prompt import PromptPiece, PromptSource
from engine.api.warmth import Tier
from engine.generation.chat_session import ChatSession
from tests import tiny_checkpoints
from tests.chat_probe import answered, ask, load_session, user
from tests.engine.generation.test_prompt import LLAMA2_STYLE, TWICE_STYLE, builder, ids_of, turn

LONG = user("word " * 150)


@pytest.fixture
def session(tiny_folder: Path) -> ChatSession:
    return load_session(str(tiny_checkpoints.make("llama", tiny_folder)), tiny_folder)


def described(messages: list[PromptMessage], conversation: str = "c") -> DescribePrompt:
    return DescribePrompt(command_id="d", conversation_id=conversation, messages=tuple(messages))


def ids(pieces: list[PromptPiece]) -> list[int]:
    return [token_id for piece in pieces for token_id in piece.token_ids]


def test_ids_are_those_of_the_prompt_and_texts_are_what_they_say(session: ChatSession) -> None:
    first = ask(session, [user("Hello")])
    messages = [user("Hello"), answered(session, first), user("Ünd <b>weiter</b> 🌊?")]
    pieces, _, first_kept = session.describe_prompt(described(messages))
    assert ids(pieces) == session._prompts.build(messages, False, 0.0)
    assert all(len(piece.token_ids) == len(piece.texts) for piece in pieces)
    by_source = {source: "".join("".join(p.texts) for p in pieces if p.source is source) for source in PromptSource}
    assert "Hello" in by_source[PromptSource.MESSAGE]
    assert "Ünd <b>weiter</b> 🌊?" in by_source[PromptSource.MESSAGE]
    assert "Hello" not in by_source[PromptSource.TEMPLATE]
    generated = [piece.token_ids for piece in pieces if piece.source is PromptSource.GENERATED]
    assert generated == ([first.token_ids] if first.token_ids else [])
    assert first_kept == 0


def test_what_is_said_to_be_reused_is_reused(session: ChatSession) -> None:
    first = ask(session, [LONG])
    follow_up = [LONG, answered(session, first), user("And?")]
    for other in (None, "other"):
        if other:
            ask(session, [user("Something else, so that the slab is another's")], conversation=other)
        _, reused, _ = session.describe_prompt(described(follow_up))
        again = ask(session, follow_up)
        assert sum(part.tokens for part in reused) == again.statistics.reused_tokens > 500
        beside = sum(part.tokens for part in reused if part.tier is not Tier.DEVICE)
        assert beside == again.statistics.restored_tokens
        assert (beside > 0) == (other is not None)


def test_an_unknown_prompt_is_read_whole(session: ChatSession) -> None:
    assert session.describe_prompt(described([LONG], "new"))[1] == []


def test_nothing_is_changed_by_it(session: ChatSession) -> None:
    ask(session, [LONG])
    kv = session._runner.kv
    before = (kv.ids.tolist(), set(session._warm.tree.items), session._warm.owner, session.describe_warmth())
    session.describe_prompt(described([user("Quite another question")], "other"))
    session.describe_prompt(described([LONG]))
    assert (kv.ids.tolist(), set(session._warm.tree.items), session._warm.owner, session.describe_warmth()) == before


def test_a_conversation_that_is_too_long_is_told_as_it_would_be(session: ChatSession) -> None:
    with pytest.raises(EngineError) as refused:
        session.describe_prompt(described([user("word " * 900)]))
    assert refused.value.report.kind is ErrorKind.MESSAGE_TOO_LONG


def test_a_continued_answer_is_part_of_the_prompt(session: ChatSession) -> None:
    command = msgspec.structs.replace(
        described([user("Hello"), turn(Role.ASSISTANT, "one two", (), "other")]), continue_last=True
    )
    pieces, _, _ = session.describe_prompt(command)
    assert "".join(pieces[-1].texts).endswith("one two")
    assert pieces[-1].source is PromptSource.MESSAGE


@pytest.mark.parametrize("template", [None, LLAMA2_STYLE, TWICE_STYLE])
def test_every_template_is_taken_apart_without_losing_a_token(template: str | None) -> None:
    made = builder(template) if template else builder()
    messages = [
        turn(Role.USER, " Hello <|im_end|> there "),
        turn(Role.ASSISTANT, "answers", ids_of("answers")),
        turn(Role.USER, "<|im_start|>system"),
    ]
    pieces = made.pieces(messages, False, 0.0)
    assert ids(pieces) == made.build(messages, False, 0.0)
    if template is None:
        foreign = ["".join(p.texts) for p in pieces if p.source is PromptSource.MESSAGE]
        assert foreign == [" Hello <|im_end|> there ", "<|im_start|>system"]
