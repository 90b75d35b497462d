"""A disk that hangs, as one thread meets it."""

import itertools
import threading

import pytest

from tests.faults.kv.folders import PATIENCE_SECONDS


class Hang:
    """Lets a thread hang in a call until told to go on; went_on: the calls that it hung in, True once it went on.

    skipped: how many calls are let through first.
    """

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, thread: str, place: object, name: str, skipped: int = 0
    ) -> None:
        self.hangs, self.goes_on, self.is_on = threading.Event(), threading.Event(), threading.Event()
        self.went_on: list[bool] = []
        original, calls = getattr(place, name), itertools.count()

        def hang(*arguments: object, **options: object) -> object:
            if threading.current_thread().name == thread and self.is_on.is_set() and next(calls) >= skipped:
                self.hangs.set()
                self.went_on.append(self.goes_on.wait(PATIENCE_SECONDS))
            return original(*arguments, **options)

        monkeypatch.setattr(place, name, hang)
