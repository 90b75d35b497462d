"""Answers with speculation are those without, id by id, and leave the KV of a cold run behind, in float32."""

import dataclasses
from pathlib import Path

import msgspec
import pytest
import torch

from engine.api.cancellation import CancellationToken
from engine.api.errors import EngineError, ErrorKind
from engine.api.events import FinishReason
from engine.api.plan import WINDOW_SLACK_TOKENS, KvLayout, PrecisionChoice
from engine.api.sampling import Sampling
from engine.checkpoints import loader
from engine.generation.chat_session import ChatSession
from engine.generation.generate import Report, Result
from engine.generation.speculation.pace import MeasuredPace
from engine.generation.speculation.rounds import PROMPT_LOOKUP
from tests import chat_probe, tiny_checkpoints
from tests.chat_probe import GREEDY, answered, cold_ids, command, filling, load_session, user
from tests.speculation_probe import counted_passes, foretold, rounds_of

# ALiBi, latent attention, windows, learned positions, sinks, dense, two sets of position factors, experts.
NAMES = ("bloom", "deepseek_v3", "gemma3", "gpt2", "gpt_oss", "llama", "phi3_longrope", "qwen3_moe")
LIVELY = Sampling(temperature=0.8, top_k=0, top_p=0.95, min_p=0.02, repetition_penalty=1.0, seed=11)
PENALISED = Sampling(temperature=0.8, top_k=40, top_p=0.9, min_p=0.0, repetition_penalty=1.3, seed=11)
STRICT = Sampling(temperature=0.0, repetition_penalty=1.2)
QUESTION = user("the letters of passing ships and the letters of passing ships")


@pytest.fixture(scope="module")
def loaded(tiny_folder: Path) -> ChatSession:
    return load_session(str(tiny_checkpoints.make("llama", tiny_folder)), tiny_folder)


@pytest.fixture
def session(loaded: ChatSession) -> ChatSession:
    loaded.clear_warm_state()
    return loaded


def ask(session: ChatSession, messages: list, **options: object) -> Result:
    return chat_probe.ask(session, messages, **{"speculates": True, **options})


def plain(session: ChatSession, messages: list, **options: object) -> Result:
    session.clear_warm_state()
    result = ask(session, messages, speculates=False, **options)
    assert (result.statistics.proposed_tokens, result.statistics.speculation) == (0, "")
    session.clear_warm_state()
    return result


def foretold_answer(session: ChatSession, messages: list, size: int, **options: object) -> tuple[Result, Result]:
    """Return an answer by plain steps, and by rounds whose proposals are mostly right."""
    known = plain(session, messages, **options)
    # Behind an answer that ended the proposals are wrong.
    with rounds_of(session, size), foretold(known.statistics.prompt_tokens, known.token_ids, wrong_every=7):
        return known, ask(session, messages, **options)


@pytest.mark.parametrize("name", NAMES)
def test_the_ids_are_those_of_plain_decoding(name: str, tiny_folder: Path) -> None:
    session = load_session(str(tiny_checkpoints.make(name, tiny_folder)), tiny_folder)
    tokens = 64 if name == "phi3_longrope" else 40  # it passes the turn of its position factors
    for sampling, size in ((GREEDY, 16), (LIVELY, 8), (PENALISED, 4)):
        known, found = foretold_answer(session, [QUESTION], size, sampling=sampling, maximum_tokens=tokens)
        assert found.token_ids == known.token_ids
        assert found.reason is known.reason
        numbers = found.statistics
        if len(known.token_ids) > 8:
            assert 0 < numbers.accepted_tokens < numbers.proposed_tokens
    follow_up = [QUESTION, answered(session, found), user("And then?")]
    with rounds_of(session, 16):  # with what the lookup finds
        second = ask(session, follow_up)
    if name != "phi3_longrope":
        assert second.statistics.reused_tokens >= found.statistics.prompt_tokens + len(found.token_ids) - 1
    assert second.token_ids == cold_ids(session, follow_up), "as if all had been read anew"


def test_what_cannot_be_rewound_is_never_checked_ahead(tiny_folder: Path) -> None:
    session = load_session(str(tiny_checkpoints.make("qwen3_next", tiny_folder)), tiny_folder)
    with rounds_of(session, 4):
        result = ask(session, [QUESTION], maximum_tokens=40)
    assert result.statistics.proposed_tokens == 0
    assert result.token_ids == cold_ids(session, [QUESTION], 40)


