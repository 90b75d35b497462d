"""Memory runs out in prefill, while decoding, at load, for snapshots: what is tried, what is kept, what is told."""

import gc
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from engine.api.cancellation import CancellationToken
from engine.api.errors import EngineError, ErrorKind, ErrorReport
from engine.api.plan import PrecisionChoice
from engine.generation.chat_session import ChatSession
from engine.generation.detokenizer import without_half
from engine.generation.reading import PrefillPace
from engine.generation.shortage import Shortage, out_of_memory, remedies
from tests import tiny_checkpoints
from tests.chat_probe import Listener, answered, ask, cold_ids, command, load_session, user
from tests.engine_scripts import PLAN

LONG = user("word " * 70)
FULL = "CUDA out of memory. Tried to allocate 2.00 GiB"


@pytest.fixture(params=["llama", "lfm2"])
def session(tiny_folder: Path, request: pytest.FixtureRequest) -> ChatSession:
    """One model whose KV can be rewound, and one with states that can't."""
    return load_session(str(tiny_checkpoints.make(request.param, tiny_folder)), tiny_folder)


class Trap:
    """Lets feeds of the model fail: in the second layer, after it has taken memory."""

    def __init__(self, session: ChatSession) -> None:
        self.fed: list[int] = []
        self.fails: Callable[[int, int], bool] = lambda number, ids: False
        self.error: Callable[[], Exception] = lambda: torch.OutOfMemoryError(FULL)
        self.taken: list[weakref.ref[torch.Tensor]] = []
        self._layer = session.loaded.model.model.layers[1]
        self._hook = self._layer.register_forward_pre_hook(self._on_layer)
        # A session that has learned its pace, so that there is a chunk to make smaller.
        session._reader.pace._chunk = 128

    def _on_layer(self, module: torch.nn.Module, arguments: tuple[torch.Tensor, ...]) -> None:
        ids = int(arguments[0].shape[1])
        self.fed.append(ids)
        if self.fails(len(self.fed), ids):
            states = torch.zeros(1000)
            self.taken.append(weakref.ref(states))
            raise self.error()

    def remove(self) -> None:
        self._hook.remove()


@pytest.fixture
def trap(session: ChatSession) -> Iterator[Trap]:
    trap = Trap(session)
    yield trap
    trap.remove()


def failed(session: ChatSession, messages: list, listener: Listener | None = None, **options: object) -> ErrorReport:
    listener = listener or Listener()
    with pytest.raises(EngineError) as caught:
        session.answer(command(messages, **options), CancellationToken(), listener.report())
    assert caught.value.report.kind is ErrorKind.OUT_OF_MEMORY
    return caught.value.report


@pytest.mark.parametrize("error", [lambda: torch.OutOfMemoryError(FULL), MemoryError])
def test_a_chunk_that_was_too_much_is_read_again_in_smaller_ones(
    session: ChatSession, trap: Trap, error: Callable[[], Exception]
) -> None:
    trap.error = error
    trap.fails = lambda number, ids: number == 2
    session._reader.pace._seconds = 1e-9  # no growth by speed
    session._reader.pace._chunk = 128
    result = ask(session, [LONG])
    assert trap.fed[:2] == [128, 32], "the first at the pace of before, then as slow as it is"
    trap.remove()
    assert result.token_ids == cold_ids(session, [LONG])


def test_chunks_stay_smaller_for_the_rest_of_the_models_life(session: ChatSession, trap: Trap) -> None:
    trap.fails = lambda number, ids: ids > 40
    ask(session, [LONG])
    tried = len(trap.fed)
    assert max(trap.fed) == 128
    ask(session, [user("Another question. " + "word " * 70)], conversation="other")
    assert max(trap.fed[tried:]) <= 32


def test_the_retry_begins_where_it_failed(session: ChatSession, trap: Trap) -> None:
    session._reader.pace._seconds = 1e9  # as large as the limit allows, at once
    trap.fails = lambda number, ids: number == 2
    result = ask(session, [LONG])
    if session._runner.kv.can_rewind:
        total = result.statistics.prompt_tokens
        assert result.statistics.prefilled_tokens == total + trap.fed[1], "only the failed chunk was fed twice"


def test_what_had_to_go_for_want_of_memory_is_not_told_as_reused(session: ChatSession, trap: Trap) -> None:
    first = ask(session, [LONG])
    held = session._runner.kv.length
    failing = len(trap.fed) + 1
    trap.fails = lambda number, ids: number == failing
    result = ask(session, [LONG, answered(session, first), user("And then? " + "word " * 20)])
    assert len(trap.fed) >= failing
    assert result.statistics.reused_tokens == (held if session._runner.kv.can_rewind else 0)


