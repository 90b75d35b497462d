"""Names of files made from titles: such as every system takes, and that can't lead anywhere else."""

import re
import unicodedata

from app.conversations.titles import UNTITLED
from app.language import tr

_FORBIDDEN = re.compile(r'[<>:"/\\|?*]+')
_LONGEST_BYTES = 120  # file systems take 255, and a suffix and a number are still to come
_RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[\d¹²³]) *(\..*)?", re.IGNORECASE)


def file_name(title: str, suffix: str) -> str:
    """Return a file's name that begins with the title; suffix with its dot."""
    shown = "".join(each if unicodedata.category(each)[0] != "C" else " " for each in title[:_LONGEST_BYTES])
    name = " ".join(_FORBIDDEN.sub(" ", shown).split()).strip(". ")
    while len(name.encode()) > _LONGEST_BYTES:
        name = name[:-1].rstrip(". ")
    if not name or _RESERVED.fullmatch(name):
        name = tr(UNTITLED)
    return f"{name}{suffix}"
