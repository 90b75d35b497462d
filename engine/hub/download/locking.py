"""The lock on one file of the cache, the same one that huggingface_hub takes, so that nobody fetches a file twice."""

from pathlib import Path

from filelock import BaseFileLock, FileLock, Timeout

from engine.hub.cache import cache_folder

# As huggingface_hub makes them: several people may share a cache.
_MODE = 0o664


def try_lock(repository: Path, digest: str) -> BaseFileLock | None:
    """Return the lock on a blob of a repository's folder, held, or None if another program holds it.

    Released by release(), and by the system when the process ends. Raises OSError.
    """
    path = cache_folder() / ".locks" / repository.name / f"{digest}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    # One thread takes it and another may give it back.
    lock = FileLock(path, mode=_MODE, thread_local=False)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return None
    return lock