def alone_in_the_prompt(session: ChatSession) -> int:
    """Return how many ids of a prompt are fed alone: the last, where the state before the answer is kept."""
    return int(session._warm.needs_turn_states)


def test_while_decoding_one_failure_changes_nothing(session: ChatSession, trap: Trap) -> None:
    ones = 0

    def fails(number: int, ids: int) -> bool:
        nonlocal ones
        ones += ids == 1
        return ids == 1 and ones == 4

    trap.fails = fails
    result = ask(session, [LONG])
    assert ones > 4
    trap.remove()
    assert result.token_ids == cold_ids(session, [LONG])


def test_a_second_failure_keeps_what_was_written_with_its_ids(session: ChatSession, trap: Trap) -> None:
    expected = cold_ids(session, [LONG])
    trap.fed.clear()
    ones = -alone_in_the_prompt(session)

    def fails(number: int, ids: int) -> bool:
        nonlocal ones
        ones += ids == 1
        return ones > 5

    trap.fails = fails
    listener = Listener()
    report = failed(session, [LONG], listener)
    assert tuple(listener.token_ids) == expected[:6]
    decoded = session.loaded.tokenizer.decode(listener.token_ids, skip_special_tokens=True)
    assert listener.text == without_half(decoded)
    assert "2.00 GiB more were needed at once" in report.message
    assert "were free" in report.message
    trap.remove()
    assert ask(session, [LONG]).token_ids == expected, "the next message works"


def test_what_was_read_before_the_second_failure_is_still_there(session: ChatSession, trap: Trap) -> None:
    first = ask(session, [LONG])
    trap.fails = lambda number, ids: True
    longer = [LONG, answered(session, first), user("more " * 30)]
    failed(session, longer)
    trap.remove()
    after = ask(session, longer)
    if session._runner.kv.can_rewind:
        held = first.statistics.prompt_tokens + len(first.token_ids)
        assert after.statistics.reused_tokens >= held - 1
    assert after.token_ids == cold_ids(session, longer)


def test_nothing_of_a_failed_forward_stays_in_memory(session: ChatSession, trap: Trap) -> None:
    trap.fails = lambda number, ids: True
    gc.disable()
    try:
        failed(session, [LONG])
        assert [taken for taken in trap.taken if taken() is not None] == []
    finally:
        gc.enable()
    assert len(trap.taken) == 2, "one retry"


def test_a_bug_is_not_taken_for_want_of_memory(session: ChatSession, trap: Trap) -> None:
    trap.fails = lambda number, ids: True
    trap.error = lambda: RuntimeError("shapes do not match")
    with pytest.raises(RuntimeError, match="shapes"):
        ask(session, [LONG])
    assert len(trap.fed) == 1


