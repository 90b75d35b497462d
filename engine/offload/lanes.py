"""Copies from main memory to where a model is computed: beside the computing on a card, at once anywhere else."""

import logging
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate
from typing import Protocol

import torch

from engine.hardware.faults import Fault, fault_of

# PyTorch's allocator of pinned memory rounds each request up to a power of two: pieces of such sizes waste nothing.
_SMALLEST_PIECE_BYTES = 2**20

_log = logging.getLogger(__name__)


class Lane(Protocol):
    """Runs copies in the order in which they are started. A ticket tells when one has arrived."""

    def start(self, copy: Callable[[], None]) -> object:
        """Start a copy that may overwrite what all computing up to now has used; return its ticket."""

    def wait(self, ticket: object) -> None:
        """Let what is computed from now on come behind the copy."""

    def watch(self, memory: torch.Tensor) -> None:
        """Be told of memory that is copied to, so that it isn't given away while a copy runs."""


class CardLane:
    """A stream of its own on a CUDA card."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]

    def start(self, copy: Callable[[], None]) -> object:
        """Start a copy behind all that was launched until now."""
        self._stream.wait_stream(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(self._stream):
            copy()
        return self._stream.record_event()

    def wait(self, ticket: object) -> None:
        """Let the stream that computes wait, not the processor."""
        assert isinstance(ticket, torch.cuda.Event)
        torch.cuda.current_stream(self._device).wait_event(ticket)

    def watch(self, memory: torch.Tensor) -> None:
        """Have the allocator wait for the lane before it gives the memory away."""
        memory.record_stream(self._stream)


class PlainLane:
    """Copies at once."""

    def start(self, copy: Callable[[], None]) -> object:
        """Copy."""
        copy()
        return None

    def wait(self, ticket: object) -> None:
        """Nothing is under way."""

    def watch(self, memory: torch.Tensor) -> None:
        """Nothing is under way."""


def lane_for(device: torch.device) -> Lane:
    """Return the lane to a device."""
    return CardLane(device) if device.type == "cuda" else PlainLane()


def kept(content: torch.Tensor, device: torch.device) -> list[torch.Tensor]:
    """Return a flat tensor of bytes as pieces in main memory, one behind the other; pinned for a card if possible."""
    if device.type != "cuda":
        return [content]
    pieces, begin = [], 0
    try:
        while begin < len(content):
            size = _piece_bytes(len(content) - begin)
            piece = torch.empty(size, dtype=torch.uint8, pin_memory=True)[: len(content) - begin]
            piece.copy_(content[begin : begin + size])
            pieces.append(piece)
            begin += size
    except RuntimeError as error:
        if fault_of(error) in (Fault.DEVICE_LOST, Fault.DEVICE_UNFIT):
            raise
        _log.warning("weights in main memory could not be pinned, copying them is slower: %s", error)
        return [*pieces, content[begin:].clone()]
    return pieces


def copy_pieces(pieces: Sequence[torch.Tensor], target: torch.Tensor) -> None:
    """Copy pieces one behind the other to the beginning of a flat tensor."""
    begin = 0
    for piece in pieces:
        target[begin : begin + len(piece)].copy_(piece, non_blocking=True)
        begin += len(piece)


def copy_spans(pieces: Sequence[torch.Tensor], target: torch.Tensor, spans: Iterable[tuple[int, int]]) -> None:
    """Copy what lies between first and last byte in the pieces, put together, to the same place of the target."""
    starts = [0, *accumulate(len(piece) for piece in pieces)]
    for begin, end in spans:
        while begin < end:
            index = bisect_right(starts, begin) - 1
            until = min(end, starts[index + 1])
            part = pieces[index][begin - starts[index] : until - starts[index]]
            target[begin:until].copy_(part, non_blocking=True)
            begin = until


def _piece_bytes(size: int) -> int:
    """Return the largest power of two that is not larger, or one piece for a small rest."""
    return max(1 << (size.bit_length() - 1), _SMALLEST_PIECE_BYTES)
