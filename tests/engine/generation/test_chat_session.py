"""One loaded model over several conversations: reuse, snapshots, budgets, Stop, limits."""

import threading
import time
from pathlib import Path

import pytest
import torch

from engine.api.cancellation import CancellationToken
from engine.api.errors import EngineError, ErrorKind
from engine.api.events import FinishReason
from engine.generation.chat_session import ChatSession
from engine.generation.generate import Report, Result
from engine.generation.model_runner import ModelRunner
from engine.kv.slab_layers import SlabLayer
from tests import tiny_checkpoints
from tests.chat_probe import GREEDY, Listener, answered, ask, cold_ids, command, load_session, user

LONG = user("word " * 150)


@pytest.fixture
def session(tiny_folder: Path) -> ChatSession:
    return load_session(str(tiny_checkpoints.make("llama", tiny_folder)), tiny_folder)


def test_switching_back_restores_from_memory(session: ChatSession) -> None:
    first = ask(session, [LONG])
    ask(session, [user("Hello")], conversation="other")
    follow_up = [LONG, answered(session, first), user("And?")]
    again = ask(session, follow_up)
    new_ids = again.statistics.prompt_tokens - first.statistics.prompt_tokens - len(first.token_ids)
    assert again.statistics.prefilled_tokens in (new_ids, new_ids + 1)
    assert again.token_ids == cold_ids(session, follow_up)


def test_buffers_keep_their_addresses(session: ChatSession) -> None:
    def addresses() -> list[int]:
        return [layer.keys.data_ptr() for layer in session._runner.kv.cache.layers if isinstance(layer, SlabLayer)]

    before = addresses()
    first = ask(session, [LONG])
    ask(session, [user("Hello")], conversation="other")
    ask(session, [LONG, answered(session, first), user("And?")])
    session.forget("c")
    assert addresses() == before
    assert len(before) == 3


def test_a_forgotten_conversation_is_read_again(session: ChatSession) -> None:
    ask(session, [LONG])
    ask(session, [user("Hello")], conversation="other")
    assert session.forget("c") > 0
    assert session.forget("c") == 0
    again = ask(session, [LONG])
    assert again.statistics.reused_tokens < 10


def test_a_long_prompt_is_stored_before_its_answer_is_complete(session: ChatSession) -> None:
    stored: list[int] = []

    def generated(text: str, token_ids: tuple[int, ...]) -> None:
        stored.append(sum(len(item.ids) for item in session._warm.tree.items.values()))

    long = user("word " * 200)
    result = session.answer(command([long]), CancellationToken(), Report(lambda *_: None, generated))
    assert stored[2] == result.statistics.prompt_tokens, "an engine that is killed now has lost no reading"


def test_main_memory_stays_within_its_budget(session: ChatSession) -> None:
    ram = session._warm.tiers.ram
    ask(session, [LONG])
    assert ram.used_bytes == session._runner.kv.page_layout(session._runner.kv.length).size_bytes
    ram.budget_bytes = ram.used_bytes * 5 // 2
    for number in range(6):
        ask(session, [user(f"{number} " + "word " * 150)], conversation=f"c{number}")
        assert 0 < ram.used_bytes <= ram.budget_bytes
    conversations, _ = session.describe_warmth()
    whole = session._runner.kv.length
    assert [each.conversation_id for each in conversations if each.tokens == whole] == ["c5", "c4"]


def test_a_stop_before_the_start_ends_at_once(session: ChatSession) -> None:
    token = CancellationToken()
    token.cancel()
    result = session.answer(command([LONG]), token, Listener().report())
    assert result.reason is FinishReason.STOPPED
    assert result.statistics.prefilled_tokens == 0
    assert result.text == ""


def test_a_stop_between_two_layers_keeps_what_was_read(session: ChatSession) -> None:
    first = ask(session, [LONG])
    token = CancellationToken()
    calls = 0

    def stop_in_second_layer(module: torch.nn.Module, arguments: object) -> None:
        nonlocal calls
        calls += 1
        if calls == 2:
            token.cancel()

    hooks = [layer.register_forward_pre_hook(stop_in_second_layer) for layer in session.loaded.model.model.layers]
    longer = [LONG, answered(session, first), user("more " * 60)]
    result = session.answer(command(longer), token, Listener().report())
    for hook in hooks:
        hook.remove()
    assert result.reason is FinishReason.STOPPED
    held = first.statistics.prompt_tokens + len(first.token_ids)
    assert abs(session._runner.kv.length - held) <= 1
    after = ask(session, longer)
    assert after.statistics.reused_tokens >= held - 1
    assert after.token_ids == cold_ids(session, longer)


def test_a_stop_is_answered_between_two_chunks_where_it_can_not_be_in_one(
    session: ChatSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ModelRunner, "stops_inside_chunks", property(lambda _: False))
    token, told = CancellationToken(), []

    def prefilled(total: int, reused: int, done: int) -> None:
        told.append(done)
        if done:
            token.cancel()

    report = Report(prefilled=prefilled, generated=lambda text, token_ids: None)
    result = session.answer(command([LONG]), token, report)
    assert result.reason is FinishReason.STOPPED
    assert [done for done in told if done] == [result.statistics.prefilled_tokens]
    assert 0 < result.statistics.prefilled_tokens < result.statistics.prompt_tokens


