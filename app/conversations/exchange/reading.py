"""From a file, of whichever program, to what is found in it, one conversation after the other; pure but for the disk.

The format is told by the content. What can't be read is counted; only a file as a whole raises ExchangeError.
"""

import io
import itertools
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

import msgspec

from app.conversations.exchange import chatgpt, hearth, jan, lm_studio, open_webui
from app.conversations.exchange.damaged import as_utf8, elements
from app.conversations.exchange.document import ConversationDocument
from app.conversations.exchange.errors import ExchangeError, UnknownFormat
from app.conversations.exchange.found import FoundConversation, Source, document_from
from app.conversations.exchange.lenient import Thing, decoded, text, thing
from app.conversations.records import Folder
from app.language import mark

LARGEST_FILE_BYTES = 500 * 2**20
_LARGEST_ARCHIVE_BYTES = 8 * 2**30  # with pictures, which aren't looked at
_MOST_UNPACKED_BYTES = 2 * 2**30
_MOST_ENTRIES = 200_000
_LOOKED_AT = 20  # of a list, to tell its format
_BEGINNING = re.compile(rb"\s*([\[{])")
_OWN_LIST = re.compile(rb'\s*\{"format":"hearth-conversations".{0,100}?"folders":\[.*?\],"conversations":\[', re.DOTALL)
_LISTS = ("conversations", "chats", "data", "items")  # in which others wrap them
_ARCHIVE_ERRORS = (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError, zlib.error)
_TOO_BIG = mark("The file is larger than 500 MB, which is more than Hearth reads at once.")
_BAD_ARCHIVE = mark("The archive is damaged, encrypted, or packed in a way that Hearth can't unpack.")
NO_MEMORY = mark("The file needs more memory to read than there is.")
_DAMAGED = mark("The file is damaged, or was not written to its end.")
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
    """A conversation that can't be read; is_file: one of several files, or the rest of one, with who knows how many."""

    is_file: bool = False


Item = Parsed | FoldersFound | Unreadable


def read_path(path: Path) -> Iterator[Item]:
    """Yield what is found in a file, an archive or a folder; raises ExchangeError if there is nothing to be found."""
    try:
        if path.is_dir():
            yield from _read_folder(path)
            return
        with path.open("rb") as file:
            if path.is_file() and zipfile.is_zipfile(file):  # it would read a device to its end
                yield from _read_archive(file)
                return
            if file.seekable():
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
    def contents() -> Iterator[tuple[bytes, bytes]]:
        for path in sorted(folder.rglob("*.json")):
            if not path.is_symlink() and path.is_file():
                beside = _content_of(path.with_name(jan.MESSAGES_FILE)) if path.name == jan.THREAD_FILE else b""
                yield _content_of(path), beside

    yield from _read_several(contents(), mark("In this folder is no file with conversations that Hearth knows."))


def _read_archive(file: BinaryIO) -> Iterator[Item]:
    file.seek(0, io.SEEK_END)
    if file.tell() > _LARGEST_ARCHIVE_BYTES:
        raise ExchangeError(_TOO_BIG)
    try:
        with zipfile.ZipFile(file) as archive:
            yield from _read_several(
                _unpacked(archive), mark("In this archive is no file with conversations that Hearth knows.")
            )
    except _ARCHIVE_ERRORS as error:
        raise ExchangeError(_BAD_ARCHIVE) from error


def _unpacked(archive: zipfile.ZipFile) -> Iterator[tuple[bytes, bytes] | None]:
    left = _MOST_UNPACKED_BYTES
    for info in archive.infolist()[:_MOST_ENTRIES]:
        name = info.filename
        if info.is_dir() or not name.lower().endswith(".json"):
            continue
        try:
            content, beside = _entry(archive, name, left), b""
            if PurePosixPath(name).name == jan.THREAD_FILE:
                messages = str(PurePosixPath(name).with_name(jan.MESSAGES_FILE))
                beside = _entry(archive, messages, left) if messages in archive.NameToInfo else b""
        except _ARCHIVE_ERRORS:
            yield None
            continue
        left -= len(content) + len(beside)
        yield content, beside


def _read_several(contents: Iterable[tuple[bytes, bytes] | None], nothing: str) -> Iterator[Item]:
    """Read each by itself; None stands for one that can't be unpacked. Files that hold something else are passed by."""
    found, damage = False, None
    for each in contents:
        try:
            if each is None:
                raise ExchangeError(_BAD_ARCHIVE)
            for item in _read_content(*each):
                found = True
                yield item
        except UnknownFormat:
            continue
        except ExchangeError as error:
            damage = error
            yield Unreadable(is_file=True)
    if not found:
        raise damage or UnknownFormat(nothing, _KNOWN)


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
    content = as_utf8(content)
    start = _BEGINNING.match(content)
    if start is None:
        page = chatgpt.PAGE.search(content)
        if page is None:
            raise ExchangeError(_BAD_ARCHIVE) if content.startswith(b"PK\3\4") else UnknownFormat(_UNKNOWN, _KNOWN)
        yield from _read_list(*_raw_elements(content, page.end() - 1))
    elif start[1] == b"[":
        yield from _read_list(*_raw_list(content))
    else:
        try:
            fields = msgspec.json.decode(content, type=dict[str, msgspec.Raw])
        except (RecursionError, msgspec.DecodeError, UnicodeDecodeError):
            yield from _read_broken_object(content, beside)
        else:
            yield from _read_object(fields, content, beside)


