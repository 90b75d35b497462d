"""A file, or a long paste, that goes with a message: what is kept of it is the text that was taken out of it."""

import msgspec


class Attachment(msgspec.Struct, frozen=True, kw_only=True):
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
