"""The compiled decode step: the same answers, and the plain way where no compiler works."""

from pathlib import Path

import pytest
import torch

from engine.api.cancellation import CancellationToken
from engine.api.plan import PrecisionChoice
from engine.checkpoints import loader
from engine.decode import compiler
from engine.decode.preparing import DecodeWay
from engine.decode.rungs import Rungs
from engine.generation.chat_session import ChatSession
from tests import tiny_checkpoints
from tests.chat_probe import answered, ask, cold_ids, user


def load(folder: Path, name: str = "llama") -> ChatSession:
    path = str(tiny_checkpoints.make(name, folder))
    loaded = loader.load(path, PrecisionChoice.FP32, 512, "cpu", folder, CancellationToken(), lambda *_: None)
    return ChatSession(loaded, rungs=Rungs(compiled=True))


@pytest.mark.filterwarnings("ignore")  # of what PyTorch's own compiler calls
def test_answers_are_those_of_generate(tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch._inductor.config.compile_threads", 1)  # more are processes that stay
    compiler.problem.cache_clear()
    if problem := compiler.problem("cpu"):
        pytest.skip(problem)
    session = load(tiny_folder)
    assert session.plan.decode == DecodeWay.COMPILED
    opening = user("Tell me a story " * 12)
    first = ask(session, [opening], maximum_tokens=60)  # passes the border between two reaches
    assert first.token_ids == cold_ids(session, [opening], 60)
    follow_up = [opening, answered(session, first), user("And then?")]
    assert ask(session, follow_up).token_ids == cold_ids(session, follow_up)
    torch.compiler.reset()


def test_without_a_compiler_the_plain_way_is_taken(tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiler, "problem", lambda device: "torch.compile doesn't work here (no C compiler)")
    session = load(tiny_folder)
    assert session.plan.decode == "eager"
    assert "no C compiler" in session.plan.decode_reason
    opening = user("Hello")
    assert ask(session, [opening]).token_ids == cold_ids(session, [opening])