def test_a_stop_while_decoding_keeps_the_text(session: ChatSession) -> None:
    token = CancellationToken()
    seen: list[str] = []

    def generated(text: str, token_ids: tuple[int, ...]) -> None:
        seen.append(text)
        if len(seen) == 3:
            threading.Thread(target=token.cancel).start()
            while not token.is_cancelled:
                time.sleep(0.001)

    report = Report(prefilled=lambda *numbers: None, generated=generated)
    result = session.answer(command([LONG], maximum_tokens=200), token, report)
    assert result.reason is FinishReason.STOPPED
    assert result.text == "".join(seen)


def test_the_speed_counts_what_was_decoded_in_its_time(session: ChatSession) -> None:
    """The first id comes with the end of reading, and an end that ends the answer is decoded as any other id."""

    def decoded(result: Result) -> float:
        return result.statistics.tokens_per_second * result.statistics.decode_seconds

    limited = ask(session, [LONG], maximum_tokens=3)
    assert decoded(limited) == pytest.approx(2)
    assert decoded(ask(session, [LONG], maximum_tokens=1)) == 0
    known = ask(session, [LONG], maximum_tokens=40).token_ids
    place = next(i for i in range(3, 40) if known[i] not in known[:i])
    session._end_ids |= {known[place]}
    ended = ask(session, [LONG], maximum_tokens=40)
    assert ended.reason is FinishReason.END
    assert decoded(ended) == pytest.approx(len(ended.token_ids)) == pytest.approx(place)


def test_the_speed_needs_no_clock_that_stands_still_for_a_while(
    session: ChatSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On Windows the monotonic one goes forward 64 times a second, which is several tokens of a small model."""
    monkeypatch.setattr(time, "monotonic", lambda: 1000.0)
    statistics = ask(session, [LONG], maximum_tokens=3).statistics
    assert statistics.tokens_per_second > 0
    assert 0 < statistics.prefill_seconds <= statistics.time_to_first_token_seconds


def test_the_maximum_and_the_full_context_end_an_answer(session: ChatSession, tiny_folder: Path) -> None:
    assert ask(session, [LONG], maximum_tokens=5).reason is FinishReason.MAXIMUM_TOKENS
    small = load_session(str(tiny_checkpoints.make("llama", tiny_folder)), tiny_folder, context=40)
    result = ask(small, [user("Hello")], maximum_tokens=500)
    assert result.reason in (FinishReason.CONTEXT_FULL, FinishReason.END)
    assert result.statistics.prompt_tokens + len(result.token_ids) <= 41


def test_a_prompt_longer_than_the_window_names_both_numbers(session: ChatSession) -> None:
    with pytest.raises(EngineError) as caught:
        ask(session, [user("word " * 3000)])
    assert caught.value.report.kind is ErrorKind.MESSAGE_TOO_LONG
    assert "1,024" in caught.value.report.message
    assert ask(session, [user("Hello")]).token_ids == cold_ids(session, [user("Hello")])


def test_running_out_of_memory_is_told_and_the_next_message_works(session: ChatSession) -> None:
    def fail(module: torch.nn.Module, arguments: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    hook = session.loaded.model.model.layers[1].register_forward_pre_hook(fail)
    with pytest.raises(EngineError) as caught:
        ask(session, [LONG])
    hook.remove()
    assert caught.value.report.kind is ErrorKind.OUT_OF_MEMORY
    assert ask(session, [LONG]).token_ids == cold_ids(session, [LONG])


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("CUDA error: an illegal memory access was encountered", ErrorKind.DEVICE_LOST),
        ("CUDA error: out of memory", ErrorKind.OUT_OF_MEMORY),
        ("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes", ErrorKind.OUT_OF_MEMORY),
    ],
)
def test_a_lost_device_is_not_taken_for_want_of_memory(session: ChatSession, text: str, kind: ErrorKind) -> None:
    def fail(module: torch.nn.Module, arguments: object) -> None:
        raise RuntimeError(text)

    hook = session.loaded.model.model.layers[1].register_forward_pre_hook(fail)
    with pytest.raises(EngineError) as caught:
        ask(session, [LONG])
    hook.remove()
    assert caught.value.report.kind is kind


def test_another_runtime_error_stays_a_bug(session: ChatSession) -> None:
    def fail(module: torch.nn.Module, arguments: object) -> None:
        raise RuntimeError("shapes of a memory view don't match")

    hook = session.loaded.model.model.layers[1].register_forward_pre_hook(fail)
    with pytest.raises(RuntimeError, match="memory view"):
        ask(session, [LONG])
    hook.remove()


def test_progress_counts_to_the_end(session: ChatSession) -> None:
    listener = Listener()
    session.answer(command([LONG], sampling=GREEDY), CancellationToken(), listener.report())
    total, reused, done = listener.prefills[-1]
    assert reused + done == total
    assert [numbers[2] for numbers in listener.prefills] == sorted(numbers[2] for numbers in listener.prefills)


def test_continue_adds_to_the_same_answer(session: ChatSession) -> None:
    whole = ask(session, [LONG], maximum_tokens=12)
    begun = ask(session, [LONG], maximum_tokens=5)
    rest = ask(session, [LONG, answered(session, begun)], maximum_tokens=7, continue_last=True)
    assert begun.token_ids + rest.token_ids == whole.token_ids
    assert begun.text + rest.text == whole.text
    assert rest.statistics.prefilled_tokens == 1
