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


def _are_equal(left: Saved, right: Saved) -> bool:
    assert left.ids.tolist() == right.ids.tolist()
    states = [each.state.tensors if each.state is not None else () for each in (left, right)]
    pairs = [
        *((tensor, right.piece.tensors[name]) for name, tensor in left.piece.tensors.items()),
        *zip(*states, strict=True),
    ]
    return all(torch.equal(one, other) for one, other in pairs)
