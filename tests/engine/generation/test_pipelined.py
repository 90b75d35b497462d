"""Answers by recorded steps, each launched before the last id is known: those of plain decoding, in every turn.

CUDA graphs need a card, so the steps are done again instead of replayed; all else is the product's.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from engine.api.cancellation import CancellationToken
from engine.api.errors import Cancelled, EngineError, ErrorKind
from engine.api.plan import PrecisionChoice
from engine.api.sampling import Sampling
from engine.checkpoints import loader
from engine.decode import preparing
from engine.decode.preparing import DecodeWay
from engine.decode.steps import Steps, _Prepared
from engine.generation.chat_session import ChatSession
from engine.generation.decoding import PipelinedDecoder
from engine.generation.sampler import Sampler, decide
from engine.planning import recorded as recordable
from tests import tiny_checkpoints
from tests.chat_probe import GREEDY, answered, ask, cold_ids, load_session, user

OPENING = user("Tell me a story about a small lighthouse and the sea")
NUCLEUS = Sampling(temperature=0.8, top_k=0, top_p=1.0, min_p=0.0, repetition_penalty=1.0, seed=7)
DRAWN = Sampling(temperature=0.8, top_k=0, top_p=0.9, min_p=0.0, repetition_penalty=1.1, seed=7)


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preparing, "_missing", lambda *_: "")


@pytest.fixture(params=["llama", "gemma3", "gpt_oss", "deepseek_v3", "opt"])
def session(request: pytest.FixtureRequest, tiny_folder: Path, recorded: None) -> Iterator[ChatSession]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    found = load_session(str(tiny_checkpoints.make(str(request.param), tiny_folder)), tiny_folder)
    assert found.plan.decode == DecodeWay.GRAPH
    yield found
    torch.set_num_threads(threads)


def test_a_conversation_reads_as_a_cold_run(session: ChatSession) -> None:
    first = ask(session, [OPENING], maximum_tokens=40)
    assert first.token_ids == cold_ids(session, [OPENING], 40)
    follow_up = [OPENING, answered(session, first), user("And then?")]
    second = ask(session, follow_up, maximum_tokens=40)
    assert second.token_ids == cold_ids(session, follow_up, 40)
    assert second.statistics.reused_tokens >= first.statistics.prompt_tokens + len(first.token_ids) - 1
    edited = [user("Hello")]
    assert ask(session, edited).token_ids == cold_ids(session, edited)
    assert ask(session, follow_up, maximum_tokens=40).token_ids == second.token_ids


def test_drawn_ids_are_those_of_plain_decoding(session: ChatSession) -> None:
    drawn = ask(session, [OPENING], maximum_tokens=40, sampling=DRAWN)
    session._runner.eagerly("for comparison")
    session.forget("c")
    plain = ask(session, [OPENING], maximum_tokens=40, sampling=DRAWN)
    assert drawn.token_ids == plain.token_ids
    assert drawn.statistics.generated_tokens == plain.statistics.generated_tokens


@pytest.fixture
def llama(tiny_folder: Path, recorded: None) -> ChatSession:
    return load_session(str(tiny_checkpoints.make("llama", tiny_folder)), tiny_folder, context=256)


def test_the_end_of_the_window_is_no_end_of_the_buffers(llama: ChatSession) -> None:
    prompt = [user("word " * 40)]
    full = ask(llama, prompt, maximum_tokens=10_000)
    llama._runner.eagerly("for comparison")
    llama.forget("c")
    plain = ask(llama, prompt, maximum_tokens=10_000)
    assert full.reason == plain.reason
    assert full.token_ids == plain.token_ids


def test_numbers_that_are_none_behind_the_valid_positions_are_wiped(llama: ChatSession) -> None:
    expected = cold_ids(llama, [OPENING], 24)
    with torch.inference_mode():
        for _, layer in llama._runner.kv._paged():
            layer.values.fill_(float("nan"))
    assert ask(llama, [OPENING], maximum_tokens=24).token_ids == expected
    assert llama._runner.decode.way is DecodeWay.GRAPH


def test_a_longer_reach_that_can_not_be_recorded_means_eager_from_there(
    llama: ChatSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = cold_ids(llama, [OPENING], 24)
    steps = llama._runner.decode.steps
    assert steps is not None

    def fail(*_: object) -> None:
        raise RuntimeError("operation not permitted when stream is capturing")

    launch, launched = steps.launch_behind, []

    def launch_five(*arguments: object) -> torch.Tensor:
        launched.append(arguments)
        return launch(*arguments) if len(launched) < 6 else fail()  # type: ignore[arg-type, return-value]

    monkeypatch.setattr(steps, "launch_behind", launch_five)
    before = ask(llama, [user("Hi")], maximum_tokens=2)
    answer = ask(llama, [OPENING], maximum_tokens=24)
    assert answer.token_ids == expected
    assert llama._runner.decode.way is DecodeWay.EAGER
    assert (before.statistics.decode, answer.statistics.decode) == ("graph", "eager"), "each answer tells its own"
    assert "capturing" in llama._runner.decode.reason


def test_steps_that_would_make_too_many_keys_anew_are_fed_plainly(
    tiny_folder: Path, recorded: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recordable, "EXPANDED_LIMIT_BYTES", 1)
    session = load_session(str(tiny_checkpoints.make("deepseek_v3", tiny_folder)), tiny_folder, context=1024)
    steps, fed = session._runner.decode.steps, []
    assert steps is not None
    replay = steps._replay

    def note(prepared: _Prepared, length: int) -> torch.Tensor:
        fed.append(length)
        return replay(prepared, length)

    monkeypatch.setattr(steps, "_replay", note)
    prompt = [user("word " * 120)]
    answer = ask(session, prompt, maximum_tokens=40)
    assert answer.token_ids == cold_ids(session, prompt, 40)
    read = answer.statistics.prompt_tokens
    assert read < 512 < read + len(answer.token_ids), "the answer crosses the border"
    assert max(fed) == 512
    assert session._runner.decode.way is DecodeWay.GRAPH


def test_an_answer_begins_although_its_reach_can_not_be_recorded(
    llama: ChatSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = cold_ids(llama, [OPENING], 24)
    steps = llama._runner.decode.steps
    assert steps is not None

    def fail(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")

    monkeypatch.setattr(steps, "launch", fail)
    assert ask(llama, [OPENING], maximum_tokens=24).token_ids == expected
    assert llama._runner.decode.way is DecodeWay.EAGER
    assert "out of memory" in llama._runner.decode.reason


def test_several_ids_that_can_not_be_recorded_are_fed_plainly(
    llama: ChatSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner, fed = llama._runner, []
    steps = runner.decode.steps
    assert steps is not None
    runner.feed([5, 6, 7])
    expected = runner.check([8, 9])
    runner.kv.rewind(3)

    def fail(prepared: _Prepared, reach: int) -> None:
        fed.append(prepared.step.count)
        raise RuntimeError("CUDA error: operation not permitted when stream is capturing")

    monkeypatch.setattr(steps, "_compute", fail)
    monkeypatch.setattr(steps, "_prepared", {})
    for _ in range(2):
        torch.testing.assert_close(runner.check([8, 9]), expected, rtol=1e-4, atol=1e-4)
        runner.kv.rewind(3)
    assert fed == [2]
    assert runner.decode.way is DecodeWay.GRAPH
    assert 2 not in steps.counts
    assert 1 in steps.counts


def test_a_stop_while_a_step_is_recorded_is_no_reason_against_recording(
    llama: ChatSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner, token = llama._runner, CancellationToken()
    runner.feed([5, 6, 7])
    monkeypatch.setattr(runner.decode.steps, "_prepared", {})
    token.cancel()
    with pytest.raises(Cancelled):
        runner.feed([8], token)
    assert runner.kv.length == 3
    assert runner.decode.way is DecodeWay.GRAPH
    assert ask(llama, [OPENING]).token_ids == cold_ids(llama, [OPENING])


def test_a_lost_device_is_told(llama: ChatSession, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    monkeypatch.setattr(llama._runner.decode.steps, "launch", fail)
    with pytest.raises(EngineError) as caught:
        ask(llama, [OPENING])
    assert caught.value.report.kind is ErrorKind.DEVICE_LOST


def test_too_little_memory_to_record_is_no_reason_to_refuse_the_model(
    tiny_folder: Path, recorded: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")

    monkeypatch.setattr(Steps, "_replay", fail)
    session = load_session(str(tiny_checkpoints.make("llama", tiny_folder)), tiny_folder)
    assert session.plan.decode == "eager"
    assert "out of memory" in session.plan.decode_reason
    assert "test_pipelined.py" in caplog.text, "the log tells where it happened"
    assert ask(session, [OPENING]).token_ids == cold_ids(session, [OPENING])


def test_single_ids_are_recorded_although_several_can_not_be(
    tiny_folder: Path, recorded: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    compute = Steps._compute

    def only_one(prepared: _Prepared, reach: int) -> None:
        if prepared.step.count > 1:
            raise RuntimeError("CUDA error: operation not permitted when stream is capturing")
        compute(prepared, reach)

    monkeypatch.setattr(Steps, "_compute", staticmethod(only_one))
    session = load_session(str(tiny_checkpoints.make("llama", tiny_folder)), tiny_folder)
    assert session.plan.decode == DecodeWay.GRAPH
    assert session._runner.decode.steps is not None
    assert session._runner.decode.steps.counts == (1,)
    assert "not permitted when stream is capturing" in caplog.text
    assert ask(session, [OPENING]).token_ids == cold_ids(session, [OPENING])


@pytest.mark.parametrize("sampling", [GREEDY, DRAWN, NUCLEUS], ids=["greedy", "drawn", "plain"])
def test_nothing_else_is_waited_for_than_the_id(
    llama: ChatSession, sampling: Sampling, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = llama._runner
    assert runner.decode.steps is not None
    runner.feed([5, 6, 7])
    chooser = Sampler(decide(sampling, None), [5, 6, 7], torch.device("cpu"))
    decoder = PipelinedDecoder(runner, chooser, runner.decode.steps)
    chosen = decoder.next_ids(8)
    monkeypatch.setattr(runner.decode.steps, "_replay", lambda prepared, length: prepared.logits)

    def wait(*_: object, **__: object) -> None:
        raise AssertionError("a card's caller waits for a copy from here")

    for owner, name in ((torch, "tensor"), (torch, "as_tensor"), (torch.Tensor, "new_tensor"), (torch.Tensor, "item")):
        monkeypatch.setattr(owner, name, wait)
    decoder.next_ids(chosen[0])


@pytest.mark.parametrize(
    ("name", "reason"),
    [("lfm2", "keep states"), ("mamba", "fixed addresses"), ("phi3_longrope", "conversation's length")],
)
def test_what_can_not_be_recorded_says_why(name: str, reason: str, tiny_folder: Path, recorded: None) -> None:
    session = load_session(str(tiny_checkpoints.make(name, tiny_folder)), tiny_folder)
    assert session.plan.decode == "eager"
    assert reason in session.plan.decode_reason


def test_a_step_that_computes_something_else_is_not_used(
    tiny_folder: Path, recorded: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from engine.decode.step import DecodeStep

    run = DecodeStep.run
    monkeypatch.setattr(DecodeStep, "run", lambda self, reach: run(self, reach).roll(1, -1))
    session = load_session(str(tiny_checkpoints.make("llama", tiny_folder)), tiny_folder)
    assert session.plan.decode == "eager"
    assert "something else" in session.plan.decode_reason
    assert "differ from plain ones by" in caplog.text


@pytest.mark.parametrize(("places", "way"), [((0, 5), "graph"), ((3, 3), "eager")])
def test_a_token_between_two_experts_is_no_wrong_step(
    places: tuple[int, int], way: str, tiny_folder: Path, recorded: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In 16 bit it goes to one or the other: what differs at another place with other ids is no fault of the step."""
    prepare, asked = preparing.prepare, list[int]()

    def with_doubts(model: object, kv: object, rungs: object, feed: object, agrees: object) -> preparing.Decode:
        def doubts(found: torch.Tensor, wanted: torch.Tensor) -> bool:
            number, place = divmod(len(asked), 2 * recordable.CHECKED_IDS)
            asked.append(place)
            return place != places[min(number, 1)] and bool(agrees(found, wanted))  # type: ignore[operator]

        return prepare(model, kv, rungs, feed, doubts)  # type: ignore[arg-type]

    monkeypatch.setattr(preparing, "prepare", with_doubts)
    path = str(tiny_checkpoints.make("mixtral", tiny_folder))
    loaded = loader.load(path, PrecisionChoice.BF16, 512, "cpu", tiny_folder, CancellationToken(), lambda *_: None)
    session = ChatSession(loaded)
    assert session.plan.decode == way
    assert len(asked) > 2 * recordable.CHECKED_IDS


def test_without_a_card_decoding_is_eager_and_says_so(tiny_folder: Path) -> None:
    session = load_session(str(tiny_checkpoints.make("llama", tiny_folder)), tiny_folder)
    assert session.plan.decode == "eager"
    assert "NVIDIA" in session.plan.decode_reason
