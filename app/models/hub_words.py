"""The words for models on the Hub, on this computer and on their way. Pure functions."""

import re

from app.engine_words import said
from app.language import joined, mark, plain, spoken, tr
from app.models.amounts import file_size
from app.models.hub_rows import DownloadRow, DownloadState, HubRow
from engine.api.checkpoint import CheckpointKind, LocalCheckpoint
from engine.api.hub import Gating, HubCheckpoint
from engine.api.plan import Plan

_MAIN = "main"
_DAY = 86_400.0
_SHOWN_CHARACTERS = 120
_USUAL_MEGABITS = 50  # what many homes have; only an idea, and said to be one
_QUICK_SECONDS = 30.0
# Characters that are not seen but turn the order of those around them, or end a line.
_INVISIBLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]+")
_KINDS = {CheckpointKind.STARTER: mark("comes with Hearth"), CheckpointKind.GGUF: mark("GGUF file")}
STATES = {
    DownloadState.QUEUED: mark("waits for its turn"),
    DownloadState.RUNNING: mark("downloading"),
    DownloadState.WAITING: mark("waiting"),
    DownloadState.VERIFYING: mark("being checked"),
    DownloadState.PAUSED: mark("paused"),
    DownloadState.FAILED: mark("failed"),
    DownloadState.FINISHED: mark("downloaded"),
}
# Days of a unit, from how many days on it is said, and the words for one and for more.
_AGES = (
    (365, 365, mark("{number} year ago"), mark("{number} years ago")),
    (30, 30, mark("{number} month ago"), mark("{number} months ago")),
    (7, 14, mark("{number} week ago"), mark("{number} weeks ago")),
)
# What the most common licences are called by people; others are read as their names stand on the Hub.
_LICENSES = {
    "mit": "MIT", "isc": "ISC", "bsd": "BSD", "bsd-2-clause": "BSD 2-Clause", "bsd-3-clause": "BSD 3-Clause",
    "apache-2.0": "Apache 2.0", "openrail": "OpenRAIL", "bigscience-openrail-m": "BigScience OpenRAIL-M",
    "unlicense": "Unlicense", "wtfpl": "WTFPL", "gemma": "Gemma", "llama2": "Llama 2", "llama3": "Llama 3",
    "llama3.1": "Llama 3.1", "llama3.2": "Llama 3.2", "llama3.3": "Llama 3.3", "llama4": "Llama 4",
    "other": mark("the publisher's own"), "unknown": "",
}  # fmt: skip
# A family, what it allows (of Creative Commons only), a version.
_LICENSE_FAMILIES = re.compile(r"(cc0|cc|a?gpl|lgpl|mpl|epl|eupl|ecl|afl|bsl)-?(by(?:-nc)?(?:-nd|-sa)?)?-?(\d[\d.]*)?")
GATING = {
    Gating.TERMS: mark("Terms to accept"),
    Gating.APPROVAL: mark("Approval needed"),
}


def one_line(text: str) -> str:
    """Return foreign text as one line of bounded length, without what would reorder the words around it."""
    line = " ".join(_INVISIBLE.sub(" ", text[: 4 * _SHOWN_CHARACTERS]).split())
    return line if len(line) <= _SHOWN_CHARACTERS else line[: _SHOWN_CHARACTERS - 1].rstrip() + "…"


def name_of(hub_id: str) -> str:
    """Return the part of a Hub id that people call the model."""
    return one_line(hub_id.rpartition("/")[2] or hub_id)


def publisher_of(hub_id: str) -> str:
    """Return who published it, empty for the few without a publisher."""
    return one_line(hub_id.rpartition("/")[0])


def reference_of(hub_id: str, revision: str) -> str:
    """Return what a downloaded model is loaded by."""
    return hub_id if revision in ("", _MAIN) else f"{hub_id}@{revision}"


def short_count(count: int) -> str:
    """Return a number as short as it gets: 950, 12k, 8.2M, 1.1B."""
    for size, letter in ((10**9, "B"), (10**6, "M"), (10**3, "k")):
        if count >= size:
            number = count / size
            return plain((f"{number:.1f}" if number < 9.95 else f"{number:.0f}").removesuffix(".0")) + letter
    return str(max(0, count))