def test_a_lost_card_is_not_tried_again(session: ChatSession, trap: Trap, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden() -> None:
        raise AssertionError("the device was touched")

    monkeypatch.setattr("engine.hardware.faults.release", forbidden)
    ones = -alone_in_the_prompt(session)

    def fails(number: int, ids: int) -> bool:
        nonlocal ones
        ones += ids == 1
        return ones > 0

    trap.fails = fails
    trap.error = lambda: RuntimeError("CUDA error: unspecified launch failure")
    listener = Listener()
    with pytest.raises(EngineError) as caught:
        session.answer(command([LONG]), CancellationToken(), listener.report())
    assert caught.value.report.kind is ErrorKind.DEVICE_LOST
    assert len(listener.token_ids) == 1, "what was written is told with its ids"


def test_others_make_room_when_main_memory_ran_out(session: ChatSession, trap: Trap) -> None:
    ask(session, [LONG])
    ask(session, [user("Hello")], conversation="other")
    ram = session._warm.tiers.ram
    assert ram.used_bytes > 0
    trap.error = MemoryError
    trap.fed.clear()
    trap.fails = lambda number, ids: number == 1
    ask(session, [user("Something else " * 20)], conversation="third")
    owners = {owner for item in ram.items() for owner in item.owners}
    assert owners == {"third"}
    trap.remove()
    assert ask(session, [LONG]).token_ids == cold_ids(session, [LONG])


@pytest.mark.parametrize("part", ["copy_page", "restore"])
@pytest.mark.parametrize("error", [MemoryError(), torch.OutOfMemoryError(FULL)])
def test_a_copy_without_memory_is_a_miss(
    session: ChatSession, monkeypatch: pytest.MonkeyPatch, part: str, error: Exception
) -> None:
    kv = session._runner.kv

    def no_memory(*arguments: object) -> None:
        raise error

    with monkeypatch.context() as patched:
        if part == "copy_page":
            patched.setattr(kv, part, no_memory)
        first = ask(session, [LONG])
        ask(session, [user("Hello")], conversation="other")
        patched.setattr(kv, part, no_memory)
        follow_up = [LONG, answered(session, first), user("And?")]
        again = ask(session, follow_up)
    assert again.statistics.reused_tokens < 10
    assert again.token_ids == cold_ids(session, follow_up)


class ShortOnce:
    """A forward that fails the first `times` times."""

    def __init__(self, times: int) -> None:
        self.times = times

    def __call__(self, module: torch.nn.Module, arguments: object) -> None:
        if self.times:
            self.times -= 1
            raise torch.OutOfMemoryError(FULL)


def test_the_check_at_load_is_tried_twice(tiny_folder: Path) -> None:
    loaded = load_session(str(tiny_checkpoints.make("llama", tiny_folder)), tiny_folder).loaded
    hook = loaded.model.register_forward_pre_hook(ShortOnce(1))
    session = ChatSession(loaded)
    hook.remove()
    assert session._runner.mode == "slab"
    assert ask(session, [LONG]).token_ids == cold_ids(session, [LONG])


def test_a_check_without_memory_never_means_another_way_of_keeping_kv(tiny_folder: Path) -> None:
    """The processor's allocator raises RuntimeError, as a model does that can't work with the slab."""
    loaded = load_session(str(tiny_checkpoints.make("llama", tiny_folder)), tiny_folder).loaded
    calls = 0

    def fail_in_the_slab(module: torch.nn.Module, arguments: object) -> None:
        nonlocal calls
        calls += 1
        if calls % 2 == 0:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8589934592 bytes.")

    hook = loaded.model.register_forward_pre_hook(fail_in_the_slab)
    with pytest.raises(EngineError) as caught:
        ChatSession(loaded)
    hook.remove()
    assert caught.value.report.kind is ErrorKind.OUT_OF_MEMORY
    assert "8.00 GiB more were needed" in caught.value.report.message
    assert calls == 4
    ChatSession(loaded)


def test_the_pace_shrinks_to_a_quarter_and_stays_below() -> None:
    pace = PrefillPace(stops_inside_chunks=True, largest_tokens=1024)
    for _ in range(8):
        pace.learn(pace.chunk, 1e-6)
    assert pace.chunk == 1024
    pace.shrink(1024)
    assert pace.chunk == 256
    pace.learn(256, 1e-6)
    assert pace.chunk == 256
    for _ in range(5):
        pace.shrink(pace.chunk)
    assert pace.chunk == 32


# The sentence and the ways out


def labels(**changes: object) -> list[str]:
    plan = type(PLAN)(**{**{f: getattr(PLAN, f) for f in PLAN.__struct_fields__}, **changes})
    options = {"is_published_packed": False, "conversation_tokens": 100}
    return [remedy.label for remedy in remedies(plan, **options)]  # type: ignore[arg-type]


def test_the_remedies_are_the_next_gentler_forms() -> None:
    assert labels(device="cuda:0", context_window=8192) == [
        "Load in INT8",
        "Load in INT4",
        "Use 4,096 tokens of context",
        "Use the CPU",
    ]
    assert labels(precision="int8", context_window=3000) == ["Load in INT4", "Use 2,048 tokens of context"]
    assert labels(precision="int4", context_window=2048) == []


def test_only_what_can_help_is_offered() -> None:
    plan = PLAN
    options = {"is_published_packed": False, "conversation_tokens": 5000}
    cuda = type(plan)(**{**{f: getattr(plan, f) for f in plan.__struct_fields__},
                         "device": "cuda:0", "context_window": 8192})  # fmt: skip
    in_8_bit, in_4_bit, on_processor = remedies(cuda, **options)  # too long for a smaller context
    assert (in_8_bit.precision, in_4_bit.precision) == (PrecisionChoice.INT8, PrecisionChoice.INT4)
    assert remedies(cuda, is_published_packed=True, conversation_tokens=5000) == (on_processor,)


def test_the_numbers_are_told_in_units_that_can_be_read() -> None:
    report = out_of_memory(Shortage(3 * 2**29, 50 * 2**20, False, "d"), PLAN, (), "Do this.").report
    assert report.message == (
        "The memory of Scripted processor ran out: 1.50 GiB more were needed at once, 50.0 MiB were free."
    )
    unknown = out_of_memory(Shortage(0, 2**31, True, "d"), PLAN, (), "").report
    assert unknown.message == "This computer's memory ran out: 2.00 GiB were free."
