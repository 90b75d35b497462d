"""Recorded steps on a card: the logits and ids of plain passes, whatever came before them, without waiting."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from engine.api.cancellation import CancellationToken
from engine.api.plan import PrecisionChoice
from engine.api.sampling import Sampling
from engine.bench import random_weights
from engine.checkpoints import loader
from engine.decode.preparing import DecodeWay
from engine.decode.rungs import Rungs
from engine.generation.chat_session import ChatSession
from engine.generation.decoding import PipelinedDecoder
from engine.generation.sampler import Sampler, decide
from engine.hardware.bitsandbytes_library import bitsandbytes_problem
from engine.hardware.faults import release
from tests import tiny_checkpoints
from tests.chat_probe import GREEDY, answered, ask, user
from tests.speculation_probe import rounds_of

ARCHITECTURES = ["llama", "gemma3", "mixtral", "gpt_oss", "deepseek_v3"]
SHAPE = "qwen3-0.6b"
PACKED = (PrecisionChoice.INT8, PrecisionChoice.INT4)
DRAWN = Sampling(temperature=0.8, top_k=0, top_p=0.9, min_p=0.0, repetition_penalty=1.1, seed=7)
QUESTION = user("Tell me about the harbour " + "and its ships " * 30)
# The shortest reaches; from 512 on a conversation may be cut in pieces.
BORDERS = (256, 384, 512, 768)
# Of the logits; kernels add up in other orders.
TOLERANCE = {torch.float32: 1e-3, torch.bfloat16: 5e-2}


def load(
    path: Path,
    folder: Path,
    card: torch.device,
    choice: PrecisionChoice = PrecisionChoice.FP32,
    rungs: Rungs = Rungs(),  # noqa: B008 # can't be changed
    draft: str = "",
) -> ChatSession:
    loaded = loader.load(str(path), choice, 1024, str(card), folder, CancellationToken(), lambda *_: None, draft=draft)
    return ChatSession(loaded, rungs=rungs)


@contextmanager
def opened(session: ChatSession) -> Iterator[ChatSession]:
    """Answers in the block never end by themselves; afterwards the memory is given back."""
    assert session.plan.decode == DecodeWay.GRAPH, session.plan.decode_reason
    session._end_ids = frozenset()
    try:
        yield session
        assert session._runner.decode.way is DecodeWay.GRAPH, session._runner.decode.reason
    finally:
        session.close(5)
        loader.free(session.loaded)


@contextmanager
def plainly(session: ChatSession) -> Iterator[None]:
    """No recorded steps in the block, and nothing from before."""
    decode = session._runner.decode
    session._runner.eagerly("for comparison")
    session.clear_warm_state()
    try:
        yield
    finally:
        session._runner.decode = decode
        session.clear_warm_state()


@contextmanager
def waiting_refused(card: torch.device) -> Iterator[None]:
    """In the block, code that waits for the card raises."""
    if card.type != "cuda":
        yield
        return
    with warnings.catch_warnings(action="ignore"):  # PyTorch tells that it can't see every way of waiting
        torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        with warnings.catch_warnings(action="ignore"):
            torch.cuda.set_sync_debug_mode("default")


def waits_for_its_input(_layer: torch.nn.Module, arguments: tuple[torch.Tensor, ...]) -> None:
    arguments[0].sum().item()


def assert_alike(found: torch.Tensor, expected: torch.Tensor, dtype: torch.dtype) -> None:
    difference = (found - expected).norm() / expected.norm()
    assert difference < TOLERANCE[dtype], float(difference)


def assert_steps_agree(session: ChatSession) -> None:
    """Hold the logits of single ids and of several against plain passes, over each border."""
    runner, dtype = session._runner, session.loaded.model.dtype
    vocabulary = int(session.loaded.model.config.get_text_config().vocab_size)
    ids = [(17 + 7919 * index) % vocabulary for index in range(1000)]
    for border in BORDERS:
        start = border - 3
        runner.kv.clear()
        runner.feed(ids[:start])
        expected = torch.stack([runner.feed_plainly(token_id) for token_id in ids[start : border + 13]])
        runner.kv.rewind(start)
        found = torch.stack([runner.feed([token_id]) for token_id in ids[start : border + 3]])
        assert_alike(found, expected[:6], dtype)
        steps = runner.decode.steps
        assert steps is not None
        for count in steps.counts:
            runner.kv.rewind(start)
            assert_alike(runner.check(ids[start : start + count]), expected[:count], dtype)
    runner.kv.clear()


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_logits_are_those_of_plain_passes(name: str, card: torch.device, tiny_folder: Path, tmp_path: Path) -> None:
    with opened(load(tiny_checkpoints.make(name, tiny_folder), tmp_path, card)) as session:
        assert_steps_agree(session)


@pytest.mark.parametrize("choice", [PrecisionChoice.BF16, *PACKED])
def test_a_real_shape_in_every_precision(
    choice: PrecisionChoice, card: torch.device, shape_folder: Path, tmp_path: Path
) -> None:
    if choice in PACKED and (problem := bitsandbytes_problem()):
        pytest.skip(problem)
    path = random_weights.make(SHAPE, shape_folder, card.type)
    with opened(load(path, tmp_path, card, choice)) as session:
        assert_steps_agree(session)
        assert session._runner.decode.steps is not None
        assert session._runner.decode.steps.counts == (1, 2, 4, 8, 16)


@pytest.mark.parametrize("sampling", [GREEDY, DRAWN], ids=["greedy", "drawn"])
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_ids_are_those_of_plain_passes(
    name: str, sampling: Sampling, card: torch.device, tiny_folder: Path, tmp_path: Path
) -> None:
    with opened(load(tiny_checkpoints.make(name, tiny_folder), tmp_path, card)) as session:
        found = ask(session, [QUESTION], maximum_tokens=256, sampling=sampling)
        with plainly(session):
            expected = ask(session, [QUESTION], maximum_tokens=256, sampling=sampling)
        assert len(found.token_ids) == 256
        assert found.token_ids == expected.token_ids


def test_edits_other_conversations_and_what_is_restored(card: torch.device, tiny_folder: Path, tmp_path: Path) -> None:
    with opened(load(tiny_checkpoints.make("llama", tiny_folder), tmp_path, card)) as session:
        first = ask(session, [QUESTION], maximum_tokens=60)
        turns = [
            ([QUESTION, answered(session, first), user("And then?")], "c"),
            ([user("Something else")], "other"),
            ([QUESTION, answered(session, first), user("And then?")], "c"),
            ([user("Tell me about the harbour")], "c"),
        ]
        found = [ask(session, messages, conversation=name, maximum_tokens=60).token_ids for messages, name in turns]
        for (messages, _), ids in zip(turns, found, strict=True):
            with plainly(session):
                assert ask(session, messages, maximum_tokens=60).token_ids == ids


@pytest.mark.parametrize("draft", [None, 0, 1], ids=["lookup", "its own like", "another draft"])
def test_speculation_changes_no_id(draft: int | None, card: torch.device, tiny_folder: Path, tmp_path: Path) -> None:
    path = tiny_checkpoints.make("llama", tiny_folder)
    other = "" if draft is None else str(tiny_checkpoints.make("llama", tiny_folder, draft))
    with opened(load(path, tmp_path, card, draft=other)) as session:
        for sampling in (GREEDY, DRAWN):
            session.clear_warm_state()
            expected = ask(session, [QUESTION], maximum_tokens=120, sampling=sampling)
            session.clear_warm_state()
            with rounds_of(session, 8):
                found = ask(session, [QUESTION], maximum_tokens=120, sampling=sampling, speculates=True)
            assert found.token_ids == expected.token_ids
            assert found.statistics.proposed_tokens or draft is None


@pytest.mark.parametrize("sampling", [GREEDY, DRAWN], ids=["greedy", "drawn"])
def test_nothing_is_waited_for_but_the_id(
    sampling: Sampling, card: torch.device, tiny_folder: Path, tmp_path: Path
) -> None:
    with opened(load(tiny_checkpoints.make("llama", tiny_folder), tmp_path, card)) as session:
        runner = session._runner
        assert runner.decode.steps is not None
        runner.feed([5, 6, 7])
        decoder = PipelinedDecoder(runner, Sampler(decide(sampling, None), [5, 6, 7], card), runner.decode.steps)
        chosen = decoder.next_ids(8)
        with waiting_refused(card):
            for _ in range(4):
                chosen = decoder.next_ids(chosen[-1])


def test_a_pass_that_waits_is_not_recorded_and_leaves_everything_in_order(
    card: torch.device, tiny_folder: Path, tmp_path: Path
) -> None:
    if card.type != "cuda":
        pytest.skip("only a capture refuses to wait")
    with opened(load(tiny_checkpoints.make("llama", tiny_folder), tmp_path, card)) as session:
        runner, before = session._runner, torch.cuda.current_stream(card)
        layer = session.loaded.model.model.layers[0]
        hook = layer.register_forward_pre_hook(waits_for_its_input)
        assert runner.decode.steps is not None
        runner.decode.steps._prepared.clear()
        decode = runner.decode
        found = ask(session, [QUESTION], maximum_tokens=20)
        assert runner.decode.way is DecodeWay.EAGER
        assert torch.cuda.current_stream(card) == before
        hook.remove()
        runner.decode = decode
        session.clear_warm_state()
        assert ask(session, [QUESTION], maximum_tokens=20).token_ids == found.token_ids


def test_unloading_gives_the_memory_of_recorded_steps_back(
    card: torch.device, shape_folder: Path, tmp_path: Path
) -> None:
    if card.type != "cuda":
        pytest.skip("main memory isn't counted by PyTorch")
    path = random_weights.make(SHAPE, shape_folder, card.type)
    held = []
    for _ in range(3):  # the libraries' workspaces stay after the first time
        with opened(load(path, tmp_path, card, PrecisionChoice.BF16)) as session:
            assert_steps_agree(session)
        del session
        release()
        held.append((torch.cuda.memory_allocated(card), torch.cuda.memory_reserved(card)))
    print(f"held after each unload (allocated, reserved): {held}")
    assert held[2][0] <= held[0][0] + 2**20
    assert held[2][1] <= held[0][1] + 2**22
