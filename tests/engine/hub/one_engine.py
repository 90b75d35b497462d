"""A real engine process that answers some commands and leaves."""

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.api.codec import decode_event, encode_frame, read_frame
from engine.api.commands import Command, Shutdown
from engine.api.events import Terminal

ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Told:
    """How each command ended, all that was sent to the app, and all that went to the log."""

    terminals: tuple[Terminal, ...]
    frames: bytes
    log: bytes


def run_engine(commands: Sequence[Command], folder: Path, *flags: str, **variables: str) -> Told:
    """Start the engine with its data in the folder, run the commands, and end it."""
    log_path = folder / "engine.log"
    with log_path.open("wb") as log:
        engine = subprocess.Popen(
            [sys.executable, "-P", "-m", "engine", "--data", str(folder / "data"), *flags],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT), "HF_HOME": str(folder)} | variables,
        )  # fmt: skip
        assert engine.stdin is not None
        assert engine.stdout is not None
        for command in commands:
            engine.stdin.write(encode_frame(command))
        engine.stdin.flush()
        ended: list[Terminal] = []
        frames = b""
        while len(ended) < len(commands):
            body = read_frame(engine.stdout)
            assert body is not None, "the engine ended"
            frames += body
            event = decode_event(body)
            ended += [event] if isinstance(event, Terminal) else []
        engine.stdin.write(encode_frame(Shutdown()))
        engine.stdin.close()
        assert engine.wait(60) == 0
        engine.stdout.close()
    return Told(tuple(ended), frames, log_path.read_bytes())
