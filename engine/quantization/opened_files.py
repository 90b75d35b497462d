"""Files of weights, open to be read tensor by tensor."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from safetensors import safe_open


@contextmanager
def opened(files: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield tensor name -> open file."""
    # On Windows a mapped file counts as memory that may be written to, all of it.
    backend = "pread" if sys.platform == "win32" else "mmap"
    with ExitStack() as stack:
        handles = [stack.enter_context(safe_open(file, "pt", device="cpu", backend=backend)) for file in files]
        yield {name: file for file in handles for name in file.keys()}  # noqa: SIM118 - no mapping
