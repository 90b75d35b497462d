"""Which experts a pass asks for, and where their weights lie among the bytes of a module that waits."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from engine.quantization.experts.forms import expert_shapes
from engine.quantization.experts.packed import packed_shapes_of

_WHOLE_NUMBERS = (torch.int64, torch.int32)
Span = tuple[int, int]  # first byte and the one behind the last


@dataclass(frozen=True)
class ExpertBytes:
    """Where the bytes of each expert lie: of each tensor the first byte and the length of one expert's part.

    shared: what no expert has for itself.
    """

    experts: int
    parts: tuple[tuple[int, int], ...]
    shared: tuple[Span, ...]

    def spans(self, chosen: Collection[int]) -> Iterator[Span]:
        """Yield where the bytes of these experts are, neighbours' together; what they share first."""
        yield from self.shared
        runs = list(_runs(sorted(chosen)))
        for begin, size in self.parts:
            yield from ((begin + first * size, begin + (last + 1) * size) for first, last in runs)


def expert_bytes_of(module: nn.Module, tensors: Sequence[torch.Tensor], begins: Sequence[int]) -> ExpertBytes | None:
    """Return where a module of experts has which, None for any other module.

    begins: where each of its tensors begins.
    """
    counts = {name: shape.experts for name, shape in packed_shapes_of(module).items()}
    counts |= {name: experts for name, (experts, _, _) in expert_shapes(module)}
    if len(set(counts.values())) != 1:
        return None
    experts = next(iter(counts.values()))
    # Weights, their scales and their biases.
    named = [each for each in module.named_parameters(recurse=False) if each[0].startswith(tuple(counts))]
    by_expert = {id(each) for name, each in named if each.shape[0] == experts or name in counts}
    parts, shared = [], []
    for tensor, begin in zip(tensors, begins, strict=True):
        if id(tensor) in by_expert:
            parts.append((begin, tensor.nbytes // experts))
        else:
            shared.append((begin, begin + tensor.nbytes))
    return ExpertBytes(experts, tuple(parts), tuple(shared))


def chosen_by(given: Iterable[object], experts: int) -> frozenset[int] | None:
    """Return the experts that a call asks for; None for a call with so many ids that it may ask for most of them.

    given: what the module is called with: states, the experts that each id goes to, and their weights; or how many rows
    go to each expert. Waits for the router, which is computed on the device.
    """
    given = tuple(given)
    counts = next((each for each in given if isinstance(each, list) and len(each) == experts), None)
    if counts is not None:
        return frozenset(index for index, count in enumerate(counts) if count) if sum(counts) < experts else None
    choices = [each for each in given if isinstance(each, torch.Tensor) and each.dtype in _WHOLE_NUMBERS]
    if len(choices) != 1 or choices[0].numel() >= experts:
        return None
    return frozenset(index for index in choices[0].flatten().tolist() if 0 <= index < experts)


def _runs(ordered: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield first and last of numbers that follow each other."""
    first = last = -1
    for number in ordered:
        if number != last + 1 or first < 0:
            if first >= 0:
                yield first, last
            first = number
        last = number
    if first >= 0:
        yield first, last
