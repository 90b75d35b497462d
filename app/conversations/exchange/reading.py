"""From a file, of whichever program, to what is found in it, one conversation after the other; pure but for the disk.

The format is told by the content. What can't be read is counted; only a file as a whole raises ExchangeError.
"""

import io
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

import msgspec

from app.conversations.exchange import chatgpt, hearth, jan, lm_studio, open_webui
from app.conversations.exchange.document import ConversationDocument
from app.conversations.exchange.errors import ExchangeError
from app.conversations.exchange.found import FoundConversation, Source, document_from
from app.conversations.exchange.lenient import Thing, decoded, thing
from app.conversations.records import Folder
from app.language import mark

LARGEST_FILE_BYTES = 500 * 2**20
_LARGEST_ARCHIVE_BYTES = 8 * 2**30  # with pictures, which aren't looked at
_MOST_UNPACKED_BYTES = 2 * 2**30
_MOST_ENTRIES = 200_000
_LOOKED_AT = 20  # of a list, to tell its format
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_TEXT_SUFFIXES = (".json", ".jsonl")
_TOO_BIG = mark("The file is larger than 500 MB, which is more than Hearth reads at once.")
_BAD_ARCHIVE = mark("The archive is damaged, encrypted, or packed in a way that Hearth can't unpack.")
NO_MEMORY = mark("The file needs more memory to read than there is.")
_UNKNOWN = mark("This is no file with conversations that Hearth knows.")
_KNOWN = mark("It reads its own, and those of ChatGPT, LM Studio, Open WebUI and Jan.")


class Parsed(msgspec.Struct, frozen=True, tag="parsed"):
    """One conversation; unreadable messages of it were left out."""

    source: Source
    document: ConversationDocument
    unreadable: int = 0


class FoldersFound(msgspec.Struct, frozen=True, tag="folders"):
    """The folders of one of Hearth's files."""

    folders: tuple[Folder, ...]


class Unreadable(msgspec.Struct, frozen=True, tag="unreadable"):
    """A conversation that can't be read."""


Item = Parsed | FoldersFound | Unreadable


def read_path(path: Path) -> Iterator[Item]:
    """Yield what is found in a file, an archive or a folder; raises ExchangeError if there is nothing to be found."""
    try:
        if path.is_dir():
            yield from _read_folder(path)
            return
        with path.open("rb") as file:
            if zipfile.is_zipfile(file):
                yield from _read_archive(file)
                return
            file.seek(0)
            content = _bounded(file, LARGEST_FILE_BYTES)
        beside = path.with_name(jan.MESSAGES_FILE if path.suffix == ".json" else jan.THREAD_FILE)
        yield from _read_content(content, _content_of(beside) if beside != path else b"")
    except OSError as error:
        values = {"name": path.name, "reason": error.strerror or str(error)}
        raise ExchangeError(mark("The file {name} can't be read ({reason})."), values=values) from error
    except MemoryError as error:
        raise ExchangeError(NO_MEMORY) from error


def _read_folder(folder: Path) -> Iterator[Item]:
    found = False
    for path in sorted(folder.rglob("*.json")):
        if not path.is_symlink() and path.is_file():
            try:
                beside = _content_of(path.with_name(jan.MESSAGES_FILE)) if path.name == jan.THREAD_FILE else b""
                for item in _read_content(_content_of(path), beside):
                    found = True
                    yield item
            except ExchangeError:
                continue  # a folder holds other files, too
    if not found:
        raise ExchangeError(mark("In this folder is no file with conversations that Hearth knows."), _KNOWN)


def _read_archive(file: BinaryIO) -> Iterator[Item]:
    file.seek(0, io.SEEK_END)
    if file.tell() > _LARGEST_ARCHIVE_BYTES:
        raise ExchangeError(_TOO_BIG)
    found = False
    try:
        with zipfile.ZipFile(file) as archive:
            names = [info.filename for info in archive.infolist()[:_MOST_ENTRIES] if not info.is_dir()]
            left = _MOST_UNPACKED_BYTES
            for name in names:
                if not name.lower().endswith(".json"):
                    continue
                content, beside = _entry(archive, name, left), b""
                if PurePosixPath(name).name == jan.THREAD_FILE:
                    messages = str(PurePosixPath(name).with_name(jan.MESSAGES_FILE))
                    beside = _entry(archive, messages, left) if messages in archive.NameToInfo else b""
                left -= len(content) + len(beside)
                try:
                    for item in _read_content(content, beside):
                        found = True
                        yield item
                except ExchangeError:
                    continue  # what else an export holds: feedback, settings
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError, zlib.error) as error:
        raise ExchangeError(_BAD_ARCHIVE) from error
    if not found:
        raise ExchangeError(mark("In this archive is no file with conversations that Hearth knows."), _KNOWN)


def _entry(archive: zipfile.ZipFile, name: str, left: int) -> bytes:
    with archive.open(name) as entry:
        return _bounded(entry, min(LARGEST_FILE_BYTES, max(0, left)))


def _bounded(file: Any, limit: int) -> bytes:  # noqa: ANN401  a file, or a part of an archive
    content: bytes = file.read(limit + 1)
    if len(content) > limit:
        raise ExchangeError(_TOO_BIG, mark("Export fewer conversations into each file."))
    return content


