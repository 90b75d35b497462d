"""Importing files into the store: read by another process, taken in one conversation after the other.

It has no thread. Whoever runs it waits for the store, so it belongs on one of its own where nobody may wait.
"""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from app.conversations.errors import StoreError
from app.conversations.exchange.errors import ExchangeError
from app.conversations.exchange.found import Source, folder_id
from app.conversations.exchange.intake import Outcome, TakenIn, add_folder, take_in
from app.conversations.exchange.parsing import ParsingProcess
from app.conversations.exchange.reading import FoldersFound, Item, Parsed, Unreadable
from app.conversations.records import Conversation, Folder
from app.conversations.store import ConversationStore
from app.language import tr

Submit = Callable[[Callable[[ConversationStore], Any]], "Future[Any]"]


@dataclass
class ImportReport:
    """What came of an import. failures are sentences, one for each file in which there was nothing to be read.

    known: were here before. unreadable_files: those in an archive or a folder, and what is missing of one that was cut
    off, as nobody knows how many conversations that would have been.
    """

    added: list[Conversation] = field(default_factory=list)
    copies: int = 0
    known: int = 0
    unreadable_conversations: int = 0
    unreadable_messages: int = 0
    unreadable_files: int = 0
    sources: set[Source] = field(default_factory=set)
    folder_ids: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    was_cancelled: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether all that is in the files could be read."""
        lost = self.unreadable_conversations, self.unreadable_messages, self.unreadable_files
        return not (self.failures or any(lost))


class ImportJob:
    """One import of one or several files; run() is called once, cancel() from any thread."""

    def __init__(
        self, paths: Sequence[Path], submit: Submit, on_progress: Callable[[ImportReport], None] | None = None
    ) -> None:
        self._paths = paths
        self._submit = submit
        self._on_progress = on_progress
        self._lock = threading.Lock()
        self._process: ParsingProcess | None = None
        self._report = ImportReport()
        self._seen: set[str] = set()
        self._folders: dict[str, Folder] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """What the files are called."""
        return tuple(path.name for path in self._paths)

    @property
    def is_cancelled(self) -> bool:
        """Whether it was given up."""
        return self._report.was_cancelled

    def run(self) -> ImportReport:
        """Import all files; what is in the store when this returns stays there."""
        for path in {path.resolve(): path for path in self._paths}.values():
            if self._report.was_cancelled:
                break
            try:
                self._import(path)
            except ExchangeError as error:
                if not self._report.was_cancelled:
                    self._report.failures.append(self._told(path, error))
            except StoreError as error:
                self._report.failures.append(error.sentence())
                break
        return self._report

    def cancel(self) -> None:
        """Stop after the conversation of now; what was imported stays."""
        with self._lock:
            self._report.was_cancelled = True
            if self._process is not None:
                self._process.stop()

    def _import(self, path: Path) -> None:
        self._folders = {}
        used: set[str] = set()
        with ParsingProcess(path) as process:
            with self._lock:
                self._process = process
            for item in process.items():
                if self._report.was_cancelled:
                    return
                self._take(item, used)
        for unused in (folder for key, folder in self._folders.items() if key not in used):
            if self._submit(partial(_add_folder, unused)).result():
                self._report.folder_ids.append(unused.id)

    def _take(self, item: Item, used: set[str]) -> None:
        report = self._report
        if isinstance(item, FoldersFound):
            self._folders = {folder.id: folder for folder in item.folders}
        elif isinstance(item, Unreadable):
            report.unreadable_files += item.is_file
            report.unreadable_conversations += not item.is_file
        else:
            folder = self._folder(item)
            taken: TakenIn = self._submit(lambda store: take_in(store.database, item.document, folder)).result()
            report.sources.add(item.source)
            report.unreadable_messages += item.unreadable
            report.copies += taken.outcome is Outcome.COPIED
            report.known += taken.outcome is Outcome.KNOWN and taken.conversation.id not in self._seen
            self._seen.add(taken.conversation.id)
            if taken.outcome is not Outcome.KNOWN:
                report.added.append(taken.conversation)
            if folder is not None:
                used.add(folder.id)
                if taken.made_folder:
                    report.folder_ids.append(folder.id)
        if self._on_progress is not None:
            self._on_progress(report)

    def _told(self, path: Path, error: ExchangeError) -> str:
        """Return the sentence, with the file's name before it where it is one of several and not named already."""
        sentence = error.sentence()
        return sentence if len(self._paths) == 1 or path.name in sentence else f"{path.name}: {sentence}"

    def _folder(self, item: Parsed) -> Folder | None:
        if item.source is Source.HEARTH:
            return self._folders.get(item.document.conversation.folder_id or "")
        name = tr("Imported from {program}").format(program=item.source.value)
        return Folder(id=folder_id(item.source), name=name, created_at=time.time())


def _add_folder(folder: Folder, store: ConversationStore) -> bool:
    return add_folder(store.database, folder)
