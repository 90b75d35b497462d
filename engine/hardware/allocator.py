"""The C library's allocator of main memory, told to keep what each step of the model takes and gives back again.

By itself glibc returns the activations' megabytes to the system after every layer and gets them again page by page:
that doubled the time of reading 7 ids behind 6,000 (205 against 100 ms, starter model, two cores). Elsewhere nothing
is changed.
"""

import ctypes
import sys

# mallopt's parameters (malloc.h), and what they are set to: memory at the heap's end that is kept, and the size from
# which an allocation gets pages of its own (the largest that glibc accepts).
_TRIM_THRESHOLD, _KEPT_BYTES = -1, 256 * 2**20
_MMAP_THRESHOLD, _OWN_PAGES_BYTES = -3, 32 * 2**20


def keep_working_memory() -> bool:
    """Let freed memory stay with this process, up to 256 MiB; return whether the C library can do that."""
    library = _glibc()
    if library is None:
        return False
    return bool(library.mallopt(_TRIM_THRESHOLD, _KEPT_BYTES) and library.mallopt(_MMAP_THRESHOLD, _OWN_PAGES_BYTES))


def give_back() -> None:
    """Return what is free to the system."""
    library = _glibc()
    if library is not None:
        library.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    library = ctypes.CDLL(None) if sys.platform == "linux" else None
    return library if hasattr(library, "gnu_get_libc_version") and hasattr(library, "malloc_trim") else None
