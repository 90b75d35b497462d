"""What something costs, counted in calls instead of seconds: the same on every machine, however busy it is."""

import gc
import sys
from collections import Counter
from collections.abc import Callable
from types import FrameType


def work_of(act: Callable[[], object]) -> Counter[str]:
    """Do something; return how often each function was called by this thread meanwhile, by its own name.

    Functions in C count too (``setHtml`` of Qt, ``append`` of a list), but what they do inside is one call: a test
    that hands much to one of them has to look at how much that was as well.
    """
    calls: Counter[str] = Counter()

    def count(frame: FrameType, event: str, called: object) -> None:
        if event == "call":
            calls[frame.f_code.co_name] += 1
        elif event == "c_call":
            calls[getattr(called, "__name__", "")] += 1

    before, was_collecting = sys.getprofile(), gc.isenabled()
    gc.disable()  # what others left behind is not this work
    sys.setprofile(count)
    try:
        act()
    finally:
        sys.setprofile(before)
        if was_collecting:
            gc.enable()
    return calls