def test_windows_that_forget_are_rewound_as_far_as_needed(tiny_folder: Path) -> None:
    path = str(tiny_checkpoints.make("mistral", tiny_folder))
    model = loader.load(path, PrecisionChoice.FP32, 2048, "cpu", tiny_folder, CancellationToken(), lambda *_: None)
    plan = msgspec.structs.replace(model.plan, kv_layout=KvLayout.WINDOWED)
    session = ChatSession(dataclasses.replace(model, plan=plan))
    assert session._runner.kv.is_windowed
    # The answer goes over the place where a full buffer's last positions move to its front.
    long = [filling(session, WINDOW_SLACK_TOKENS + tiny_checkpoints.SLIDING_WINDOW - 12)]
    known, found = foretold_answer(session, long, 16, maximum_tokens=60)
    assert found.token_ids == known.token_ids
    assert found.statistics.accepted_tokens > 10
    held = found.statistics.prompt_tokens + len(found.token_ids)
    assert session._runner.kv.length in (held - 1, held)


def test_an_answer_over_the_border_of_a_stored_page(session: ChatSession) -> None:
    known, found = foretold_answer(session, [filling(session, 250)], 8, maximum_tokens=30)
    assert found.token_ids == known.token_ids
    follow_up = [filling(session, 250), answered(session, found), user("And?")]
    ask(session, [user("Hello")], conversation="other")
    again = ask(session, follow_up)
    assert again.statistics.restored_tokens > 256
    assert again.token_ids == cold_ids(session, follow_up)


@pytest.mark.parametrize("sampling", [GREEDY, STRICT, LIVELY])
def test_the_end_of_the_context_window(session: ChatSession, tiny_folder: Path, sampling: Sampling) -> None:
    small = load_session(str(tiny_checkpoints.make("llama", tiny_folder)), tiny_folder, context=96)
    known, found = foretold_answer(small, [user("Hello")], 16, maximum_tokens=500, sampling=sampling)
    assert found.token_ids == known.token_ids
    assert found.reason is known.reason
    assert small._runner.kv.length <= 96


def test_a_limit_and_an_end_inside_an_accepted_run(session: ChatSession) -> None:
    known = plain(session, [QUESTION], maximum_tokens=40)
    prompt = known.statistics.prompt_tokens
    session.clear_warm_state()
    with rounds_of(session, 16), foretold(prompt, known.token_ids, wrong_every=1000):
        limited = ask(session, [QUESTION], maximum_tokens=6)
        assert limited.token_ids == known.token_ids[:6]
        assert limited.reason is FinishReason.MAXIMUM_TOKENS
        assert limited.statistics.accepted_tokens <= 6
        assert session._runner.kv.length == prompt + 6, "what was fed behind the limit is taken back"

        place = next(i for i in range(3, 40) if known.token_ids[i] not in known.token_ids[:i])
        session.clear_warm_state()
        session._end_ids = frozenset({*session._end_ids, known.token_ids[place]})
        try:
            ended = ask(session, [QUESTION], maximum_tokens=40)
        finally:
            session._end_ids -= {known.token_ids[place]}
    assert ended.token_ids == known.token_ids[:place]
    assert ended.reason is FinishReason.END
    assert session._runner.kv.length == prompt + place
    assert ended.statistics.accepted_tokens <= place


def test_a_stop_inside_an_accepted_run(session: ChatSession) -> None:
    known = plain(session, [QUESTION], maximum_tokens=40)
    token = CancellationToken()
    taken: list[int] = []

    def generated(text: str, token_ids: tuple[int, ...]) -> None:
        taken.extend(token_ids)
        if len(taken) > 5:
            token.cancel()

    with rounds_of(session, 16), foretold(known.statistics.prompt_tokens, known.token_ids, wrong_every=1000):
        wanted = command([QUESTION], maximum_tokens=40, speculates=True)
        stopped = session.answer(wanted, token, Report(lambda *_: None, generated))
    assert stopped.reason is FinishReason.STOPPED
    assert stopped.token_ids == known.token_ids[: len(stopped.token_ids)]
    assert len(stopped.token_ids) < 12
    assert session._runner.kv.length == known.statistics.prompt_tokens + len(stopped.token_ids)
    rest = ask(session, [QUESTION, answered(session, stopped)], maximum_tokens=8, continue_last=True)
    assert stopped.token_ids + rest.token_ids == known.token_ids[: len(stopped.token_ids) + 8]


