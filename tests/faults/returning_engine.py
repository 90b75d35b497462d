"""The real engine process, whose C library returns each freed megabyte to the system at once.

    python tests/faults/returning_engine.py --data FOLDER

A limit on its address space then decides what it may take; by itself it has up to 256 MiB of freed memory at hand.
"""

import sys
from pathlib import Path

# Before tests/faults, where nothing is to be found.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from engine import __main__ as engine_process
from engine.hardware import allocator

if __name__ == "__main__":
    allocator._KEPT_BYTES = 0
    allocator._OWN_PAGES_BYTES = 2**20
    engine_process.main()
