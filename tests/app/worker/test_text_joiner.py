import itertools

from hypothesis import given
from hypothesis import strategies as st

from app.worker.text_joiner import JOIN_SECONDS, TextJoiner
from engine.api.events import TextGenerated


def piece(text: str, *token_ids: int) -> TextGenerated:
    return TextGenerated(command_id="c", conversation_id="v", message_id="m", text=text, token_ids=token_ids)


def test_the_first_piece_goes_out_at_once() -> None:
    joiner = TextJoiner()
    assert joiner.add(piece("a", 1), 100.0) == piece("a", 1)
    assert joiner.due is None


def test_what_follows_soon_is_held_and_joined() -> None:
    joiner = TextJoiner()
    joiner.add(piece("a", 1), 100.0)
    assert joiner.add(piece("b", 2), 100.001) is None
    assert joiner.add(piece("c", 3, 4), 100.002) is None
    assert joiner.due == 100.0 + JOIN_SECONDS
    assert joiner.flush(100.033) == piece("bc", 2, 3, 4)
    assert joiner.flush(100.033) is None


def test_slow_text_is_never_held() -> None:
    joiner = TextJoiner()
    for index in range(5):
        assert joiner.add(piece(str(index), index), 100.0 + index * 0.05) == piece(str(index), index)


@given(st.lists(st.tuples(st.text(max_size=3), st.floats(0, 0.05), st.booleans())))
def test_nothing_is_lost_doubled_or_reordered(steps: list[tuple[str, float, bool]]) -> None:
    joiner, now, emitted, emitted_at = TextJoiner(), 0.0, [], []
    for index, (text, pause, flushes) in enumerate(steps):
        now += pause
        for event in (joiner.flush(now) if flushes else None, joiner.add(piece(text, index), now)):
            if event is not None:
                emitted.append(event)
                emitted_at.append((now, flushes))
    emitted += [event for event in [joiner.flush(now)] if event is not None]
    assert "".join(event.text for event in emitted) == "".join(text for text, _, _ in steps)
    assert [token_id for event in emitted for token_id in event.token_ids] == list(range(len(steps)))
    for (before, _), (after, flushed) in itertools.pairwise(emitted_at):
        assert flushed or after - before >= JOIN_SECONDS - 1e-9
