from itertools import pairwise

import pytest

from app.terminal.download_line import download_line, rate_words, time_left
from engine.api.events import DownloadProgress
from engine.api.hub import DownloadPhase

GB = 10**9
RUNNING = DownloadProgress(
    command_id="c", done_bytes=int(1.25 * GB), total_bytes=int(2.9 * GB), bytes_per_second=54.1e6, seconds_left=30.5
)


def test_the_line_says_how_far_how_fast_and_how_long() -> None:
    line = download_line(RUNNING, 100)
    assert line == "43 %  [============>                 ]  1.2 of 2.9 GB  54.1 MB/s  30 s left"


def test_what_matters_less_is_left_out_where_it_is_narrow() -> None:
    lines = [download_line(RUNNING, columns) for columns in range(100, -1, -1)]
    for columns, line in zip(range(100, -1, -1), lines, strict=True):
        assert len(line) <= columns
    assert all(len(narrower) <= len(wider) for wider, narrower in pairwise(lines))
    assert download_line(RUNNING, 40) == "43 %  1.2 of 2.9 GB  54.1 MB/s"
    assert download_line(RUNNING, 20) == "43 %  1.2 of 2.9 GB"
    assert download_line(RUNNING, 6) == "43 %"


def progress(phase: DownloadPhase, done: int = 0, total: int = 0, words: str = "") -> str:
    return download_line(
        DownloadProgress(command_id="c", done_bytes=done, total_bytes=total, phase=phase, words=words), 60
    )


def test_each_phase_has_its_words() -> None:
    assert progress(DownloadPhase.ASKING) == "Asking the Hub"
    assert progress(DownloadPhase.RECEIVING) == "Downloading"
    waiting = progress(DownloadPhase.WAITING, 50, 100, "The connection was lost; trying again in 4 s.")
    assert waiting == "50 %  The connection was lost; trying again in 4 s."
    assert progress(DownloadPhase.WAITING, words="x" * 90).endswith("...")
    assert "checking what arrived" in progress(DownloadPhase.VERIFYING, 100, 100)
    assert "nothing arrives" in progress(DownloadPhase.RECEIVING, 50, 100)


@pytest.mark.parametrize(("done", "total"), [(0, 1), (1, 1), (5, 1), (0, 10**15), (10**15, 10**15)])
def test_a_bar_is_never_longer_than_its_frame(done: int, total: int) -> None:
    line = download_line(DownloadProgress(command_id="c", done_bytes=done, total_bytes=total), 100)
    assert len(line[line.index("[") : line.index("]") + 1]) <= 32


@pytest.mark.parametrize(
    ("value", "words"),
    [(0, "1 s"), (31.4, "31 s"), (59.4, "59 s"), (240, "4 min"), (7800, "2 h 10 min"), (10**6, "more than a day")],
)
def test_times_ahead_are_as_exact_as_they_can_be(value: float, words: str) -> None:
    assert time_left(value) == words


@pytest.mark.parametrize(
    ("value", "words"), [(0, "nothing arrives"), (500, "1 kB/s"), (310_000, "310 kB/s"), (1.25e9, "1.2 GB/s")]
)
def test_rates_have_the_unit_that_suits_them(value: float, words: str) -> None:
    assert rate_words(value) == words
