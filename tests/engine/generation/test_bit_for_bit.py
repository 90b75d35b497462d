"""Warm is cold bit for bit in every precision, where each id is read by itself: only then all is rounded alike.

Read in chunks, a product of several rows rounds otherwise than one of a single row, so that warm and cold texts of
tiny random models part in 16, 8 and 4 bit. That this is rounding, and nothing that was kept wrong, is shown here.
"""

from pathlib import Path

import pytest
import torch

from engine.api.plan import PrecisionChoice
from engine.generation.chat_session import ChatSession
from engine.generation.model_runner import ModelRunner
from engine.kv import opening, tree, warm_conversations
from tests import tiny_checkpoints
from tests.chat_probe import answered, ask, load_session, user
from tests.kv_probe import Saved, save

PAGE = 16
OPENING_TOKENS = 40
OPENING = user("Tell me a story about a small lighthouse and the letters of passing ships.")


@pytest.fixture(autouse=True)
def short_pages_and_single_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (opening, tree, warm_conversations):
        monkeypatch.setattr(module, "PAGE_TOKENS", PAGE)
    monkeypatch.setattr(ModelRunner, "chunk_size", lambda *_: 1)


@pytest.mark.parametrize(
    ("name", "choice"),
    [("llama", PrecisionChoice.BF16), ("qwen3_moe", PrecisionChoice.INT8), ("lfm2", PrecisionChoice.INT4)],
)
def test_what_is_warm_is_what_a_cold_one_reads(name: str, choice: PrecisionChoice, tmp_path: Path) -> None:
    loaded = load_session(str(tiny_checkpoints.make(name, tmp_path)), tmp_path, choice).loaded
    session = ChatSession(loaded, tmp_path / "kv")
    first = ask(session, [OPENING])
    talk = [OPENING, answered(session, first), user("And then?")]
    second = ask(session, talk)
    ask(session, [OPENING, answered(session, first), user("Rather a song.")])
    session.close(30)

    session = ChatSession(loaded, tmp_path / "kv")
    again = ask(session, talk)
    warm = save(session._runner.kv)
    session.clear_warm_state()
    cold = ask(session, talk)
    assert (again.statistics.prefilled_tokens, cold.statistics.reused_tokens) == (1, 0)
    assert second.token_ids == again.token_ids == cold.token_ids
    assert _are_equal(warm, save(session._runner.kv))


def test_it_is_on_both_sides_of_where_longrope_turns_all_positions(tmp_path: Path) -> None:
    """An answer of a mixture passes the turn, the next one goes on behind it, and edits come back below it."""
    config = tiny_checkpoints.ARCHITECTURES["mixtral"]()
    config.rope_parameters = tiny_checkpoints.ARCHITECTURES["phi3_longrope"]().rope_parameters | {"factor": 4.0}
    path = tiny_checkpoints.save(config, tmp_path / "mixtral")
    loaded = load_session(str(path), tmp_path, PrecisionChoice.INT4).loaded
    session = ChatSession(loaded, tmp_path / "kv")
    below = [OPENING, answered(session, ask(session, [OPENING])), user("And then?")]
    across = [*below, answered(session, ask(session, below, maximum_tokens=30)), user("Go on")]
    ask(session, across)
    session.close(30)

    session = ChatSession(loaded, tmp_path / "kv")
    talks = (across, below, [*below[:2], user("Rather a song.")])
    warm = [(ask(session, talk, maximum_tokens=30), save(session._runner.kv)) for talk in talks]
    turn = session._runner.kv.turn
    assert turn is not None
    assert [result.statistics.prompt_tokens > turn for result, _ in warm] == [True, False, False]
    for talk, (result, held) in zip(talks, warm, strict=True):
        assert result.statistics.reused_tokens > OPENING_TOKENS
        session.clear_warm_state()
        assert ask(session, talk, maximum_tokens=30).token_ids == result.token_ids
        assert _are_equal(held, save(session._runner.kv))


def _are_equal(left: Saved, right: Saved) -> bool:
    assert left.ids.tolist() == right.ids.tolist()
    states = [each.state.tensors if each.state is not None else () for each in (left, right)]
    pairs = [
        *((tensor, right.piece.tensors[name]) for name, tensor in left.piece.tensors.items()),
        *zip(*states, strict=True),
    ]
    return all(torch.equal(one, other) for one, other in pairs)
