"""The text of a PDF, page by page; pages that are pictures are counted, and what takes too long is left out."""

import io
import logging

from pypdf import PdfReader
from pypdf.errors import DependencyError, PyPdfError

from app.attachments.outcome import Note, Refused, Remark, Trouble
from app.attachments.sink import SinkFull, TextSink

_BROKEN_PAGE = (PyPdfError, ValueError, TypeError, KeyError, IndexError, AttributeError, AssertionError, RecursionError)


def read_pdf(data: bytes, sink: TextSink) -> tuple[int, tuple[Note, ...]]:
    """Write the text; returns the number of pages and what is to be said about them."""
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    reader = _opened(data)
    try:
        pages = reader.get_num_pages()
    except _BROKEN_PAGE as error:
        raise Refused(Trouble.DAMAGED) from error
    empty, read = 0, 0
    for number in range(pages):
        if sink.is_late:
            break
        try:
            text = reader.pages[number].extract_text().strip()
        except _BROKEN_PAGE:
            text = ""
        read += 1
        if not text:
            empty += 1
            continue
        try:
            sink.write(f"[Page {number + 1}]\n{text}\n\n")
        except SinkFull:
            break
    notes = []
    if empty:
        notes.append(Note(Remark.PICTURE_PAGES, empty, pages))
    if read < pages:
        notes.append(Note(Remark.PAGES_LEFT_OUT, pages - read, pages))
    return pages, tuple(notes)


def _opened(data: bytes) -> PdfReader:
    try:
        reader = PdfReader(io.BytesIO(data), strict=False)
        is_locked = reader.is_encrypted and not reader.decrypt("")
    except DependencyError as error:  # a cipher that needs another library
        raise Refused(Trouble.PROTECTED) from error
    except NotImplementedError as error:
        raise Refused(Trouble.PROTECTED) from error
    except _BROKEN_PAGE as error:
        raise Refused(Trouble.DAMAGED) from error
    if is_locked:
        raise Refused(Trouble.PROTECTED)
    return reader
