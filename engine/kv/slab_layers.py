"""Attention layers of the KV at fixed addresses: one that keeps every position, one that keeps a sliding window."""

from dataclasses import dataclass

import torch
from transformers.cache_utils import CacheLayerMixin


@dataclass(frozen=True)
class FixedStep:
    """Where a pass of fixed shape writes and reads, so that the same kernels do for every position.

    length: int64 (), positions held before, on the device. positions: int64 (count,), those that are written. reach:
    positions that are read, from the first on; what lies behind the valid ones is masked.
    """

    length: torch.Tensor
    positions: torch.Tensor
    reach: int


class SlabLayer(CacheLayerMixin):  # type: ignore[no-untyped-call] # transformers leaves its hook untyped
    """Keys and values of one layer for all positions; a layer with a sliding window is limited by its mask alone.

    length: positions computed. start: the position that the buffers begin with, 0 here. capacity: positions there is
    room for. fixed: set while a pass of fixed shape runs; the length is then the caller's to change.
    is_paged: all positions are kept, and can be cut in pages. has_state: something is kept that can't be.
    """

    is_croppable = True
    is_paged = True
    has_state = False
    fixed: FixedStep | None = None

    def __init__(self, capacity: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.keys: torch.Tensor
        self.values: torch.Tensor
        self.capacity = capacity
        self.length = 0
        self.start = 0

    @property
    def earliest(self) -> int:
        """Shortest length that can be gone back to; 0 where that is any."""
        return 0

    @property
    def parts(self) -> dict[str, torch.Tensor]:
        """The buffers by name, (1, heads, capacity, width) each; none before the first update."""
        return {"k": self.keys, "v": self.values} if self.is_initialized else {}

    @property
    def allocated_bytes(self) -> int:
        """Bytes of all that is held on the device."""
        return sum(part.nbytes for part in self.parts.values())

    @property
    def state_bytes(self) -> int:
        """Bytes of what can't be cut in pages."""
        return self.allocated_bytes if self.has_state else 0

    @property
    def is_compileable(self) -> bool:  # type: ignore[override] # transformers only reads it
        """Whether masks have to be made of tensors alone, transformers' word for it."""
        return self.fixed is not None

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        """Allocate for states of shape (1, heads, length, head_dim); keys and values may differ in head_dim."""
        self.dtype, self.device = key_states.dtype, key_states.device
        keys, values = new_buffer(key_states, self.capacity), new_buffer(value_states, self.capacity)
        self.keys, self.values = keys, values
        self.is_initialized = True

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: object, **kwargs: object
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Append states and return views of all that is valid, (1, heads, new length, head_dim)."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        if self.fixed is not None:
            self.keys.index_copy_(2, self.fixed.positions, key_states)
            self.values.index_copy_(2, self.fixed.positions, value_states)
            return self.keys[:, :, : self.fixed.reach], self.values[:, :, : self.fixed.reach]
        return self._append(key_states, value_states, seen=self.length)

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """Return the key length and offset that a mask for the next query_length ids has."""
        return (self.fixed.reach if self.fixed is not None else self.length + query_length), 0

    def get_seq_length(self) -> int | torch.Tensor:  # type: ignore[override] # as transformers' static layers do
        """Return the number of positions computed, as a tensor while a pass of fixed shape runs."""
        return self.length if self.fixed is None else self.fixed.length

    def get_max_length(self) -> int:
        """Return the number of positions there is room for."""
        return self.capacity

    def hold(self, length: int) -> None:
        """Count the first `length` positions of the buffers as computed."""
        self.length = length

    def rewind(self, length: int) -> None:
        """Forget positions from `length` on, which must not be before `earliest`."""
        self.hold(min(self.length, length))

    def reset(self) -> None:
        """Forget all positions; the buffers keep their addresses."""
        self.start = 0
        self.hold(0)

    def put_back(self, keys: torch.Tensor, values: torch.Tensor, start: int) -> None:
        """Hold these, (1, heads, positions, width), in place of all that was held; the first is position `start`."""
        self.reset()
        held = keys.shape[-2]
        self.keys[:, :, :held].copy_(keys)
        self.values[:, :, :held].copy_(values)
        self.start, self.length = start, start + held

    def _append(
        self, key_states: torch.Tensor, value_states: torch.Tensor, seen: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Write states behind what is held; return views of them and of the `seen` positions before them."""
        begin = self.length - self.start
        end = begin + key_states.shape[-2]
        self.keys[:, :, begin:end].copy_(key_states)
        self.values[:, :, begin:end].copy_(value_states)
        self.length = self.start + end
        return self.keys[:, :, begin - seen : end], self.values[:, :, begin - seen : end]


class WindowedSlabLayer(SlabLayer):  # type: ignore[no-untyped-call] # as above
    """The same for a sliding window: room for `window` positions and some slack to append in and to go back over.

    A query sees itself and the window - 1 positions before it. When the buffers are full, the last positions move to
    their front: what the next query sees and half of the slack, so that going back that far always works.
    """

    is_croppable = False
    is_paged = False
    has_state = True
    is_sliding = True

    def __init__(self, window: int, slack: int) -> None:
        super().__init__(window + slack)
        self.window = window
        self.slack = slack

    @property
    def earliest(self) -> int:
        """Shortest length that can be gone back to: all that its next query sees must still be there."""
        return self.start + self.window - 1 if self.start else 0

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: object, **kwargs: object
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Append states, (1, heads, length, head_dim); return them and those before that their first query sees.

        Up to slack + 1 positions at a time can be undone with rewind; more take temporary memory for all of them.
        """
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        count, held, seen = key_states.shape[-2], self.length - self.start, self._seen()
        if seen + count > self.capacity:
            return self._pass_through(key_states, value_states, seen)
        if held + count > self.capacity:
            self._drop_all_but(min(seen + self.slack // 2, self.capacity - count))
        return self._append(key_states, value_states, seen)

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """Return key length and offset for the next query_length ids; the same for all layers of equal window."""
        seen = self._seen()
        return seen + query_length, self.length - seen

    def _seen(self) -> int:
        """Return how many positions before it the next query sees."""
        return min(self.window - 1, self.length)

    def _drop_all_but(self, kept: int) -> None:
        """Move the last `kept` positions to the front."""
        held = self.length - self.start
        # Copied aside first, as the ranges may overlap, and both, so that want of memory leaves the layer whole.
        keys = self.keys[:, :, held - kept : held].clone()
        values = self.values[:, :, held - kept : held].clone()
        self.keys[:, :, :kept].copy_(keys)
        self.values[:, :, :kept].copy_(values)
        self.start = self.length - kept

    def _pass_through(
        self, key_states: torch.Tensor, value_states: torch.Tensor, seen: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return states too many for the buffers with the `seen` positions before them; keep the last ones."""
        held = self.length - self.start
        if seen:
            key_states = torch.cat((self.keys[:, :, held - seen : held], key_states), dim=-2)
            value_states = torch.cat((self.values[:, :, held - seen : held], value_states), dim=-2)
        self.keys.copy_(key_states[:, :, -self.capacity :])
        self.values.copy_(value_states[:, :, -self.capacity :])
        self.length += key_states.shape[-2] - seen
        self.start = self.length - self.capacity
        return key_states, value_states


def new_buffer(states: torch.Tensor, capacity: int) -> torch.Tensor:
    """Return room for so many positions of states, (1, heads, length, width)."""
    shape = (*states.shape[:-2], capacity, states.shape[-1])
    return torch.empty(shape, dtype=states.dtype, device=states.device)
