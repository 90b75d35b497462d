"""What a model's folder on disk holds, put into the tree of what is known: at the start, and what others add later."""

from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from engine.kv.disk import folder as disk_folder
from engine.kv.disk import item_files
from engine.kv.disk.file_reader import GoesOn
from engine.kv.disk.folder import StoredFile
from engine.kv.disk.item_files import DamagedError, Header
from engine.kv.tree import Item, ItemKind, KvTree

# Of items used together the end goes first, as it is of no use alone: a file's time is set back by its position.
SECONDS_PER_POSITION = 1e-4


@dataclass(frozen=True)
class Seen:
    """What a model's folder holds: the keys of all files, and what is new of them; the damaged ones with the reason."""

    keys: frozenset[str]
    owners: dict[str, set[str]]
    read: list[tuple[Header, StoredFile]]
    damaged: dict[str, str]


@dataclass
class Found:
    """Items that can be used and whose they are; by their keys those without parents.

    last_used: when the one used last was used.
    """

    headers: dict[str, Header] = field(default_factory=dict)
    owners: dict[str, set[str]] = field(default_factory=dict)
    orphans: list[str] = field(default_factory=list)
    last_used: float = 0.0


def see(folder: Path, fingerprint: str, known: Collection[str], goes_on: GoesOn) -> Seen:
    """Read what the folder holds beside what is known."""
    owners = disk_folder.owners_of(folder)
    files = disk_folder.files_of(folder)
    read: list[tuple[Header, StoredFile]] = []
    damaged: dict[str, str] = {}
    for file in files:
        if file.key in known or file.key not in owners:  # nobody's: the one who writes it or tidy() sees to that
            continue
        try:
            header = item_files.read_header(file.path, fingerprint)
            if header.metadata.key != file.key:
                raise DamagedError("it has another name")
            read.append((header, file))
        except FileNotFoundError:
            continue
        except DamagedError as error:
            damaged[file.key] = str(error)
        goes_on()
    return Seen(frozenset(file.key for file in files), owners, read, damaged)


def take_up(seen: Seen, tree: KvTree) -> Found:
    """Add to the tree what was read."""
    found = Found()
    for header, file in sorted(seen.read, key=lambda pair: pair[0].metadata.start):
        metadata = header.metadata
        parent = tree.items.get(metadata.parent) or tree.root(metadata.root)
        if parent.key != metadata.parent or parent.end != metadata.start:
            found.orphans.append(file.key)
            continue
        if metadata.kind is ItemKind.STATE and file.key in tree.items:
            continue  # it may reach back otherwise than the one in memory, which is written over it
        item = Item(metadata.kind, parent, header.ids, header.layout, file.key, metadata.earliest, metadata.parts)
        item = tree.add(item)
        owners = seen.owners[file.key]
        item.owners |= owners
        item.last_used = max(item.last_used, file.used_at + item.end * SECONDS_PER_POSITION)
        found.last_used = max(found.last_used, item.last_used)
        found.headers[file.key] = header
        found.owners[file.key] = owners
    return found
