"""Whether torch.compile works here: something tiny is compiled and run."""

from functools import cache

import torch

from engine.hardware.reasons import one_line


@cache
def problem(device: str) -> str:
    """Return why torch.compile doesn't work on the device, empty if it does. Takes seconds the first time."""

    def double(values: torch.Tensor) -> torch.Tensor:
        return values * 2 + 1

    try:
        with torch.inference_mode():
            values = torch.arange(8.0, device=device)
            result = torch.compile(double)(values)
            if not torch.equal(result.cpu(), double(values).cpu()):
                return "torch.compile computes wrongly here"
    except Exception as error:  # a missing compiler is told by exceptions of many libraries
        return f"torch.compile doesn't work here ({one_line(error)})"
    return ""
