"""A file, or a long paste, that goes with a message: what is kept of it is the text that was taken out of it."""

import re
from collections.abc import Sequence
from functools import cached_property

import msgspec

from engine.api.codec import utf8_length

# Line ends of any kind, and what turns the direction of writing.
_NOT_NAME = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")


def one_line(name: str) -> str:
    """Return a file's name as one line that can't look like another: U+202E would show "gpj.exe" as "exe.jpg"."""
    return " ".join(_NOT_NAME.sub(" ", name).split())


class Attachment(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """size_bytes is the file's own size; note says what the text lacks, such as pages that are pictures.

    pages: pages, slides or sheets, 0 where there are none. is_pasted: it was no file, but put in by the clipboard.
    """

    name: str
    text: str
    size_bytes: int
    media_type: str = "text/plain"
    note: str = ""
    pages: int = 0
    is_pasted: bool = False

    def __post_init__(self) -> None:
        """Names come from disks, imports and other processes."""
        msgspec.structs.force_setattr(self, "name", one_line(self.name))

    @cached_property
    def text_bytes(self) -> int:
        """How many bytes the text takes. Counted once, as it may be a book: by whoever reads it, beside the window."""
        return utf8_length(self.text)


class _Named(msgspec.Struct, frozen=True):
    name: str


_NAMES = msgspec.json.Decoder(Sequence[_Named])


def names_in(blob: object) -> str:
    """Return the names of stored attachments, one on each line; "" for none, and for what can't be read."""
    try:
        return "\n".join(one_line(each.name) for each in _NAMES.decode(blob)) if isinstance(blob, bytes) else ""
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
