"""How much a file may hold and how long it may take: what is beyond is refused or cut, and said."""

import sys
from contextlib import suppress

from app.process_memory import limit_memory

SECONDS = 10.0
MEMORY_BYTES = 512 * 2**20
INPUT_BYTES = 50_000_000
OUTPUT_CHARACTERS = 2_000_000
# A long document stops itself before it would be stopped, so that what was read by then is kept.
READING_SECONDS = 7.0

PACKED_FILES = 10_000
UNPACKED_BYTES = 128 * 2**20
# Sheets of equal numbers shrink to a hundredth; deflate reaches a thousandth only with nothing but zeros.
RATIO = 300
RATIO_FREE_BYTES = 4 * 2**20

FILES_PER_MESSAGE = 20
# What is pasted is the user's own text, and kept whole.
PASTED_CHARACTERS = 20_000_000


def limit_process() -> None:
    """Bound this process's memory and time where the system can (time not on Windows, memory not on macOS)."""
    if sys.platform != "win32":
        import resource

        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_CPU, (int(SECONDS) + 2, int(SECONDS) + 2))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    limit_memory(MEMORY_BYTES)