def _read_object(fields: dict[str, msgspec.Raw], content: bytes, beside: bytes) -> Iterator[Item]:
    head: Thing = {key: _small(fields[key]) for key in ("format", "version") if key in fields}
    if hearth.is_file(head):
        hearth.check_version(head)
        yield FoldersFound(tuple(hearth.read_folders(_value(fields.get("folders")))))
        yield from _read_own(*_raw_list(bytes(memoryview(fields.get("conversations", msgspec.Raw(b"[]"))))))
        return
    item = _item(thing(_value(msgspec.Raw(content))), beside)
    if item is not None:
        yield from item
        return
    for key in _LISTS:
        if key in fields and bytes(memoryview(fields[key])[:1]) == b"[":
            yield from _read_list(*_raw_list(bytes(memoryview(fields[key]))))
            return
    raise UnknownFormat(_UNKNOWN, _KNOWN)


def _read_broken_object(content: bytes, beside: bytes) -> Iterator[Item]:
    """Read an object with half a character in it, one in each line, or one that is cut off."""
    try:
        value = thing(decoded(content))
    except ValueError:
        own = _OWN_LIST.match(content)
        if own is not None:
            yield from _read_object(msgspec.json.decode(own[0] + b"]}", type=dict[str, msgspec.Raw]), b"", b"")
            yield from _read_own(*_raw_elements(content, own.end() - 1))
            return
        yield from _read_lines(content, beside)
        return
    fields = {key: msgspec.Raw(msgspec.json.encode(each)) for key, each in value.items()}
    yield from _read_object(fields, msgspec.json.encode(value), beside)


def _read_lines(content: bytes, beside: bytes) -> Iterator[Item]:
    values, damaged = _lines(content)
    if any(jan.is_message(value) for value in values):
        thread = thing(_value(msgspec.Raw(beside))) if beside else {}
        yield from _converted_threads(thread, values, damaged)
        return
    if not any(_item(value, b"") is not None for value in values):
        raise ExchangeError(_DAMAGED)
    for value in values:
        item = _item(value, b"")
        yield from item if item is not None else iter((Unreadable(),))
    yield from (Unreadable() for _ in range(damaged))


def _read_own(raws: list[msgspec.Raw], is_whole: bool) -> Iterator[Item]:
    yield from map(_parsed_own, raws)
    if not is_whole:
        yield Unreadable(is_file=True)


def _read_list(raws: list[msgspec.Raw], is_whole: bool) -> Iterator[Item]:
    values = (thing(_value(raw)) for raw in raws)
    looked_at = list(itertools.islice(values, _LOOKED_AT))
    if looked_at and all(jan.is_message(value) for value in looked_at):
        yield from _converted_threads({}, [*looked_at, *values], 0 if is_whole else 1)
        return
    unknown, found = 0, False
    for value in itertools.chain(looked_at, values):
        item = _item(value, b"")
        if item is None:
            unknown += 1
            continue
        found = True
        yield from item
    if not found:
        raise UnknownFormat(_UNKNOWN, _KNOWN) if is_whole else ExchangeError(_DAMAGED)
    yield from (Unreadable() for _ in range(unknown))
    if not is_whole:
        yield Unreadable(is_file=True)


def _raw_list(content: bytes) -> tuple[list[msgspec.Raw], bool]:
    """Return the values in a list, and whether that is all of it."""
    try:
        return msgspec.json.decode(content, type=list[msgspec.Raw]), True
    except (RecursionError, msgspec.DecodeError, UnicodeDecodeError):
        try:
            value = decoded(content)
        except ValueError:
            return _raw_elements(content, content.find(b"["))
        return ([msgspec.Raw(msgspec.json.encode(each)) for each in value] if isinstance(value, list) else []), True


def _raw_elements(content: bytes, start: int) -> tuple[list[msgspec.Raw], bool]:
    found = elements(content, start)
    return [msgspec.Raw(value) for value in found.values], found.is_whole


def _small(raw: msgspec.Raw) -> object:
    return _value(raw) if len(memoryview(raw)) <= 64 else None


def _value(raw: msgspec.Raw | None) -> object:
    try:
        return decoded(raw) if raw is not None else None
    except ValueError:
        return None


def _lines(content: bytes) -> tuple[list[Thing], int]:
    """Return the objects of which one stands in each line, and how many lines hold none."""
    lines = [line for line in content.splitlines() if line.strip()]
    values = [value for value in (thing(_value(msgspec.Raw(line))) for line in lines) if value]
    return values, len(lines) - len(values)


def _item(value: Thing, beside: bytes) -> Iterator[Item] | None:
    if chatgpt.is_conversation(value):
        return _converted(chatgpt.read(value))
    if lm_studio.is_conversation(value):
        return _converted(lm_studio.read(value))
    if open_webui.is_conversation(value):
        return _converted(open_webui.read(value))
    if jan.is_thread(value):
        messages, damaged = _lines(as_utf8(beside))
        return _converted(jan.read(value, messages), damaged)
    return _converted(jan.read({}, [value])) if jan.is_message(value) else None


def _converted_threads(thread: Thing, messages: Iterable[Thing], damaged: int) -> Iterator[Item]:
    by_thread: dict[str, list[Thing]] = {}
    for message in messages:
        by_thread.setdefault(text(message.get("thread_id")), []).append(message)
    for each in by_thread.values():
        yield from _converted(jan.read(thread, each), damaged)
        damaged = 0


def _converted(found: FoundConversation, damaged: int = 0) -> Iterator[Item]:
    try:
        document = document_from(found)
    except (ValueError, RecursionError):
        yield Unreadable()
        return
    if document is not None:
        yield Parsed(found.source, document, found.unreadable + damaged)
    elif found.unreadable + damaged:
        yield Unreadable()


def _parsed_own(raw: msgspec.Raw) -> Item:
    try:
        document, unreadable = hearth.read(raw)
    except (ValueError, RecursionError):  # msgspec's errors are ValueErrors
        return Unreadable()
    return Parsed(Source.HEARTH, document, unreadable)
