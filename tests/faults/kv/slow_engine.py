"""The real engine process, which stops in the middle of the second file it writes; to be killed there.

    python tests/faults/kv/slow_engine.py ONCE --data FOLDER

It writes as ever when the file ONCE exists, which is made when it stops.
"""

import sys
import time
from pathlib import Path

# Before tests/faults/kv, where nothing is to be found.
sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from engine import __main__ as engine_process
from engine.kv.disk import item_files


def main() -> None:
    """Break the writing, then be the engine."""
    once = Path(sys.argv.pop(1))
    write, count = item_files._write_all, 0

    def stopping(descriptor: int, content: memoryview) -> None:
        nonlocal count
        count += 1
        if count == 2 and not once.exists():
            write(descriptor, content[: len(content) // 2])
            once.touch()
            time.sleep(600)
        write(descriptor, content)

    item_files._write_all = stopping
    engine_process.main()


if __name__ == "__main__":
    main()
