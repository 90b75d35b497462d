"""A repository with two shards, and downloads on threads of their own that leave their story."""

import json
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from engine.api.cancellation import CancellationToken
from engine.api.errors import Cancelled, EngineError, ErrorReport
from engine.api.hub import HubAccess
from engine.hub.download import Downloaded, DownloadState, download
from tests.loopback_hub import LoopbackHub

HUB_ID = "publisher/tiny-chat"
SHARDS = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
SHARD_BYTES = 3_000_001
LONGER_THAN_PATIENCE_SECONDS = 600.0  # of what must not be waited for
_PATIENCE_SECONDS = 60.0  # of a busy machine; nothing waits that long when all is well


def publish(folder: Path, seed: int = 0) -> Path:
    """Make a repository: two shards of random bytes with their index, and small files."""
    folder.mkdir(parents=True)
    chance = random.Random(seed)
    for name in SHARDS:
        (folder / name).write_bytes(chance.randbytes(SHARD_BYTES))
    (folder / "model.safetensors.index.json").write_text(
        json.dumps({"weight_map": dict(zip("ab", SHARDS, strict=True))})
    )
    (folder / "config.json").write_text(json.dumps({"seed": seed}))
    (folder / "tokenizer.json").write_text("{}")
    (folder / "empty.txt").write_bytes(b"")
    (folder / "modeling.py").write_text("print('no')")
    return folder


@dataclass
class Attempt:
    """One download; after wait() how it ended."""

    hub: LoopbackHub
    revision: str = "main"
    token: str = ""
    checkpoint: str = HUB_ID
    states: list[DownloadState] = field(default_factory=list)
    result: Downloaded | None = None
    error: EngineError | None = None
    is_cancelled: bool = False
    bug: BaseException | None = None

    def __post_init__(self) -> None:
        self.cancellation = CancellationToken()
        self._thread = threading.Thread(target=self._run, name="attempt")

    def _run(self) -> None:
        access = HubAccess(endpoint=self.hub.endpoint, token=self.token)
        try:
            self.result = download(self.checkpoint, self.revision, access, self.cancellation, self.states.append)
        except EngineError as error:
            self.error = error
        except Cancelled:
            self.is_cancelled = True
        except BaseException as error:
            self.bug = error

    def start(self) -> "Attempt":
        self._thread.start()
        return self

    def wait(self) -> "Attempt":
        self._thread.join(_PATIENCE_SECONDS)
        assert not self._thread.is_alive(), f"does not end; the last state is {self.states[-1:]}"
        if self.bug is not None:
            raise self.bug
        return self

    def until(self, condition: Callable[[], bool]) -> None:
        end = time.monotonic() + _PATIENCE_SECONDS
        while not condition():
            assert time.monotonic() < end, f"waited in vain; the last state is {self.states[-1:]}"
            assert self._thread.is_alive(), f"ended: {self.result} {self.error} {self.bug}"
            time.sleep(0.005)

    def cancel(self) -> None:
        self.cancellation.cancel()
        self.wait()
        assert self.is_cancelled

    @property
    def last(self) -> DownloadState:
        """What was told last."""
        return self.states[-1] if self.states else DownloadState()

    def failure(self) -> ErrorReport:
        self.wait()
        assert self.error is not None
        report = self.error.report
        assert report.message.endswith(".")
        assert report.hint.endswith(".")
        return report

    def finish(self) -> Downloaded:
        self.wait()
        if self.error is not None:
            raise self.error
        assert self.result is not None
        return self.result
