"""Downloads from the Hub into the standard Hugging Face cache: to the byte, verified, and never lost."""

from engine.hub.download.checkpoint import Downloaded, DownloadState, download
from engine.hub.download.discarding import discard
from engine.hub.download.record import Unfinished, unfinished

__all__ = ["DownloadState", "Downloaded", "Unfinished", "discard", "download", "unfinished"]
