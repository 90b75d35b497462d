"""What the models page shows and asks for: a search, its results with how they fit, downloads, a recommendation."""

from dataclasses import dataclass
from enum import StrEnum

from app.models.plan_words import ModelFit
from engine.api.errors import ErrorReport
from engine.api.hub import HubCheckpoint, HubSort


@dataclass(frozen=True)
class HubQuery:
    """What is searched for; least and most parameters are None for no limit."""

    text: str = ""
    author: str = ""
    least_parameters: int | None = None
    most_parameters: int | None = None
    sort: HubSort = HubSort.DOWNLOADS


@dataclass(frozen=True)
class HubRow:
    """One result. fit is None until it is known; is_local: it is on this computer, whole."""

    checkpoint: HubCheckpoint
    fit: ModelFit | None = None
    is_local: bool = False
    is_recommended: bool = False


class DownloadState(StrEnum):
    """Where a download stands."""

    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting"
    VERIFYING = "verifying"
    PAUSED = "paused"
    FAILED = "failed"
    FINISHED = "finished"


OVER = (DownloadState.FINISHED, DownloadState.FAILED)  # nothing more happens by itself


@dataclass(frozen=True)
class DownloadRow:
    """One download; key names it in every intent. total_bytes 0: not known yet.

    bytes_per_second and seconds_left are of the last seconds. words: why it waits, as a sentence. error: why it
    failed. loads: the model is loaded as soon as it is there.
    """

    key: str
    hub_id: str
    revision: str
    state: DownloadState = DownloadState.QUEUED
    done_bytes: int = 0
    total_bytes: int = 0
    bytes_per_second: float = 0.0
    seconds_left: float | None = None
    words: str = ""
    error: ErrorReport | None = None
    loads: bool = False


@dataclass(frozen=True)
class DownloadRequest:
    """A download that was asked for; loads: the model is to be loaded as soon as it is there."""

    hub_id: str
    revision: str = "main"
    loads: bool = False


@dataclass(frozen=True)
class Recommendation:
    """A model that suits this computer, out of the list that comes with Hearth, and how it would be loaded here."""

    hub_id: str
    title: str
    words: str
    download_bytes: int
    license: str
    fit: ModelFit
    is_best: bool = False
