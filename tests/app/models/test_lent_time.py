"""Threads beside the window compute only while its event loop turns."""

import threading

import pytest

from app.models import lent_time
from app.models.lent_time import LentTime


def test_work_goes_on_only_for_what_was_lent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lent_time, "_PATIENCE_SECONDS", 600.0)
    now = [100.0]
    lent = LentTime(clock=lambda: now[0])
    now[0] += 0.1
    steps: list[float] = []
    taken = threading.Semaphore(0)

    def work() -> None:
        while lent.take():
            steps.append(now[0])
            now[0] += 0.0015  # what a step takes
            if now[0] > lent._until:
                taken.release()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    for turn in range(3):
        lent.lend()
        assert taken.acquire(timeout=30)
        assert len(steps) == 3 * (turn + 1), "four milliseconds, and the step that is in work then"
        now[0] += 0.1
    lent.end()
    thread.join(timeout=30)
    assert not thread.is_alive()
    assert len(steps) == 9
    assert not lent.take()


def test_who_is_left_alone_works_to_the_end() -> None:
    """A window that is gone lends nothing, and a thread that waited for it would never end."""
    now = [100.0]
    lent = LentTime(clock=lambda: now[0])
    now[0] += 10.0
    assert all(lent.take() for _ in range(100))
    waiting = LentTime()
    assert waiting.take(), "after a while"
