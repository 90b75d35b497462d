"""A Hub that serves a repository with two shards, and downloads from it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.download_attempts import HUB_ID, Attempt, publish
from tests.loopback_hub import LoopbackHub


@pytest.fixture
def published(tmp_path: Path) -> Path:
    return publish(tmp_path / "published")


@pytest.fixture
def hub(published: Path, cache: Path) -> Iterator[LoopbackHub]:
    with LoopbackHub({HUB_ID: published}) as running:
        yield running


@pytest.fixture
def begin(hub: LoopbackHub) -> Iterator[Callable[..., Attempt]]:
    """Start a download on a thread of its own."""
    begun: list[Attempt] = []

    def start(**fields: Any) -> Attempt:  # noqa: ANN401 - those of Attempt
        begun.append(Attempt(hub, **fields))
        return begun[-1].start()

    yield start
    for attempt in begun:
        attempt.cancellation.cancel()
        attempt.wait()
