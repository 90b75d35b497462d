import itertools

from hypothesis import given
from hypothesis import strategies as st

from app.worker.event_joiner import JOIN_SECONDS, EventJoiner
from engine.api.events import DownloadProgress, LoadPhase, LoadProgress, PrefillProgress, Progress, TextGenerated


def piece(text: str, *token_ids: int) -> TextGenerated:
    return TextGenerated(command_id="c", conversation_id="v", message_id="m", text=text, token_ids=token_ids)


def prefill(done: int) -> PrefillProgress:
    return PrefillProgress(
        command_id="c", conversation_id="v", message_id="m", prompt_tokens=100, reused_tokens=0, done_tokens=done
    )


def loading(done: int, phase: LoadPhase = LoadPhase.LOADING) -> LoadProgress:
    return LoadProgress(command_id="c", phase=phase, done=done, total=100)


def test_the_first_piece_goes_out_at_once() -> None:
    joiner = EventJoiner()
    assert joiner.add(piece("a", 1), 100.0) == [piece("a", 1)]
    assert joiner.due is None


def test_what_follows_soon_is_held_and_joined() -> None:
    joiner = EventJoiner()
    joiner.add(piece("a", 1), 100.0)
    assert joiner.add(piece("b", 2), 100.001) == []
    assert joiner.add(piece("c", 3, 4), 100.002) == []
    assert joiner.due == 100.0 + JOIN_SECONDS
    assert joiner.flush(100.033) == [piece("bc", 2, 3, 4)]
    assert joiner.flush(100.033) == []


def test_slow_text_is_never_held() -> None:
    joiner = EventJoiner()
    for index in range(5):
        assert joiner.add(piece(str(index), index), 100.0 + index * 0.05) == [piece(str(index), index)]


def test_of_progress_only_the_newest_remains() -> None:
    joiner = EventJoiner()
    assert joiner.add(loading(1), 0.0) == [loading(1)]
    assert [joiner.add(loading(done), 0.001) for done in (2, 3, 4)] == [[], [], []]
    assert joiner.flush(0.04) == [loading(4)]


def test_a_new_phase_goes_out_at_once_after_the_end_of_the_old_one() -> None:
    joiner = EventJoiner()
    joiner.add(loading(1), 0.0)
    joiner.add(loading(100), 0.001)
    assert joiner.add(loading(0, LoadPhase.CHECKING), 0.002) == [loading(100), loading(0, LoadPhase.CHECKING)]


def test_the_first_text_does_not_wait_for_the_progress_before_it() -> None:
    joiner = EventJoiner()
    joiner.add(prefill(50), 0.0)
    joiner.add(prefill(100), 0.001)
    assert joiner.add(piece("a", 1), 0.002) == [prefill(100), piece("a", 1)]
    assert joiner.add(piece("b", 2), 0.003) == []


@given(st.lists(st.tuples(st.text(max_size=3), st.floats(0, 0.05), st.booleans())))
def test_no_text_is_lost_doubled_or_reordered(steps: list[tuple[str, float, bool]]) -> None:
    joiner, now = EventJoiner(), 0.0
    emitted: list[Progress] = []
    emitted_at: list[tuple[float, bool]] = []
    for index, (text, pause, flushes) in enumerate(steps):
        now += pause
        for events in (joiner.flush(now) if flushes else [], joiner.add(piece(text, index), now)):
            emitted += events
            emitted_at += [(now, flushes)] * len(events)
    emitted += joiner.flush(now)
    pieces = [event for event in emitted if isinstance(event, TextGenerated)]
    assert "".join(event.text for event in pieces) == "".join(text for text, _, _ in steps)
    assert [token_id for event in pieces for token_id in event.token_ids] == list(range(len(steps)))
    for (before, _), (after, flushed) in itertools.pairwise(emitted_at):
        assert flushed or after - before >= JOIN_SECONDS - 1e-9


EVENTS = st.one_of(
    st.builds(piece, st.text(max_size=2), st.integers(0, 9)),
    st.builds(prefill, st.integers(0, 100)),
    st.builds(loading, st.integers(0, 100), st.sampled_from(LoadPhase)),
    st.builds(DownloadProgress, command_id=st.just("c"), done_bytes=st.integers(0, 9), total_bytes=st.just(9)),
)


@given(st.lists(st.tuples(EVENTS, st.floats(0, 0.05))))
def test_kinds_keep_their_order_and_their_last_word(steps: list[tuple[Progress, float]]) -> None:
    joiner, now = EventJoiner(), 0.0
    emitted: list[Progress] = []
    for event, pause in steps:
        now += pause
        emitted += joiner.add(event, now)
    emitted += joiner.flush(now)
    assert _last_of_each_run(emitted) == _last_of_each_run([event for event, _ in steps])


def _last_of_each_run(events: list[Progress]) -> list[object]:
    """What remains of neighbours of one kind: the newest progress, or the whole text."""
    runs: list[object] = []
    for _, run in itertools.groupby(events, key=lambda event: (type(event), getattr(event, "phase", None))):
        of_kind = list(run)
        texts = [event.text for event in of_kind if isinstance(event, TextGenerated)]
        runs.append("".join(texts) if texts else of_kind[-1])
    return runs
