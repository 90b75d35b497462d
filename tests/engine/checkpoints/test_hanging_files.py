"""A header on a disk that hangs holds up who reads it, and not the threads that hear a Stop."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

READS = """
import sys, threading
from pathlib import Path
from engine.api.checkpoint import CheckpointKind
from engine.checkpoints.files import CheckpointFiles, read_tensors

files = CheckpointFiles("here", "here", CheckpointKind.FOLDER, Path(sys.argv[1]))
reads = threading.Thread(target=read_tensors, args=(files, ["model.safetensors"]), daemon=True)
reads.start()
reads.join(0.5)
print("hangs" if reads.is_alive() else "has ended")
"""


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="stands in for the disk")
def test_the_process_lives_on_while_a_header_is_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "model.safetensors")  # opening it waits for somebody who writes there
    reader = subprocess.run(
        [sys.executable, "-c", READS, str(tmp_path)], capture_output=True, text=True, timeout=60, check=True
    )
    assert reader.stdout == "hangs\n"
