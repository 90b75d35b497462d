"""Downloads from the Hub into the standard Hugging Face cache: to the byte, verified, and never lost."""

from engine.hub.download.discarding import discard
from engine.hub.download.record import Unfinished, unfinished
from engine.hub.download.whole import download

__all__ = ["Unfinished", "discard", "download", "unfinished"]
