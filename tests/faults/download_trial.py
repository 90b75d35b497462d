"""A download under many faults: answers that go wrong, and a process that is killed and started again."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.loopback_faults import RandomFaults
from tests.loopback_hub import LoopbackHub

REPOSITORY = Path(__file__).parents[2]
HUB_ID = "publisher/faulty"
WEIGHTS = "model.safetensors"
_LATE_BYTES = 128 * 1024  # the server waits for a killer that a busy machine lets come later


class Nursery:
    """The process that starts downloads, one at a time; use it as a context manager."""

    def __enter__(self) -> "Nursery":
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.download_nursery"],
            cwd=REPOSITORY,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def start(self, hub: LoopbackHub, cache: Path) -> int:
        """Start a download and return the number of its process."""
        self._process.stdin.write(f"{hub.endpoint} {cache} {HUB_ID}\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def wait(self) -> int:
        """Wait for the download and return how it ended: 0 if it was finished, negative for a signal."""
        return int(self._process.stdout.readline())


@dataclass
class Trial:
    """What a download under faults came to."""

    size_bytes: int
    sent_bytes: int = 0
    kills: int = 0
    failures: int = 0
    seconds: float = 0.0
    faults: dict[str, int] = field(default_factory=dict)

    @property
    def fault_count(self) -> int:
        return self.kills + sum(self.faults.values())

    @property
    def fetched_again(self) -> float:
        """The part of the file that went out more than once."""
        return self.sent_bytes / self.size_bytes - 1


def publish(folder: Path, size_bytes: int, seed: int) -> Path:
    """Make a repository with one large file of random bytes."""
    folder.mkdir(parents=True)
    chance = random.Random(seed)
    with (folder / WEIGHTS).open("wb") as stream:
        for start in range(0, size_bytes, 2**20):
            stream.write(chance.randbytes(min(2**20, size_bytes - start)))
    (folder / "config.json").write_text("{}")
    return folder


def run(folder: Path, cache: Path, kills: int, faults: RandomFaults, kill_every_bytes: int) -> Trial:
    """Download until it is finished, killing the process at random moments, so many times at most."""
    trial = Trial((folder / WEIGHTS).stat().st_size)
    chance = random.Random(faults.seed)
    started = time.perf_counter()
    with LoopbackHub({HUB_ID: folder}) as hub, Nursery() as nursery:
        hub.behaviour.faults = faults
        while True:
            is_killed = trial.kills < kills
            if is_killed:
                after = sum(hub.sent_bytes.values()) + int(chance.expovariate(1 / kill_every_bytes))
                hub.behaviour.holds_after_bytes = after + _LATE_BYTES
            process = nursery.start(hub, cache)
            ended = threading.Event()
            killer = None
            if is_killed:
                killer = threading.Thread(target=_kill, args=(hub, process, after, ended))
                killer.start()
            status = nursery.wait()
            ended.set()
            if killer is not None:
                killer.join()
            hub.behaviour.holds_after_bytes = 0
            trial.kills += status == -signal.SIGKILL
            trial.failures += status > 0
            if status == 0 or trial.failures > 3:
                break
        trial.sent_bytes = hub.counted()[WEIGHTS]
    trial.seconds = time.perf_counter() - started
    trial.faults = {kind: faults.made.count(kind) for kind in faults.kinds}
    return trial


def _kill(hub: LoopbackHub, process: int, after_bytes: int, ended: threading.Event) -> None:
    while sum(list(hub.sent_bytes.values())) < after_bytes:
        if ended.wait(0.0005):
            return
    os.kill(process, signal.SIGKILL)
