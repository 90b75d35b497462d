"""Reading ahead and titles: they leave the conversation's KV as useful as it was, and give way at once."""

import copy
import dataclasses
from pathlib import Path

import pytest
import torch

from engine.api.cancellation import CancellationToken
from engine.api.commands import PrepareConversation, SuggestTitle
from engine.api.errors import Cancelled
from engine.api.message import PromptMessage, Role
from engine.api.plan import PrecisionChoice
from engine.api.warmth import TierBudgets
from engine.bench.byte_tokenizer import VOCABULARY_SIZE
from engine.checkpoints import loader
from engine.generation.chat_session import ChatSession
from engine.generation.housekeeping import _title_in
from tests import tiny_checkpoints
from tests.chat_probe import answered, ask, cold_ids, user

STRIPS_THINKING = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% if message['role'] == 'assistant' and '</think>' in message['content'] %}"
    "{{ message['content'].split('</think>')[-1].lstrip('\n') }}{% else %}{{ message['content'] }}{% endif %}"
    "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
OPENS_THINKING = STRIPS_THINKING.replace(
    "<|im_start|>assistant\n{% endif %}", "<|im_start|>assistant\n<think>\n{% endif %}"
)
OPENING = user("Tell me a story about a small lighthouse. " * 5)
THOUGHTS = "<think>\n" + "The ships are small and the letters are many. " * 6 + "\n</think>\n\n"


def session_with(
    name: str, folder: Path, template: str | None = None, ram_bytes: int | None = None
) -> ChatSession:  # fmt: skip
    path = str(tiny_checkpoints.make(name, folder))
    loaded = loader.load(path, PrecisionChoice.FP32, 1024, "cpu", folder, CancellationToken(), lambda *_: None)
    if template is not None:
        loaded = dataclasses.replace(loaded, tokenizer=copy.copy(loaded.tokenizer))  # that one is every load's
        loaded.tokenizer.chat_template = template
    return ChatSession(loaded, budgets=TierBudgets(ram_bytes=ram_bytes))


def prepare(session: ChatSession, messages: list[PromptMessage], token: CancellationToken | None = None) -> int:
    command = PrepareConversation(command_id="p", conversation_id="c", messages=tuple(messages))
    return session.prepare(command, token or CancellationToken())


def title(session: ChatSession, messages: list[PromptMessage], token: CancellationToken | None = None) -> str:
    command = SuggestTitle(command_id="t", conversation_id="c", messages=tuple(messages))
    return session.suggest_title(command, token or CancellationToken())[0]


def thought_over(session: ChatSession) -> list[PromptMessage]:
    """Let the model write an answer on that begins with thinking; return the conversation."""
    text = THOUGHTS + "The sea."
    ids = tuple(session.loaded.tokenizer(text, add_special_tokens=False)["input_ids"])
    begun = PromptMessage(Role.ASSISTANT, text, ids, session.plan.tokenizer_id)
    rest = ask(session, [OPENING, begun], continue_last=True)
    whole = PromptMessage(Role.ASSISTANT, text + rest.text, ids + rest.token_ids, session.plan.tokenizer_id)
    return [OPENING, whole]


@pytest.mark.parametrize("name", ["llama", "lfm2"])
def test_an_answer_without_its_thinking_is_read_ahead(name: str, tiny_folder: Path) -> None:
    session = session_with(name, tiny_folder, STRIPS_THINKING)
    conversation = thought_over(session)
    thinking = len(session.loaded.tokenizer(THOUGHTS, add_special_tokens=False)["input_ids"])
    read = prepare(session, conversation)
    assert 0 < read < thinking, "the answer alone, not the opening"
    assert prepare(session, conversation) == 0
    follow_up = [*conversation, user("And then?")]
    after = ask(session, follow_up)
    assert after.statistics.prefilled_tokens < 25
    assert after.token_ids == cold_ids(session, follow_up)


def test_nothing_is_read_ahead_where_answers_are_repeated(tiny_folder: Path) -> None:
    session = session_with("llama", tiny_folder)
    first = ask(session, [OPENING])
    held = session._runner.kv.ids.tolist()
    assert prepare(session, [OPENING, answered(session, first)]) == 0
    assert session._runner.kv.ids.tolist() == held


def test_reading_ahead_that_is_given_up_costs_nothing(tiny_folder: Path) -> None:
    session = session_with("llama", tiny_folder, STRIPS_THINKING)
    conversation = thought_over(session)
    token = CancellationToken()
    layer = session.loaded.model.model.layers[1]
    hook = layer.register_forward_pre_hook(lambda module, arguments: token.cancel())
    with pytest.raises(Cancelled):
        prepare(session, conversation, token)
    hook.remove()
    follow_up = [*conversation, user("And then?")]
    assert ask(session, follow_up).token_ids == cold_ids(session, follow_up)
    again = [OPENING, conversation[1]]
    rest = ask(session, again, continue_last=True)
    assert rest.statistics.reused_tokens >= rest.statistics.prompt_tokens - 1, "with its thinking it is still known"


