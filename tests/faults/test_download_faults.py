"""Rows 25, 26 and 28 of the fault catalogue: a download in a process that is killed, from a server that misbehaves.

The full size of it is `python -m tests.benchmarks.download --faults`: 200 MB under 200 faults.
"""

from pathlib import Path

import pytest
from huggingface_hub import scan_cache_dir

from tests.faults import download_trial
from tests.loopback_faults import WRONG_ANSWERS, Fault, RandomFaults

SIZE = 40_000_000
MOST_FETCHED_AGAIN = 0.05


def assert_arrived(published: Path, cache: Path) -> None:
    (snapshot,) = cache.glob("*/snapshots/*")
    for path in published.iterdir():
        assert (snapshot / path.name).read_bytes() == path.read_bytes()
    found = scan_cache_dir(cache)
    assert found.warnings == []
    assert found.incomplete_files == frozenset()


@pytest.fixture
def published(tmp_path: Path) -> Path:
    return download_trial.publish(tmp_path / "published", SIZE, 3)


def test_a_file_under_many_faults_arrives_bit_exact(published: Path, cache: Path) -> None:
    kinds = (Fault.DROP, *WRONG_ANSWERS)
    faults = RandomFaults(5, most=30, every_bytes=SIZE // 40, kinds=kinds)
    trial = download_trial.run(published, cache, kills=10, faults=faults, kill_every_bytes=SIZE // 16)
    assert trial.failures == 0
    assert trial.fault_count >= 34
    assert trial.kills >= 7
    assert_arrived(published, cache)
    assert trial.fetched_again < MOST_FETCHED_AGAIN


def test_a_process_killed_again_and_again_fetches_little_twice(published: Path, cache: Path) -> None:
    faults = RandomFaults(8, most=0, every_bytes=SIZE)
    trial = download_trial.run(published, cache, kills=40, faults=faults, kill_every_bytes=SIZE // 50)
    assert trial.failures == 0
    assert trial.kills >= 25
    assert_arrived(published, cache)
    assert trial.fetched_again < MOST_FETCHED_AGAIN


def test_connections_that_fall_silent_lose_nothing(published: Path, cache: Path) -> None:
    faults = RandomFaults(2, most=2, every_bytes=SIZE // 9, kinds=(Fault.STALL,), stall_seconds=20)
    trial = download_trial.run(published, cache, kills=0, faults=faults, kill_every_bytes=SIZE)
    assert trial.faults == {Fault.STALL: 2}
    assert_arrived(published, cache)
    assert trial.fetched_again < 0.01
