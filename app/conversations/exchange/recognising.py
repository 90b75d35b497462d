"""Tells by its beginning whether a file may be an export of conversations: quick, and without reading it whole."""

import re
import stat
import zipfile
from pathlib import Path

from app.conversations.exchange.chatgpt import PAGE
from app.conversations.exchange.document import FORMAT

_LOOKED_AT_BYTES = 512 * 1024
_MOST_ENTRIES = 10_000
_PAGES = (".html", ".htm")
_ARCHIVED = re.compile(r"(^|/)(conversations[^/]*|thread|chat-export[^/]*)\.json$", re.IGNORECASE)
# What each program's reader looks for (is_file, is_conversation, is_thread, is_message beside this).
_MARKS = tuple(
    re.compile(pattern)
    for pattern in (
        rb'"format"\s*:\s*"' + re.escape(FORMAT.encode()) + rb'"',
        rb'"mapping"\s*:\s*\{',
        rb'"history"\s*:\s*\{\s*"(messages|currentId)"',
        rb'"chat"\s*:\s*\{',
        rb'"messages"\s*:\s*\[\s*(\{\s*"versions"|\])',
        rb'"object"\s*:\s*"thread(\.message)?"',
        rb'"thread_id"\s*:',
    )
)


def may_be_export(path: Path) -> bool:
    """Return whether to offer reading it as conversations; never raises, and waits for nothing but a disk."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return False
        with path.open("rb") as file:
            head = file.read(_LOOKED_AT_BYTES)
            if head.startswith(b"PK") and path.suffix.lower() == ".zip":
                with zipfile.ZipFile(file) as archive:
                    return any(map(_ARCHIVED.search, archive.namelist()[:_MOST_ENTRIES]))
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError):
        return False
    if path.suffix.lower() in _PAGES:
        page = PAGE.search(head)  # behind its styles
        return page is not None and any(mark.search(head, page.end()) for mark in _MARKS)
    begins = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    return begins in (b"{", b"[") and any(mark.search(head) for mark in _MARKS)