@pytest.mark.parametrize("name", ["llama", "mistral", "lfm2", "qwen3_next", "mamba2"])
def test_a_title_leaves_the_conversation_as_it_was(name: str, tiny_folder: Path) -> None:
    session = session_with(name, tiny_folder)
    conversation = [OPENING, answered(session, ask(session, [OPENING]))]
    held = session._runner.kv.ids.tolist()
    fed_before = session._runner.fed_tokens
    title(session, conversation)
    assert 0 < session._runner.fed_tokens - fed_before < 200
    assert session._runner.kv.ids.tolist() == held
    follow_up = [*conversation, user("And then?")]
    after = ask(session, follow_up)
    assert after.statistics.reused_tokens in (len(held), len(held) - 1)
    assert after.token_ids == cold_ids(session, follow_up)


@pytest.mark.parametrize("name", ["llama", "lfm2"])
def test_a_title_that_is_given_up_leaves_it_as_well(name: str, tiny_folder: Path) -> None:
    session = session_with(name, tiny_folder)
    conversation = [OPENING, answered(session, ask(session, [OPENING]))]
    held = session._runner.kv.ids.tolist()
    token = CancellationToken()
    layer = session.loaded.model.model.layers[1]
    hook = layer.register_forward_pre_hook(lambda module, arguments: token.cancel())
    with pytest.raises(Cancelled):
        title(session, conversation, token)
    hook.remove()
    assert session._runner.kv.ids.tolist() == held


def test_no_title_where_it_would_cost_the_conversation_its_kv(tiny_folder: Path) -> None:
    session = session_with("lfm2", tiny_folder, ram_bytes=0)
    conversation = [OPENING, answered(session, ask(session, [OPENING]))]
    fed_before = session._runner.fed_tokens
    assert title(session, conversation) == ""
    ask(session, [user("Hello")])
    fed = session._runner.fed_tokens
    assert title(session, conversation) == "", "another conversation is in its place"
    assert session._runner.fed_tokens == fed > fed_before


def test_no_title_where_it_would_take_the_place_of_what_nobody_else_has(tiny_folder: Path) -> None:
    session = session_with("llama", tiny_folder, ram_bytes=0)
    conversation = [OPENING, answered(session, ask(session, [OPENING]))]
    ask(session, [*conversation, user("And then? " * 9)])
    held = session._runner.kv.ids.tolist()
    assert title(session, conversation) == ""
    assert session._runner.kv.ids.tolist() == held


def test_no_title_where_it_would_turn_all_positions(tiny_folder: Path) -> None:
    session = session_with("phi3_longrope", tiny_folder, ram_bytes=0)
    opening = user("Hello")
    conversation = [opening, answered(session, ask(session, [opening], maximum_tokens=4))]
    held = session._runner.kv.ids.tolist()
    turn = session._runner.kv.turn
    assert turn is not None
    assert len(held) < turn
    title(session, conversation)
    assert session._runner.kv.ids.tolist() == held


def test_a_template_that_opens_the_thinking_gets_it_closed(tiny_folder: Path) -> None:
    session = session_with("llama", tiny_folder, OPENS_THINKING)
    assert session._prompts.opens_thinking
    assert not session_with("llama", tiny_folder, STRIPS_THINKING)._prompts.opens_thinking


@pytest.mark.parametrize(("opened", "expected"), [("", "The ships and the letters"), ("<|im_start|>", "")])
def test_what_follows_a_control_token_is_no_title(
    opened: str, expected: str, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = session_with("llama", tiny_folder)
    conversation = [OPENING, answered(session, ask(session, [OPENING]))]
    written = session.loaded.tokenizer(f"{opened} The ships and the letters\n", add_special_tokens=False)["input_ids"]
    logits = iter(torch.nn.functional.one_hot(torch.tensor(written), VOCABULARY_SIZE).float())
    monkeypatch.setattr(session._reader, "read", lambda *_: next(logits))
    monkeypatch.setattr(session._runner, "feed", lambda *_: next(logits))
    assert title(session, conversation) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (' "The Capital of France"\nMore', "The Capital of France"),
        ("**Title: Lighthouses**", "Title: Lighthouses"),
        (" Größe und Gewicht.", "Größe und Gewicht"),
        ("<think>\nHmm", ""),
        ("", ""),
        ("...", ""),
        ("word " * 30, ""),
        ("one two three four five six seven eight nine ten eleven", ""),
    ],
)
def test_what_counts_as_a_title(text: str, expected: str) -> None:
    assert _title_in(text) == expected
