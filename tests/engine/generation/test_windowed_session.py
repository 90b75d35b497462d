"""Whole conversations where the plan keeps sliding layers as windows: the same answers, and what is read again."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import torch
import transformers
from transformers import AutoModelForCausalLM

from engine.api.cancellation import CancellationToken
from engine.api.plan import WINDOW_SLACK_TOKENS, KvLayout, PrecisionChoice
from engine.checkpoints import loader
from engine.generation.chat_session import ChatSession
from engine.generation.kv_way import KvMode
from engine.generation.model_runner import ModelRunner
from tests import tiny_checkpoints
from tests.chat_probe import answered, ask, cold_ids, user

OPENING = user("Tell me a story about a small lighthouse. " * 20)
LONG = user("and the letters of passing ships " * 110)


@pytest.fixture(params=["mistral", "gemma3", "gpt_oss"], scope="module")
def session(request: pytest.FixtureRequest, tiny_folder: Path) -> Iterator[ChatSession]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # two threads only wait for each other over matrices this small
    path = str(tiny_checkpoints.make(request.param, tiny_folder))
    loaded = loader.load(
        path, PrecisionChoice.FP32, 2048, "cpu", tiny_folder, CancellationToken(), lambda phase, done, total: None
    )
    plan = msgspec.structs.replace(loaded.plan, kv_layout=KvLayout.WINDOWED)
    yield ChatSession(dataclasses.replace(loaded, plan=plan))
    torch.set_num_threads(threads)


@pytest.fixture(autouse=True)
def cold(session: ChatSession) -> None:
    session.forget("c")
    session.forget("other")


def test_every_way_through_a_long_conversation_reads_as_a_cold_run(session: ChatSession) -> None:
    assert session._runner.mode is KvMode.SLAB
    assert session._runner.kv.is_windowed
    opening = [OPENING, user("Go on")]
    first = ask(session, opening)
    longer = [*opening, answered(session, first), LONG]
    second = ask(session, longer)
    assert second.statistics.prompt_tokens > tiny_checkpoints.SLIDING_WINDOW + WINDOW_SLACK_TOKENS
    assert second.statistics.reused_tokens > 0
    assert second.token_ids == cold_ids(session, longer)

    again = ask(session, longer)
    assert again.token_ids == second.token_ids
    assert again.statistics.prefilled_tokens == 1

    elsewhere = [user("Hello")]
    assert ask(session, elsewhere, conversation="other").token_ids == cold_ids(session, elsewhere)
    back = [*longer, answered(session, second), user("And?")]
    third = ask(session, back)
    assert third.statistics.reused_tokens >= second.statistics.prompt_tokens
    assert third.token_ids == cold_ids(session, back)

    edited = [OPENING, user("Turn back"), LONG]
    fourth = ask(session, edited)
    before_last = first.statistics.prompt_tokens - len(session.loaded.tokenizer.encode("Go on")) - 8
    assert fourth.statistics.reused_tokens >= before_last, "back to the state before the first answer"
    assert fourth.token_ids == cold_ids(session, edited)


def test_the_plan_says_what_edits_cost(session: ChatSession) -> None:
    assert "near the end" in session.plan.kv_reuse
    assert session._runner.stops_inside_chunks
    assert session._runner.chunk_size(4096, 4096) == WINDOW_SLACK_TOKENS


def test_an_architecture_that_looks_past_its_window_keeps_everything(tmp_path: Path) -> None:
    config = transformers.MoshiConfig(
        vocab_size=384, hidden_size=48, ffn_dim=96, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2,
        head_dim=12, max_position_embeddings=2048, sliding_window=64,
    )  # fmt: skip
    path = tiny_checkpoints.save(config, tmp_path / "model")
    model = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32).eval()
    runner = ModelRunner(model, torch.device("cpu"), 2048, KvLayout.WINDOWED)
    assert runner.choose_mode() is KvMode.SLAB
    assert not runner.kv.is_windowed
