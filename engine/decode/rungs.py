"""Which ways of making a pass quicker may be taken; what can't be had or doesn't pay somewhere isn't taken anyway."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Rungs:
    """products: linear layers with the same input are multiplied at once, on a CPU with packed weights.

    graph: the decode step is captured as CUDA graphs. compiled: the decode step goes through torch.compile instead.
    """

    products: bool = True
    graph: bool = True
    compiled: bool = False
