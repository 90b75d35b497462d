"""Files that come into being piece by piece beside their place, and get there only when they are whole."""

import os
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol

import msgspec

from app.conversations.exchange.document import FORMAT, VERSION, ConversationDocument
from app.conversations.exchange.errors import ExchangeError
from app.conversations.exchange.markdown import SplitThinking, markdown_of
from app.conversations.records import Folder
from app.language import mark
from engine.api.files import replace_file

MARKDOWN_SUFFIXES = (".md", ".markdown")


class DocumentWriter(Protocol):
    """Turns documents into the bytes of a file, piece by piece."""

    def begin(self, folders: Iterable[Folder]) -> bytes:
        """Return what stands before the first conversation."""

    def conversation(self, document: ConversationDocument, *, is_first: bool) -> bytes:
        """Return one conversation."""

    def end(self) -> bytes:
        """Return what stands behind the last one."""


class JsonWriter:
    """Everything that is known, in the form that SCHEMA.md describes; one conversation in each line."""

    def begin(self, folders: Iterable[Folder]) -> bytes:
        """Return the head of the file."""
        listed = msgspec.json.encode(sorted(folders, key=lambda folder: (folder.created_at, folder.id)))
        return f'{{"format":"{FORMAT}","version":{VERSION},"folders":'.encode() + listed + b',"conversations":['

    def conversation(self, document: ConversationDocument, *, is_first: bool) -> bytes:
        """Return one line."""
        return (b"\n" if is_first else b",\n") + msgspec.json.encode(document)

    def end(self) -> bytes:
        """Return the end of the file."""
        return b"\n]}\n"


class MarkdownWriter:
    """What can be read: the branch that is shown of each conversation, a line between two of them."""

    def __init__(self, split_thinking: SplitThinking) -> None:
        self._split_thinking = split_thinking

    def begin(self, _folders: Iterable[Folder]) -> bytes:
        """Return nothing: folders are left out."""
        return b""

    def conversation(self, document: ConversationDocument, *, is_first: bool) -> bytes:
        """Return one conversation."""
        text = "\n\n".join(block for block in markdown_of(document, self._split_thinking) if block)
        return (("" if is_first else "\n---\n\n") + text + "\n").encode("utf-8", "replace")

    def end(self) -> bytes:
        """Return nothing."""
        return b""


class AtomicFile:
    """Takes bytes; keep() puts them in the path's place, discard() leaves nothing. Raises ExchangeError."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._part = path
        self._file: BinaryIO | None = None
        with self._told():
            self._path = Path(os.path.realpath(path))  # what a link leads to is replaced, and not the link
            if self._path.exists() and not self._path.is_file():
                raise ExchangeError(
                    mark("{name} is no ordinary file, so nothing was written there."), "", {"name": str(path)}
                )
            self._part = self._path.with_name(f".{self._path.name[:60]}.{uuid.uuid4().hex[:8]}.part")
            self._file = self._part.open("xb")

    def write(self, content: bytes) -> None:
        """Add bytes."""
        with self._told():
            self._open_file().write(content)

    def keep(self) -> None:
        """Bring all to the disk, then take the path's place in one step."""
        with self._told():
            file = self._open_file()
            file.flush()
            os.fsync(file.fileno())
            file.close()
            replace_file(self._part, self._path)
            self._file = None

    def discard(self) -> None:
        """Leave no trace; safe to call at any time."""
        file, self._file = self._file, None
        if file is None:
            return
        try:
            file.close()
        except OSError:  # what was still to be written found no room
            pass
        try:
            self._part.unlink(missing_ok=True)
        except OSError:
            pass

    def _open_file(self) -> BinaryIO:
        if self._file is None:
            raise ExchangeError(mark("The file was given up already."))
        return self._file

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self.discard()
            raise ExchangeError(
                mark("The file {name} could not be written to {folder} ({reason})."),
                mark("Nothing was left there; choose another folder, or free some space."),
                {
                    "name": self._path.name,
                    "folder": str(self._path.parent),
                    "reason": error.strerror or str(error),
                },
            ) from error


class StreamFile:
    """The same for what a terminal is connected with."""

    def __init__(self, write: Callable[[bytes], None]) -> None:
        self.write = write

    def keep(self) -> None:
        """Do nothing: it is there already."""

    def discard(self) -> None:
        """Do nothing: what was written can't be taken back."""
