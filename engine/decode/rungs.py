"""Which ways of making a pass quicker may be taken; what can't be had or doesn't pay somewhere isn't taken anyway."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Rungs:
    """The ways one may leave out, to see what each is worth.

    products: linear layers with the same input are multiplied at once, on a CPU with packed weights. norms: one kernel
    for each root-mean-square norm. graph: the decode step is captured as CUDA graphs. compiled: it goes through
    torch.compile instead.
    """

    products: bool = True
    norms: bool = True
    graph: bool = True
    compiled: bool = False