def _content_of(path: Path) -> bytes:
    if not path.is_file():
        return b""
    with path.open("rb") as file:
        return _bounded(file, LARGEST_FILE_BYTES)


def _read_content(content: bytes, beside: bytes) -> Iterator[Item]:
    content = content.removeprefix(_BYTE_ORDER_MARK)
    start = content[:64].lstrip()[:1]
    if start == b"[":
        yield from _read_list(_raw_list(content))
    elif start == b"{":
        try:
            fields = msgspec.json.decode(content, type=dict[str, msgspec.Raw])
        except RecursionError as error:
            raise ExchangeError(_UNKNOWN, _KNOWN) from error
        except (msgspec.DecodeError, UnicodeDecodeError):
            yield from _read_broken_object(content, beside)
            return
        yield from _read_object(fields, content, beside)
    else:
        raise ExchangeError(_UNKNOWN, _KNOWN)


def _read_object(fields: dict[str, msgspec.Raw], content: bytes, beside: bytes) -> Iterator[Item]:
    head: Thing = {key: _small(fields[key]) for key in ("format", "version") if key in fields}
    if hearth.is_file(head):
        hearth.check_version(head)
        yield FoldersFound(tuple(hearth.read_folders(_value(fields.get("folders")))))
        for raw in _raw_list(bytes(memoryview(fields.get("conversations", msgspec.Raw(b"[]"))))):
            yield _parsed_own(raw)
        return
    value = thing(_value(msgspec.Raw(content)))
    item = _item(value, beside)
    if item is None:
        raise ExchangeError(_UNKNOWN, _KNOWN)
    yield from item


def _read_broken_object(content: bytes, beside: bytes) -> Iterator[Item]:
    """Read an object with half a character in it, or one in each line."""
    try:
        value = thing(decoded(content))
    except ValueError:
        lines = [line for line in map(_line, content.splitlines()) if line]
        if any(jan.is_message(line) for line in lines):
            thread = thing(_value(msgspec.Raw(beside))) if beside else {}
            yield from _converted(jan.read(thread, lines))
            return
        raise ExchangeError(mark("The file is damaged, or was not written to its end.")) from None
    if hearth.is_file(value):
        yield from _read_object(
            {key: msgspec.Raw(msgspec.json.encode(each)) for key, each in value.items()}, content, beside
        )
        return
    item = _item(value, beside)
    if item is None:
        raise ExchangeError(_UNKNOWN, _KNOWN)
    yield from item


def _read_list(raws: list[msgspec.Raw]) -> Iterator[Item]:
    values = (_value(raw) for raw in raws)
    looked_at = [thing(value) for value, _ in zip(values, range(_LOOKED_AT), strict=False)]
    if looked_at and all(jan.is_message(value) for value in looked_at):
        yield from _converted(jan.read({}, [thing(_value(raw)) for raw in raws]))
        return
    if not any(_kind(value) for value in looked_at):
        raise ExchangeError(_UNKNOWN, _KNOWN)
    for raw in raws:
        item = _item(thing(_value(raw)), b"")
        yield from item if item is not None else iter((Unreadable(),))


def _raw_list(content: bytes) -> list[msgspec.Raw]:
    try:
        return msgspec.json.decode(content, type=list[msgspec.Raw])
    except RecursionError as error:
        raise ExchangeError(_UNKNOWN, _KNOWN) from error
    except (msgspec.DecodeError, UnicodeDecodeError):
        try:
            value = decoded(content)
        except ValueError as error:
            raise ExchangeError(mark("The file is damaged, or was not written to its end.")) from error
        return [msgspec.Raw(msgspec.json.encode(each)) for each in value] if isinstance(value, list) else []


def _small(raw: msgspec.Raw) -> object:
    return _value(raw) if len(memoryview(raw)) <= 64 else None


def _value(raw: msgspec.Raw | None) -> object:
    try:
        return decoded(raw) if raw is not None else None
    except ValueError:
        return None


def _line(line: bytes) -> Thing:
    return thing(_value(msgspec.Raw(line))) if line.strip() else {}


def _kind(value: Thing) -> bool:
    return chatgpt.is_conversation(value) or open_webui.is_conversation(value) or lm_studio.is_conversation(value)


def _item(value: Thing, beside: bytes) -> Iterator[Item] | None:
    if chatgpt.is_conversation(value):
        return _converted(chatgpt.read(value))
    if lm_studio.is_conversation(value):
        return _converted(lm_studio.read(value))
    if open_webui.is_conversation(value):
        return _converted(open_webui.read(value))
    if jan.is_thread(value):
        return _converted(jan.read(value, [line for line in map(_line, beside.splitlines()) if line]))
    return _converted(jan.read({}, [value])) if jan.is_message(value) else None


def _converted(found: FoundConversation) -> Iterator[Item]:
    try:
        document = document_from(found)
    except (ValueError, RecursionError):
        yield Unreadable()
        return
    if document is not None:
        yield Parsed(found.source, document)


def _parsed_own(raw: msgspec.Raw) -> Item:
    try:
        document, unreadable = hearth.read(raw)
    except (ValueError, RecursionError):  # msgspec's errors are ValueErrors
        return Unreadable()
    return Parsed(Source.HEARTH, document, unreadable)
