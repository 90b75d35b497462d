"""How many threads compute: one for each physical core that this process may use."""

import math
import os

import psutil
import torch

# Set by people who want it otherwise; PyTorch has read them by itself.
_OWN_WISH = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")


def use_physical_cores() -> int:
    """Let PyTorch compute with one thread for each physical core, unless the environment says how many; return them.

    A second thread on a core shares its vector units and only waits for them.
    """
    if not any(os.environ.get(name) for name in _OWN_WISH):
        torch.set_num_threads(usable_cores())
    return torch.get_num_threads()


def usable_cores() -> int:
    """Return the physical cores that this process may run on."""
    logical = psutil.cpu_count() or 1
    physical = psutil.cpu_count(logical=False) or logical
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else logical
    return max(1, min(physical, math.ceil(allowed * physical / logical)))
