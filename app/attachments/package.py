"""The zip that an office document is, read with caps on count, size and ratio; and its XML as a stream of events."""

import io
import posixpath
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

from app.attachments.limits import PACKED_FILES, RATIO, RATIO_FREE_BYTES, UNPACKED_BYTES
from app.attachments.outcome import Refused, Trouble

_CHUNK_BYTES = 64 * 1024


@dataclass(frozen=True)
class Event:
    """One step through XML: "start" and "end" with the element's local name, "text" with text."""

    kind: str
    name: str = ""
    text: str = ""
    attributes: dict[str, str] = field(default_factory=dict)

    def get(self, name: str) -> str:
        """Return an attribute by its local name ("r:id" for one of relationships), "" without one."""
        return self.attributes.get(name, "")


class Package:
    """Unpacks only what is asked for. Raises Refused for what is damaged, protected, or grows too far."""

    def __init__(self, data: bytes) -> None:
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
        except (zipfile.BadZipFile, zipfile.LargeZipFile, ValueError, OSError, NotImplementedError) as error:
            raise Refused(Trouble.DAMAGED) from error
        self._room = UNPACKED_BYTES
        self.names = frozenset(self._zip.namelist())
        if len(self.names) > PACKED_FILES:
            raise Refused(Trouble.UNPACKS_TOO_FAR)

    def chunks(self, name: str) -> Iterator[bytes]:
        """Yield the bytes of a file; counted as they come, as what a zip says about sizes may be wrong."""
        try:
            info = self._zip.getinfo(name)
            allowed = max(RATIO_FREE_BYTES, info.compress_size * RATIO)
            with self._zip.open(info) as file:
                while chunk := file.read(_CHUNK_BYTES):
                    self._room -= len(chunk)
                    allowed -= len(chunk)
                    if self._room < 0 or allowed < 0:
                        raise Refused(Trouble.UNPACKS_TOO_FAR)
                    yield chunk
        except RuntimeError as error:  # needs a password
            raise Refused(Trouble.PROTECTED) from error
        except (KeyError, zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError) as error:
            raise Refused(Trouble.DAMAGED) from error

    def events(self, name: str) -> Iterator[Event]:
        """Yield the events of an XML file; nothing, if it isn't there."""
        if name in self.names:
            yield from xml_events(self.chunks(name))

    def targets(self, name: str) -> dict[str, str]:
        """Return what a part of an Open XML document refers to: id -> name in the package."""
        folder, base = posixpath.split(name)
        found = {}
        for event in self.events(f"{folder}/_rels/{base}.rels"):
            if event.kind == "start" and event.name == "Relationship" and event.get("TargetMode") != "External":
                target = event.get("Target")
                path = target.lstrip("/") if target.startswith("/") else posixpath.join(folder, target)
                found[event.get("Id")] = posixpath.normpath(path)
        return found


def _local(name: str) -> str:
    namespace, _, local = name.rpartition(" ")
    return f"r:{local}" if namespace.endswith("/relationships") else local


def xml_events(chunks: Iterator[bytes]) -> Iterator[Event]:
    """Yield the events of XML. A document type is refused: entities are declared there, and these files need none."""
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    waiting: list[Event] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        local = {_local(key): value for key, value in attributes.items()}
        waiting.append(Event("start", name.rpartition(" ")[2], attributes=local))

    def refuse(*_: object) -> None:
        raise Refused(Trouble.UNSAFE)

    parser.StartElementHandler = start
    parser.EndElementHandler = lambda name: waiting.append(Event("end", name.rpartition(" ")[2]))
    parser.CharacterDataHandler = lambda text: waiting.append(Event("text", text=text))
    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    try:
        for chunk in chunks:
            parser.Parse(chunk, False)
            yield from waiting
            waiting.clear()
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise Refused(Trouble.DAMAGED) from error
    yield from waiting
