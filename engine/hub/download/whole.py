"""Downloads a checkpoint from the Hub into the standard Hugging Face cache: progress, cancel, hashes checked.

Owns one thread per download: huggingface_hub can sit in retries for many seconds, and a cancel must not wait for it.
"""

import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import httpx2
from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError

from engine.api.cancellation import CancellationToken
from engine.api.errors import Cancelled, EngineError, ErrorKind
from engine.api.hub import HubAccess
from engine.hub.cache import cache_folder, repository_folder
from engine.hub.failures import explained
from engine.hub.hashing import sha256_of
from engine.hub.repository import RemoteCheckpoint, RemoteFile, inspect, is_wanted
from engine.planning.sizes import in_gib

ReportBytes = Callable[[int, int], None]
"""(bytes done, bytes in all)"""

_POLL_SECONDS = 0.1
_CANCEL_WAIT_SECONDS = 0.5
_SPACE_MARGIN = 1.05
_BYTES_BAR = "Reconstructing"


def download(
    hub_id: str, revision: str, access: HubAccess, cancellation: CancellationToken, report: ReportBytes
) -> str:
    """Fetch what is missing of the checkpoint and return its commit.

    Raises EngineError (CHECKPOINT_NOT_FOUND, CHECKPOINT_UNSUPPORTED, NETWORK, DISK, INVALID_COMMAND) and Cancelled.
    Files that are complete stay for the next try.
    """
    cancellation.raise_if_cancelled()
    remote = inspect(hub_id, revision, access)
    folder = repository_folder(hub_id) / "snapshots" / remote.commit
    missing = [file for file in remote.files if not _is_there(folder, file)]
    _refuse_full_disk(hub_id, sum(file.size_bytes for file in missing))
    present = remote.size_bytes - sum(file.size_bytes for file in missing)
    report(present, remote.size_bytes)
    transfer = _Transfer(remote, revision, access.endpoint, access.token)
    transfer.start()
    while not transfer.wait(_POLL_SECONDS):
        report(min(present + transfer.received, remote.size_bytes), remote.size_bytes)
        if cancellation.is_cancelled:
            transfer.abandon()
            raise Cancelled
    transfer.raise_failure()
    for file in missing:
        _verify(folder / file.path, file, hub_id, cancellation)
    report(remote.size_bytes, remote.size_bytes)
    return remote.commit


def _is_there(folder: Path, file: RemoteFile) -> bool:
    try:
        return (folder / file.path).stat().st_size == file.size_bytes
    except OSError:
        return False


def _refuse_full_disk(hub_id: str, needed: int) -> None:
    folder = cache_folder()
    existing = next((place for place in (folder, *folder.parents) if place.exists()), Path("/"))
    free = shutil.disk_usage(existing).free
    if needed * _SPACE_MARGIN > free:
        raise EngineError(
            ErrorKind.DISK,
            f"{hub_id} needs {in_gib(needed)} GiB of disk space, but only {in_gib(free)} GiB are free.",
            "Free some space and try again.",
        )


def _verify(path: Path, file: RemoteFile, hub_id: str, cancellation: CancellationToken) -> None:
    """Compare a downloaded file with the hash the Hub announced; a wrong one is removed from the cache."""
    if not file.sha256 or sha256_of(path, cancellation) == file.sha256:
        return
    blob = path.resolve()
    path.unlink(missing_ok=True)
    blob.unlink(missing_ok=True)
    raise EngineError(
        ErrorKind.NETWORK,
        f"The file {file.path} of {hub_id} arrived damaged and was removed.",
        "Download the model again.",
    )


class _Transfer:
    """One snapshot_download on a thread of its own; received counts its bytes."""

    def __init__(self, remote: RemoteCheckpoint, revision: str, endpoint: str, token: str) -> None:
        self._remote = remote
        self._revision = revision
        self._endpoint = endpoint
        self._token = token
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=f"download {remote.hub_id}", daemon=True)
        self.received = 0

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def wait(self, seconds: float) -> bool:
        """Return whether it has ended, after waiting for at most so long."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def abandon(self) -> None:
        """Make the next block of any file raise, and wait a moment for the thread."""
        self._stop.set()
        _abort_xet()
        self._thread.join(_CANCEL_WAIT_SECONDS)

    def raise_failure(self) -> None:
        """Raise what ended the transfer, as EngineError, if anything did."""
        if self._failure is not None:
            raise explained(self._failure, self._remote.hub_id) from self._failure

    def count(self, received: int) -> None:
        """Take bytes that arrived, from any of the library's threads; raises Cancelled."""
        if self._stop.is_set():
            raise Cancelled
        with self._lock:
            self.received += received

    def _run(self) -> None:
        try:
            snapshot_download(
                self._remote.hub_id,
                revision=self._revision,
                endpoint=self._endpoint or None,
                token=self._token or False,
                cache_dir=cache_folder(),
                allow_patterns=[file.path for file in self._remote.files if is_wanted(file.path)],
                tqdm_class=_bar_class(self.count),
            )
        except Cancelled:
            return
        except (HfHubHTTPError, HFValidationError, httpx2.HTTPError, OSError, ValueError, RuntimeError) as error:
            self._failure = error


def _bar_class(count: Callable[[int], None]) -> type:
    class Bar:
        """What snapshot_download takes for tqdm: it keeps n and total, and shows nothing."""

        def __init__(self, *_: object, desc: str = "", total: int | None = None, **__: object) -> None:
            self.n = 0
            self.total = total
            self.format_dict: dict[str, object] = {}
            self._counts = desc.startswith(_BYTES_BAR)

        def update(self, steps: int | float | None = 1) -> None:
            self.n += int(steps or 0)
            count(int(steps or 0) if self._counts else 0)

        def __enter__(self) -> "Bar":
            return self

        def __exit__(self, *_: object) -> None:
            return None

        def refresh(self, *_: object, **__: object) -> None:
            return None

        set_description = set_description_str = set_postfix = set_postfix_str = close = refresh

    return Bar


def _abort_xet() -> None:
    # Private in huggingface_hub 2.4, but a transfer by xet has no other way to be stopped.
    try:
        from huggingface_hub.utils._xet import abort_xet_session
    except ImportError:
        return
    abort_xet_session()  # type: ignore[no-untyped-call]
