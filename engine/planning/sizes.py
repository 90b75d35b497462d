"""Bytes as people read them."""

GIB = 2**30


def in_gib(size_bytes: int) -> str:
    """Return the size in GiB for a sentence: two digits after the point below 10, else one."""
    gib = size_bytes / GIB
    return f"{gib:.2f}" if gib < 10 else f"{gib:.1f}"
