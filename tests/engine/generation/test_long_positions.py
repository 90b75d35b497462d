"""LongRoPE: a conversation that passes the original window, or comes back below it, is read as a cold run reads it."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import torch

from engine.api.cancellation import CancellationToken
from engine.api.events import FinishReason
from engine.generation.chat_session import ChatSession
from tests import tiny_checkpoints
from tests.chat_probe import Listener, answered, ask, cold_ids, command, load_session, user

SHORT = user("Tell me a story")
LONG = user("Tell me a story about a small lighthouse and the sea. " * 5)


def of_one_kind_of_layer(folder: Path) -> Path:
    long = {
        "rope_type": "longrope", "rope_theta": 10_000.0, "short_factor": [1.0] * 6, "long_factor": [3.0] * 6,
        "original_max_position_embeddings": tiny_checkpoints.ORIGINAL_WINDOW,
    }  # fmt: skip
    config = tiny_checkpoints.ARCHITECTURES["gemma3"]()
    plain = {"rope_type": "default", "rope_theta": 10_000.0}
    config.rope_parameters = {"full_attention": long, "sliding_attention": plain}
    tiny_checkpoints.save(config, folder / "longrope")
    return folder / "longrope"


@pytest.fixture(scope="module", params=["all layers", "one kind of layer"])
def session(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChatSession]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # two threads only wait for each other over matrices this small
    folder = tmp_path_factory.mktemp("longrope")
    has_all = request.param == "all layers"
    path = tiny_checkpoints.make("phi3_longrope", folder) if has_all else of_one_kind_of_layer(folder)
    yield load_session(str(path), folder)
    torch.set_num_threads(threads)


@pytest.fixture(autouse=True)
def cold(session: ChatSession) -> None:
    session.forget("c")
    session.forget("other")


def test_an_answer_that_passes_the_original_window_while_it_is_written(session: ChatSession) -> None:
    tokens = tiny_checkpoints.ORIGINAL_WINDOW
    cold = cold_ids(session, [SHORT], tokens, use_cache=False)  # only Phi 3 tells generate to read all again there
    assert ask(session, [SHORT], maximum_tokens=tokens).token_ids == cold


def test_a_stop_is_not_kept_waiting_while_an_answer_passes_it(
    session: ChatSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner, cancellation = session._runner, CancellationToken()
    turn = runner.kv.turn
    assert turn is not None
    passes: list[int] = []
    forward = runner._forward

    def stop_in_the_long_pass(ids: Sequence[int], cached: bool, all_logits: bool = False) -> torch.Tensor:
        if len(ids) > turn:
            cancellation.cancel()
        logits = forward(ids, cached, all_logits)
        passes.append(len(ids))
        return logits

    monkeypatch.setattr(runner, "_forward", stop_in_the_long_pass)
    listener = Listener()
    result = session.answer(command([SHORT], maximum_tokens=2 * turn), cancellation, listener.report())
    assert result.reason is FinishReason.STOPPED
    assert result.statistics.prompt_tokens + len(result.token_ids) == turn + 1
    assert passes
    assert max(passes) < turn


def test_a_follow_up_that_passes_the_original_window(session: ChatSession) -> None:
    first = ask(session, [SHORT])
    follow_up = [SHORT, answered(session, first), LONG]
    second = ask(session, follow_up)
    assert second.statistics.prompt_tokens > tiny_checkpoints.ORIGINAL_WINDOW
    assert second.token_ids == cold_ids(session, follow_up)
    assert (second.statistics.reused_tokens, second.statistics.prefilled_tokens) == (
        0,
        second.statistics.prompt_tokens,
    )


def test_an_edit_that_comes_back_below_the_original_window(session: ChatSession) -> None:
    first = ask(session, [SHORT])
    ask(session, [SHORT, answered(session, first), LONG])
    edited = [SHORT, answered(session, first), user("And?")]
    assert ask(session, edited).token_ids == cold_ids(session, edited)


def test_a_follow_up_beyond_the_original_window_feeds_only_the_new_ids(session: ChatSession) -> None:
    first = ask(session, [LONG])
    again = ask(session, [LONG, answered(session, first), user("And then?")])
    held = first.statistics.prompt_tokens + len(first.token_ids)
    assert again.statistics.reused_tokens in (held, held - 1)


def test_a_snapshot_from_the_other_side_is_not_taken(session: ChatSession) -> None:
    first = ask(session, [SHORT])
    ask(session, [user("Hello")], conversation="other")
    follow_up = [SHORT, answered(session, first), LONG]
    assert ask(session, follow_up).token_ids == cold_ids(session, follow_up)
