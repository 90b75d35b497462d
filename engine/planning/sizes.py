"""Bytes as people read them: memory in GiB, as it is built and sold; files and disks in GB, as they are sold."""

GB = 10**9
GIB = 2**30


def in_gb(size_bytes: int) -> str:
    """Return the size of files, or of room on a disk, in GB for a sentence, with digits as in_gib."""
    return _rounded(size_bytes / GB)


def in_gib(size_bytes: int) -> str:
    """Return the size in GiB for a sentence: two digits after the point below 10, else one."""
    return _rounded(size_bytes / GIB)


def _rounded(size: float) -> str:
    return f"{size:.2f}" if size < 10 else f"{size:.1f}"
