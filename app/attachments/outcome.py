"""What comes of reading a file, as the limited process says it: its text with remarks, or why there is none."""

from enum import StrEnum

import msgspec


class Trouble(StrEnum):
    """Why a file can't be attached."""

    GONE = "gone"
    LINK_LOOP = "link loop"
    FOLDER = "folder"
    NO_FILE = "no file"
    NO_ACCESS = "no access"
    UNREADABLE = "unreadable"
    TOO_BIG = "too big"
    TOO_MUCH_MEMORY = "too much memory"
    TOO_SLOW = "too slow"
    UNPACKS_TOO_FAR = "unpacks too far"
    UNSAFE = "unsafe"
    EMPTY = "empty"
    NO_TEXT = "no text"
    PICTURE = "picture"
    SOUND = "sound"
    ARCHIVE = "archive"
    OLD_OFFICE = "old office"
    BINARY = "binary"
    PROTECTED = "protected"
    DAMAGED = "damaged"
    FAILED = "failed"


class Remark(StrEnum):
    """What the text lacks."""

    PICTURE_PAGES = "picture pages"
    PAGES_LEFT_OUT = "pages left out"
    CUT = "cut"
    GUESSED_ENCODING = "guessed encoding"


class Note(msgspec.Struct, frozen=True):
    """A remark with its numbers: how many of how many."""

    remark: Remark
    count: int = 0
    total: int = 0


class Extract(msgspec.Struct, frozen=True, tag="text"):
    """The text of a file. pages: pages, slides or sheets; 0 where there are none."""

    text: str
    size_bytes: int
    media_type: str
    pages: int = 0
    notes: tuple[Note, ...] = ()


class Refusal(msgspec.Struct, frozen=True, tag="refused"):
    """There is no text."""

    trouble: Trouble


Outcome = Extract | Refusal


class Refused(Exception):
    """Raised while reading; becomes a Refusal."""

    def __init__(self, trouble: Trouble) -> None:
        super().__init__(trouble.value)
        self.trouble = trouble