def test_a_sampled_answer_that_is_continued_is_the_one_that_was_not_stopped(session: ChatSession) -> None:
    whole = ask(session, [QUESTION], sampling=LIVELY, maximum_tokens=24)
    begun = ask(session, [QUESTION], sampling=LIVELY, maximum_tokens=9)
    rest = ask(session, [QUESTION, answered(session, begun)], sampling=LIVELY, maximum_tokens=15, continue_last=True)
    assert begun.token_ids + rest.token_ids == whole.token_ids


def test_without_memory_for_several_ids_it_goes_on_plainly(session: ChatSession) -> None:
    known = plain(session, [QUESTION], maximum_tokens=40)
    tries = 0

    def fail(module: torch.nn.Module, arguments: tuple[torch.Tensor, ...], options: dict[str, object]) -> None:
        nonlocal tries
        ids = options["input_ids"]
        if isinstance(ids, torch.Tensor) and ids.shape[-1] == 8:
            tries += 1
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    hook = session.loaded.model.register_forward_pre_hook(fail, with_kwargs=True)
    try:
        with rounds_of(session, 8), foretold(known.statistics.prompt_tokens, known.token_ids, 1000):
            found = ask(session, [QUESTION], maximum_tokens=40)
    finally:
        hook.remove()
    assert found.token_ids == known.token_ids
    assert found.statistics.proposed_tokens == 0
    assert tries == 1  # each further one would cost a pass for nothing


def test_a_lost_device_is_told(session: ChatSession) -> None:
    def fail(module: torch.nn.Module, arguments: tuple[torch.Tensor, ...], options: dict[str, object]) -> None:
        ids = options["input_ids"]
        if isinstance(ids, torch.Tensor) and ids.shape[-1] == 8:
            raise RuntimeError("CUDA error: an illegal memory access was encountered")

    hook = session.loaded.model.register_forward_pre_hook(fail, with_kwargs=True)
    with rounds_of(session, 8), foretold(20, (5,) * 40, 1000), pytest.raises(EngineError) as caught:
        ask(session, [QUESTION], maximum_tokens=40)
    hook.remove()
    assert caught.value.report.kind is ErrorKind.DEVICE_LOST


def test_where_nothing_is_accepted_it_pauses(session: ChatSession, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = 0.0
    monkeypatch.setattr(session._speculation, "pace", MeasuredPace())  # one that has measured no real time before
    monkeypatch.setattr("engine.generation.speculation.rounds.time.perf_counter", lambda: clock)
    with foretold(10_000, (), wrong_every=1), counted_passes() as passes:

        def pass_time(module: torch.nn.Module, arguments: object) -> None:
            nonlocal clock
            clock += 1.0 if passes[-1] == 1 else 1.3

        hook = session.loaded.model.register_forward_pre_hook(pass_time)
        result = ask(session, [filling(session, 200)], maximum_tokens=400, sampling=LIVELY)
        hook.remove()
    decoding = passes[-len(result.token_ids) :]
    assert len(decoding) > 100
    assert 0 < sum(count > 1 for count in decoding) < len(decoding) // 8


def test_a_forgotten_conversation_leaves_no_ids_behind(session: ChatSession) -> None:
    with rounds_of(session, 4):
        ask(session, [QUESTION])
    assert session._speculation.index.length > 0
    session.forget("c")
    assert session._speculation.index.length == 0


@pytest.fixture(scope="module")
def starter(converted_starter: Path) -> ChatSession:
    return load_session("starter", converted_starter, PrecisionChoice.FP32, context=1024)


def test_a_repeated_text_takes_few_passes(starter: ChatSession) -> None:
    text = (
        "The lighthouse stood on a rock far from the coast, and its keeper wrote down the name of each ship that went "
        "by. In the evening he read the names aloud, one after the other, while the lamp turned above him."
    )
    with rounds_of(starter, 16), counted_passes() as passes:
        result = ask(starter, [user(f"Repeat this text: {text}")], maximum_tokens=60)
    numbers = result.statistics
    assert numbers.speculation == PROMPT_LOOKUP
    decoding = len([count for count in passes if count <= 16])
    assert decoding / numbers.generated_tokens < 0.6
    assert numbers.accepted_tokens > 20
