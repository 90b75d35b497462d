"""From a file to its text: what it is shows in its first bytes, whatever its name says."""

from collections.abc import Callable
from pathlib import Path

from app.attachments.opendocument import CONTENT, read_open_document
from app.attachments.outcome import Extract, Note, Outcome, Refusal, Refused, Remark, Trouble
from app.attachments.package import Package
from app.attachments.plain import decode
from app.attachments.rich_text import read_rich_text
from app.attachments.sheets import WORKBOOK, read_workbook
from app.attachments.sink import SinkFull, TextSink
from app.attachments.slides import PRESENTATION, read_slides
from app.attachments.source import read_source
from app.attachments.word import DOCUMENT, read_word

_PICTURES = (b"\x89PNG\r\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"II*\0", b"MM\0*", b"\0\0\1\0", b"8BPS")
_SOUNDS = (b"ID3\2", b"ID3\3", b"ID3\4", b"OggS\0", b"fLaC", b"\x1aE\xdf\xa3", b"\xff\xfb", b"\xff\xf3", b"FLV\1")
_ARCHIVES = (b"\x1f\x8b", b"7z\xbc\xaf'\x1c", b"Rar!\x1a", b"BZh91AY&SY", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd")
_OLD_OFFICE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_PICTURE_BRANDS = (b"heic", b"heix", b"mif1", b"avif")
_OPEN_DOCUMENT = "application/vnd.oasis.opendocument."
_OFFICE = "application/vnd.openxmlformats-officedocument."
_PackageReader = Callable[[Package, TextSink], int]
_OFFICE_READERS: dict[str, tuple[str, _PackageReader]] = {
    DOCUMENT: (f"{_OFFICE}wordprocessingml.document", read_word),
    WORKBOOK: (f"{_OFFICE}spreadsheetml.sheet", read_workbook),
    PRESENTATION: (f"{_OFFICE}presentationml.presentation", read_slides),
}
_TEXT_TYPES = {
    ".md": "text/markdown", ".markdown": "text/markdown", ".csv": "text/csv", ".tsv": "text/csv",
    ".json": "application/json", ".html": "text/html", ".htm": "text/html",
    ".py": "text/x-code", ".js": "text/x-code", ".ts": "text/x-code", ".c": "text/x-code", ".cpp": "text/x-code",
    ".h": "text/x-code", ".rs": "text/x-code", ".go": "text/x-code", ".java": "text/x-code", ".sh": "text/x-code",
    ".sql": "text/x-code", ".css": "text/x-code", ".xml": "text/x-code", ".yaml": "text/x-code", ".toml": "text/x-code",
}  # fmt: skip


def extract(path: Path) -> Outcome:
    """Return the text of a file, or why there is none; raises nothing that a file could cause."""
    try:
        return _extract(path)
    except Refused as refused:
        return Refusal(refused.trouble)
    except MemoryError:
        return Refusal(Trouble.TOO_MUCH_MEMORY)
    except RecursionError:
        return Refusal(Trouble.DAMAGED)


def _extract(path: Path) -> Extract:
    data = read_source(path)
    if not data:
        raise Refused(Trouble.EMPTY)
    _refuse_other_kinds(data)
    sink = TextSink()
    pages = 0
    notes: tuple[Note, ...] = ()
    media_type = _TEXT_TYPES.get(path.suffix.casefold(), "text/plain")
    try:
        if b"%PDF-" in data[:1024]:
            from app.attachments.pdf import read_pdf  # the only one that takes a moment to import

            media_type = "application/pdf"
            pages, notes = read_pdf(data, sink)
        elif data.startswith(b"PK\x03\x04"):
            package = Package(data)
            media_type, read = _office_reader(package)
            pages = read(package, sink)
        elif data.startswith(b"{\\rtf"):
            media_type = "application/rtf"
            read_rich_text(data, sink)
        else:
            text, notes = decode(data)
            sink.write(text)
    except SinkFull:
        pass
    if sink.is_cut:
        notes = (*notes, Note(Remark.CUT, len(sink.text)))
    if not sink.text.strip():
        raise Refused(Trouble.NO_TEXT)
    return Extract(sink.text, len(data), media_type, pages, notes)


def _refuse_other_kinds(data: bytes) -> None:
    is_bitmap = data.startswith(b"BM") and data[6:10] == bytes(4)
    if is_bitmap or data.startswith(_PICTURES) or (data[:4] == b"RIFF" and data[8:12] == b"WEBP"):
        raise Refused(Trouble.PICTURE)
    if data[4:8] == b"ftyp":
        raise Refused(Trouble.PICTURE if data[8:12] in _PICTURE_BRANDS else Trouble.SOUND)
    if data.startswith(_SOUNDS) or (data[:4] == b"RIFF" and data[8:12] in (b"WAVE", b"AVI ")):
        raise Refused(Trouble.SOUND)
    if data.startswith(_ARCHIVES) or data[257:262] == b"ustar":
        raise Refused(Trouble.ARCHIVE)
    if data.startswith(_OLD_OFFICE):
        raise Refused(Trouble.PROTECTED if _ENCRYPTED in data else Trouble.OLD_OFFICE)


def _office_reader(package: Package) -> tuple[str, _PackageReader]:
    for part, found in _OFFICE_READERS.items():
        if part in package.names:
            return found
    if "mimetype" in package.names and CONTENT in package.names:
        media_type = b"".join(package.chunks("mimetype"))[:200].decode("ascii", "replace").strip()
        if media_type.startswith(_OPEN_DOCUMENT):
            if _is_encrypted(package):
                raise Refused(Trouble.PROTECTED)
            return media_type, read_open_document
    raise Refused(Trouble.ARCHIVE)


def _is_encrypted(package: Package) -> bool:
    return any(event.name == "encryption-data" for event in package.events("META-INF/manifest.xml"))