def age(at: float, now: float) -> str:
    """Return how long ago a moment was (both in seconds since the epoch), empty if it is not known."""
    if at <= 0:
        return ""
    days = int(max(0.0, now - at) // _DAY)
    if days < 2:
        return (tr("today"), tr("yesterday"))[days]
    for size, least, one, many in _AGES:
        if days >= least:
            number = days // size
            return tr(many if number > 1 else one).format(number=number)
    return tr("{number} days ago").format(number=days)


def license_words(name: str) -> str:
    """Return a licence as people write it: Apache 2.0, MIT, CC BY-NC 4.0; a name that isn't known stays as it is."""
    return joined((_license(one_line(each)) for each in name.split(",")), ", ")


def _license(told: str) -> str:
    known = told.casefold()
    if known in _LICENSES:
        return tr(_LICENSES[known]) if _LICENSES[known] else ""
    family = _LICENSE_FAMILIES.fullmatch(known)
    return " ".join(part.upper() for part in family.groups() if part) if family is not None else told


def download_size(size_bytes: int) -> str:
    """Return a size with an idea of its time, unless that is short: 1.5 GB, about 4 min at 50 Mbit/s."""
    wait = size_bytes * 8 / (_USUAL_MEGABITS * 1e6)
    size = file_size(size_bytes)
    words = tr("{size}, about {time} at {speed} Mbit/s")
    return words.format(size=size, time=_rounded(wait), speed=_USUAL_MEGABITS) if wait >= _QUICK_SECONDS else size


def numbers(checkpoint: HubCheckpoint) -> list[str]:
    """Return parameters and bytes to download, as far as they are known."""
    parameters = short_count(checkpoint.parameters) if checkpoint.parameters else ""
    size = file_size(checkpoint.download_bytes) if checkpoint.download_bytes else ""
    return [word for word in (parameters, size) if word]


def badges(row: HubRow) -> list[str]:
    """Return what sets a result apart, most important first."""
    checkpoint = row.checkpoint
    words = [
        tr("Recommended") if row.is_recommended else "",
        tr("On this computer") if row.is_local else "",
        tr("Can't be used") if checkpoint.unusable else "",
        tr(GATING[checkpoint.gating]) if checkpoint.gating in GATING else "",
        tr("Private") if checkpoint.is_private else "",
        one_line(checkpoint.quantization),
    ]
    return [word for word in words if word]


def result_words(row: HubRow) -> str:
    """Return all of a result's row as one sentence, for those who hear it."""
    checkpoint = row.checkpoint
    publisher = publisher_of(checkpoint.hub_id)
    parts = [
        name_of(checkpoint.hub_id),
        tr("by {publisher}").format(publisher=publisher) if publisher else "",
        *numbers(checkpoint),
    ]
    parts += [row.fit.label if row.fit else "", *badges(row)]
    return spoken(parts)


def home_words(checkpoint: LocalCheckpoint) -> str:
    """Return whose a model on this computer is: its publisher, its folder, or Hearth."""
    if checkpoint.kind is CheckpointKind.HUB_CACHE:
        hub_id, _, revision = checkpoint.reference.partition("@")
        parts = (publisher_of(hub_id) or one_line(hub_id), one_line(revision))
        return joined(parts)
    kind = _KINDS.get(checkpoint.kind, "")
    return tr(kind) if kind else one_line(checkpoint.folder or checkpoint.reference)


def local_words(checkpoint: LocalCheckpoint, now: float) -> list[str]:
    """Return size and last use of a model on this computer."""
    used = age(checkpoint.used_at, now)
    return [
        file_size(checkpoint.disk_bytes or checkpoint.size_bytes),
        *([tr("used {when}").format(when=used)] if used else []),
    ]


def percent(done: int, total: int) -> int:
    """Return how much is done, 100 only when all is; 0 while the total isn't known."""
    return min(100, 100 * max(0, done) // total) if total > 0 else 0


def time_left(seconds: float) -> str:
    """Return how long it will take: less than a minute left, 12 min left, 1 h 20 min left."""
    return tr("{time} left").format(time=_rounded(seconds))


def amount(row: DownloadRow) -> str:
    """Return how many bytes of how many are there, and how many per cent."""
    if not row.total_bytes:
        return file_size(row.done_bytes) if row.done_bytes else ""
    return joined((f"{percent(row.done_bytes, row.total_bytes)} %", _of(row.done_bytes, row.total_bytes)))


def progress_words(row: DownloadRow) -> str:
    """Return the quiet line below a download's name."""
    match row.state:
        case DownloadState.RUNNING:
            is_known = row.total_bytes or row.bytes_per_second
            speed = tr("{size}/s").format(size=file_size(row.bytes_per_second)) if is_known else ""
            left = time_left(row.seconds_left) if row.seconds_left is not None else ""
            parts = [amount(row), speed, left]
        case DownloadState.QUEUED:
            parts = [tr("Waits for its turn"), amount(row) if row.done_bytes else ""]
        case DownloadState.WAITING:
            parts = [amount(row) if row.done_bytes else ""]
        case DownloadState.VERIFYING:
            parts = [tr("Checking every byte"), amount(row)]
        case DownloadState.PAUSED:
            parts = [tr("Paused"), amount(row)]
        case DownloadState.FAILED:
            parts = [tr("{amount}, kept").format(amount=amount(row)) if row.done_bytes else ""]
        case DownloadState.FINISHED:
            parts = [tr("Downloaded"), file_size(row.total_bytes) if row.total_bytes else ""]
    return joined(parts)


def download_words(row: DownloadRow) -> str:
    """Return all of a download's row as one sentence, for those who hear it."""
    sentence = said(row.error.sentence()) if row.error is not None else row.words
    named = joined((name_of(row.hub_id), progress_words(row)), ": ")
    return joined((named, sentence), ". ")


def _of(done: int, total: int) -> str:
    """Return `7.0 of 16.4 GB`, the unit only once if it is the same."""
    first, second = file_size(done), file_size(total)
    number, unit = first.split()
    return tr("{done} of {total}").format(done=number if second.endswith(f" {unit}") else first, total=second)


def _rounded(seconds: float) -> str:
    minutes = round(seconds / 60)
    if seconds < 55:
        return tr("{number} s").format(number=max(5, round(seconds / 5) * 5))
    if minutes < 60:
        return tr("{number} min").format(number=max(1, minutes))
    hours, rest = divmod(minutes, 60)
    if hours >= 48:
        return tr("{number} days").format(number=hours // 24)
    if rest and hours < 10:
        return tr("{hours} h {minutes} min").format(hours=hours, minutes=rest)
    return tr("{number} h").format(number=hours)


def copy_bytes(plan: Plan | None) -> int:
    """Return the size of the packed copy that Hearth keeps of a model once it is loaded, 0 if it keeps none."""
    return plan.weight_bytes if plan is not None and plan.packed_here else 0
