from dataclasses import replace

import pytest

from app.models import hub_words
from app.models.hub_rows import DownloadRow, DownloadState

DAY = 86_400.0


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "0"), (950, "950"), (1_000, "1k"), (12_345, "12k"), (8_190_735_360, "8.2B"), (235 * 10**9, "235B")],
)
def test_short_counts(count: int, words: str) -> None:
    assert hub_words.short_count(count) == words


@pytest.mark.parametrize(
    ("days", "words"),
    [
        (0.0, "today"),
        (1.5, "yesterday"),
        (3.0, "3 days ago"),
        (15.0, "2 weeks ago"),
        (40.0, "1 month ago"),
        (800.0, "2 years ago"),
        (-5.0, "today"),
    ],
)
def test_ages(days: float, words: str) -> None:
    now = 2_000_000_000.0
    assert hub_words.age(now - days * DAY, now) == words


def test_an_unknown_age_says_nothing() -> None:
    assert hub_words.age(0.0, 2_000_000_000.0) == ""


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.0, "5 s left"),
        (42.0, "40 s left"),
        (58.0, "1 min left"),
        (111.0, "2 min left"),
        (4_800.0, "1 h 20 min left"),
        (36_300.0, "10 h left"),
        (400_000.0, "4 days left"),
    ],
)
def test_times_left(seconds: float, words: str) -> None:
    assert hub_words.time_left(seconds) == words


def test_all_is_done_only_when_all_is_done() -> None:
    assert hub_words.percent(999, 1000) == 99
    assert hub_words.percent(1000, 1000) == 100
    assert hub_words.percent(2000, 1000) == 100
    assert hub_words.percent(5, 0) == 0


def test_foreign_text_is_one_line_that_reorders_nothing() -> None:
    text = "a\u202eb\nc\u2066d\u200f" + "x" * 1000
    assert hub_words.one_line(text).startswith("a b c d x")
    assert len(hub_words.one_line(text)) == 120


@pytest.mark.parametrize(
    ("hub_id", "name", "publisher"), [("Qwen/Qwen3-8B", "Qwen3-8B", "Qwen"), ("gpt2", "gpt2", ""), ("a/", "a/", "a")]
)
def test_names(hub_id: str, name: str, publisher: str) -> None:
    assert hub_words.name_of(hub_id) == name
    assert hub_words.publisher_of(hub_id) == publisher


def test_every_state_of_a_download_has_words() -> None:
    row = DownloadRow("k", "a/b", "main", DownloadState.QUEUED, 0, 10**9)
    words = {
        state: hub_words.progress_words(replace(row, state=state, done_bytes=5 * 10**8)) for state in DownloadState
    }
    assert words[DownloadState.QUEUED] == "Waits for its turn · 50 % · 500 MB of 1.0 GB"
    assert words[DownloadState.RUNNING].startswith("50 % · 500 MB of 1.0 GB")
    assert words[DownloadState.PAUSED] == "Paused · 50 % · 500 MB of 1.0 GB"
    assert words[DownloadState.FAILED] == "50 % · 500 MB of 1.0 GB, kept"
    assert words[DownloadState.FINISHED] == "Downloaded · 1.0 GB"
    assert all(words.values())


def test_before_the_size_is_known_bytes_are_counted() -> None:
    row = DownloadRow("k", "a/b", "main", DownloadState.RUNNING, 12_000_000, 0, 3e6)
    assert hub_words.progress_words(row) == "12 MB · 3 MB/s"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("apache-2.0", "Apache 2.0"),
        ("mit", "MIT"),
        ("MIT", "MIT"),
        ("cc-by-nc-4.0", "CC BY-NC 4.0"),
        ("cc0-1.0", "CC0 1.0"),
        ("agpl-3.0", "AGPL 3.0"),
        ("bsd-3-clause", "BSD 3-Clause"),
        ("llama3.1", "Llama 3.1"),
        ("other", "the publisher's own"),
        ("tongyi-qianwen-research", "tongyi-qianwen-research"),
        ("apache-2.0, mit", "Apache 2.0, MIT"),
        ("ccc-odd", "ccc-odd"),
        ("\u202ecc-by-4.0", "CC BY 4.0"),
        ("", ""),
    ],
)
def test_licences_as_people_write_them(name: str, words: str) -> None:
    assert hub_words.license_words(name) == words


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (100_000_000, "100 MB"),
        (1_500_000_000, "1.5 GB, about 4 min at 50 Mbit/s"),
        (16_400_000_000, "16.4 GB, about 44 min at 50 Mbit/s"),
        (470_200_000_000, "470.2 GB, about 20 h at 50 Mbit/s"),
    ],
)
def test_a_download_has_a_size_and_an_idea_of_its_time(size: int, words: str) -> None:
    assert hub_words.download_size(size) == words
