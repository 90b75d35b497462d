"""How far a download has come, as one line that fits into the width it is given. Pure functions."""

from app.controllers.phases import amount_of, percent
from app.models.amounts import file_size, seconds
from engine.api.events import DownloadProgress
from engine.api.hub import DownloadPhase

_WIDEST_BAR = 30
_NARROWEST_BAR = 8
_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86_400.0


def download_line(event: DownloadProgress, columns: int) -> str:
    """Return the line, at most columns characters long: what matters less is left out where it is narrow."""
    share = percent(event.done_bytes, event.total_bytes) if event.total_bytes > 0 else ""
    if event.phase is DownloadPhase.ASKING:
        return _cut("Asking the Hub", columns)
    if event.phase is DownloadPhase.WAITING:
        return _cut("  ".join(filter(None, (share, event.words or "Waiting for the Hub."))), columns)
    if event.total_bytes <= 0:
        return _cut("Downloading", columns)
    amount = amount_of(event.done_bytes, event.total_bytes)
    if event.phase is DownloadPhase.VERIFYING:
        return _with_bar(event, columns, (share, amount, "checking what arrived"))
    rate = f"{rate_words(event.bytes_per_second)}"
    left = f"{time_left(event.seconds_left)} left" if event.seconds_left is not None else ""
    return _with_bar(event, columns, (share, amount, rate, left))


def rate_words(bytes_per_second: float) -> str:
    """Return e.g. "54.1 MB/s", "310 kB/s" or "nothing arrives"."""
    if bytes_per_second <= 0:
        return "nothing arrives"
    if bytes_per_second < 10**6:
        return f"{max(1.0, bytes_per_second / 1000):.0f} kB/s"
    if bytes_per_second < 10**9:
        return f"{bytes_per_second / 10**6:.1f} MB/s"
    return f"{file_size(round(bytes_per_second))}/s"


def time_left(value: float) -> str:
    """Return a time as far ahead as it can be known: 31 s, 4 min, 2 h 10 min, more than a day."""
    if value < _MINUTE:
        return seconds(max(1.0, float(round(value)))).replace(".0 s", " s")
    if value < _HOUR:
        return f"{value / _MINUTE:.0f} min"
    if value < _DAY:
        return f"{int(value // _HOUR)} h {int(value % _HOUR // _MINUTE)} min"
    return "more than a day"


def _with_bar(event: DownloadProgress, columns: int, words: tuple[str, ...]) -> str:
    known = [word for word in words if word]
    while len(known) > 1 and len("  ".join(known)) > columns:
        known.pop()
    room = columns - len("  ".join(known)) - len("[]  ")
    if room < _NARROWEST_BAR:
        return _cut("  ".join(known), columns)
    length = min(_WIDEST_BAR, room)
    filled = length * min(event.done_bytes, event.total_bytes) // event.total_bytes
    head = ">" if filled < length else ""
    bar = f"[{('=' * filled + head).ljust(length)[:length]}]"
    return "  ".join((known[0], bar, *known[1:]))


def _cut(text: str, columns: int) -> str:
    return text if len(text) <= columns else f"{text[: max(0, columns - 3)]}..."[: max(0, columns)]
