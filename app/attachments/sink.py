"""Collects the text of a document up to the limit, and until it has taken too long."""

import time

from app.attachments.limits import OUTPUT_CHARACTERS, READING_SECONDS


class SinkFull(Exception):
    """Nothing more is taken; what was collected stays."""


class TextSink:
    """write raises SinkFull when the limit is reached; the text is then cut there."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._room = OUTPUT_CHARACTERS
        self._ends_at = time.monotonic() + READING_SECONDS
        self.is_cut = False

    @property
    def text(self) -> str:
        """What was collected, without empty lines at both ends."""
        return "".join(self._parts).strip("\n")

    @property
    def is_late(self) -> bool:
        """Whether it has taken so long that the rest should be left out."""
        return time.monotonic() > self._ends_at

    def write(self, text: str) -> None:
        """Add text."""
        if len(text) > self._room:
            self._parts.append(text[: self._room])
            self._room = 0
            self.is_cut = True
            raise SinkFull
        self._parts.append(text)
        self._room -= len(text)
