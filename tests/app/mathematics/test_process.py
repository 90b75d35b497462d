"""The process that draws: it answers each line, and gives up what takes too long without ending."""

import subprocess
import sys

import msgspec
import pytest

from app.mathematics.shapes import Drawn, Wanted


@pytest.mark.skipif(sys.platform == "win32", reason="the clock of the window's process is the limit there")
def test_a_formula_that_takes_too_long_is_given_up_by_the_same_process() -> None:
    hostile = r"\frac{" * 12 + "x" + "}{y}" * 12
    wanted = [Wanted(1, "a", False), Wanted(2, hostile, True), Wanted(3, hostile, False), Wanted(4, "b", False)]
    lines = b"".join(msgspec.json.encode(one) + b"\n" for one in wanted)
    command = [sys.executable, "-m", "app.mathematics"]
    done = subprocess.run(command, input=lines, capture_output=True, check=True, timeout=120)
    answers = [msgspec.json.decode(line, type=Drawn) for line in done.stdout.splitlines()][1:]
    assert [answer.number for answer in answers] == [1, 2, 3, 4]
    assert [answer.shape is not None for answer in answers] == [True, False, False, True]
