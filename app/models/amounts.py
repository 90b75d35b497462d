"""Durations and sizes as people write them, the same in the window and in the terminal. Pure functions."""

from app.language import grouped, plain, tr

_MIB = 2**20
_GIB = 2**30


def seconds(value: float) -> str:
    """Return a duration as people write it: 4 ms, 0.04 s, 0.40 s, 1.4 s, 12 s, 2 min 5 s."""
    if 0 < value < 0.0095:
        return tr("{number} ms").format(number=max(1, round(value * 1000)))
    if value >= 60:
        return tr("{minutes} min {seconds} s").format(minutes=int(value // 60), seconds=int(value % 60))
    if value >= 9.95:
        return tr("{number} s").format(number=f"{value:.0f}")
    return tr("{number} s").format(number=grouped(value, 1 if value >= 0.995 else 2))


def memory(size_bytes: int) -> str:
    """Return an amount of memory: 0 MiB, 0.3 MiB, 146 MiB, 1.2 GiB, 4 GiB."""
    if size_bytes >= 1023.5 * _MIB:
        return grouped(size_bytes / _GIB, 0 if f"{size_bytes / _GIB:.1f}".endswith(".0") else 1) + " GiB"
    if size_bytes >= 9.95 * _MIB or size_bytes <= 0:
        return f"{max(0, size_bytes) / _MIB:.0f} MiB"
    return plain(f"{max(0.1, size_bytes / _MIB):.1f}".removesuffix(".0")) + " MiB"


def file_size(size_bytes: float) -> str:
    """Return a size on a disk or on its way there, as makers of disks count: 0 MB, 135 kB, 12 MB, 4.9 GB, 1.2 TB."""
    if size_bytes >= 999.5e9:
        return plain(f"{size_bytes / 1e12:.1f} TB")
    if size_bytes >= 999.5e6:
        return plain(f"{size_bytes / 1e9:.1f} GB")
    if size_bytes >= 999.5e3 or size_bytes <= 0:
        return f"{max(0.0, size_bytes) / 1e6:.0f} MB"
    return f"{max(1.0, size_bytes / 1e3):.0f} kB"
