"""How steps are recorded on a card, seen without one: which streams are used, and what a failed capture leaves."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest
import torch

from engine.decode import recording
from engine.decode.recording import CudaRecorder

CARD = torch.device("cuda", 1)


class Stream:
    """Stands in for a stream of a card."""

    def __init__(self, device: object = None) -> None:
        self.waited_for: list[Stream] = []

    def wait_stream(self, other: "Stream") -> None:
        self.waited_for.append(other)


@dataclass
class Card:
    """PyTorch's calls for a card, as far as recording needs them; fails: where a capture is ended by CUDA itself."""

    current: Stream = field(default_factory=Stream)
    fails: bool = False
    used: list[Stream] = field(default_factory=list)
    pools: list[object] = field(default_factory=list)
    ended: list[tuple[str, int, object]] = field(default_factory=list)

    @contextmanager
    def stream(self, stream: Stream) -> Iterator[None]:
        before, self.current = self.current, stream
        try:
            yield
        finally:
            self.current = before

    @contextmanager
    def graph(self, graph: object, pool: object, stream: Stream, capture_error_mode: str) -> Iterator[None]:
        assert capture_error_mode == "thread_local"
        before, self.current = self.current, stream
        self.used.append(stream)
        self.pools.append(pool)
        with suppress(ValueError):
            yield
        if self.fails:  # as torch.cuda.graph does: the stream stays what it is
            raise RuntimeError("CUDA error: operation failed due to a previous error during capture")
        self.current = before

    def end(self, name: str, device: int, pool: object) -> None:
        self.ended.append((name, device, pool))


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> Iterator[Card]:
    found = Card()
    fake = {
        "Stream": Stream,
        "current_stream": lambda device: found.current,
        "set_stream": lambda stream: setattr(found, "current", stream),
        "stream": found.stream,
        "graph": found.graph,
        "synchronize": lambda device: None,
        "graph_pool_handle": lambda: (0, 7 + len(found.pools)),
        "CUDAGraph": lambda: SimpleNamespace(replay=lambda: None),
    }
    for name, value in fake.items():
        monkeypatch.setattr(torch.cuda, name, value)
    for name in ("_cuda_endAllocateToPool", "_cuda_releasePool"):
        ends = lambda device, pool, name=name: found.end(name, device, pool)  # noqa: E731
        monkeypatch.setattr(torch._C, name, ends, raising=False)
    monkeypatch.setattr(recording, "_failed", [])
    recording._stream_aside.cache_clear()
    yield found
    recording._stream_aside.cache_clear()


def test_all_steps_of_all_models_are_recorded_on_one_stream(card: Card) -> None:
    done: list[Stream] = []
    for recorder in (CudaRecorder(CARD), CudaRecorder(CARD)):
        for _ in range(3):
            recorder(lambda: done.append(card.current))
    assert len(set(card.used)) == 1
    assert set(done) == set(card.used)


def test_a_failed_capture_leaves_stream_and_allocator_as_they_were(card: Card) -> None:
    before, card.fails = card.current, True
    with pytest.raises(RuntimeError, match="during capture"):
        CudaRecorder(CARD)(lambda: None)
    assert card.current is before
    assert card.ended == [("_cuda_endAllocateToPool", 1, (0, 7)), ("_cuda_releasePool", 1, (0, 7))]


def test_a_capture_in_the_warm_up_of_another_leaves_it_on_its_stream(card: Card) -> None:
    card.current, card.fails = recording._stream_aside(CARD), True
    with pytest.raises(RuntimeError, match="during capture"):
        CudaRecorder(CARD)(lambda: None)
    assert card.current is recording._stream_aside(CARD)
    assert card.ended == [("_cuda_endAllocateToPool", 1, (0, 7)), ("_cuda_releasePool", 1, (0, 7))]


def test_what_comes_after_a_failed_capture_goes_into_another_pool(card: Card) -> None:
    recorder = CudaRecorder(CARD)
    recorder(lambda: None)
    recorder(lambda: None)
    card.fails = True
    with pytest.raises(RuntimeError, match="during capture"):
        recorder(lambda: None)
    card.fails = False
    recorder(lambda: None)
    first, second, failed, last = card.pools
    assert first == second == failed != last
    assert len(recording._failed) == 1  # PyTorch goes on asking it


def test_a_pool_that_was_not_taken_is_not_given_back(card: Card, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(device: int, pool: object) -> None:
        raise RuntimeError("not currently recording to mempool_id")

    monkeypatch.setattr(torch._C, "_cuda_endAllocateToPool", refuse, raising=False)
    card.fails = True
    with pytest.raises(RuntimeError, match="during capture"):
        CudaRecorder(CARD)(lambda: None)
    assert card.ended == []


def test_what_failed_before_the_capture_is_waited_for(card: Card) -> None:
    def fail() -> None:
        raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError, match="out of memory"):
        CudaRecorder(CARD)(fail)
    assert card.current.waited_for == [recording._stream_aside(CARD)]
    assert not card.used
