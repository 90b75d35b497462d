"""`hearth conversations`: what is stored, out into files and in from files."""

import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from app.conversations.exchange.errors import ExchangeError
from app.conversations.exchange.exporting import ExportJob, Target
from app.conversations.exchange.importing import ImportJob, ImportReport
from app.conversations.exchange.writing import MARKDOWN_SUFFIXES, AtomicFile, JsonWriter, MarkdownWriter, StreamFile
from app.conversations.records import Conversation
from app.conversations.store import ConversationStore
from app.conversations.store_thread import StoreThread
from app.conversations.titles import UNTITLED
from app.paths import Paths
from app.rendering.thinking import split_thinking
from app.terminal.options import EXIT_FAILED, EXIT_OK, TerminalFailure
from app.terminal.output import Output

_STANDARD = Path("-")


@dataclass(frozen=True)
class Export:
    """What was asked for; form None: as the file's name says."""

    file: Path
    form: str | None
    conversation: str | None

    @property
    def is_markdown(self) -> bool:
        """Whether it is to be Markdown."""
        return self.form == "markdown" or (self.form is None and self.file.suffix.lower() in MARKDOWN_SUFFIXES)


def list_all(paths: Paths, output: Output, *, as_json: bool) -> int:
    """Print the conversations, one a line: when it was changed, its title, and its name if it has one."""
    with _store(paths, output) as thread:
        found: list[Conversation] = thread.submit(lambda store: store.list_conversations()).result()
    if as_json:
        keys = ("id", "title", "name", "created_at", "updated_at", "folder_id", "is_pinned")
        output.json({"conversations": [{key: getattr(each, key) for key in keys} for each in found]}, indent=2)
        return EXIT_OK
    if not found:
        output.say("There are no conversations yet.")
    for each in found:
        changed = time.strftime("%Y-%m-%d %H:%M", time.localtime(each.updated_at))
        title = " ".join(each.title.split()) or UNTITLED
        name = f"  ({each.name})" if each.name and each.name != each.title else ""
        output.line(f"{changed}  {title}{name}")
    return EXIT_OK


def export(wanted: Export, paths: Paths, output: Output) -> int:
    """Write the conversations; raises TerminalFailure, and then there is no file."""
    is_stdout = wanted.file == _STANDARD

    def target() -> Target:
        return StreamFile(output.raw) if is_stdout else AtomicFile(wanted.file.absolute())

    with _store(paths, output) as thread:
        name = wanted.conversation
        ids = None if name is None else [thread.submit(lambda store: _find(store, name)).result()]
        writer = MarkdownWriter(split_thinking) if wanted.is_markdown else JsonWriter()
        job = ExportJob(target, writer, ids)
        try:
            while not job.is_finished:
                thread.submit(job.step).result()
                output.phase(f"exporting {job.done:,} of {job.total:,}")
        except ExchangeError as error:
            raise TerminalFailure(error.sentence()) from error
        except KeyboardInterrupt:
            job.cancel()
            thread.submit(job.step).result()
            raise
    output.clear_progress()
    if not is_stdout:
        output.say(f"Exported {_counted(job.total)} to {wanted.file}.")
    return EXIT_OK


def import_files(files: list[Path], paths: Paths, output: Output) -> int:
    """Add what is in the files; the status says whether all of it could be read."""
    with _store(paths, output) as thread, _files(files) as found:
        job = ImportJob(found, thread.submit, lambda report: output.phase(f"importing {len(report.added):,}"))
        try:
            report = job.run()
        except KeyboardInterrupt:
            job.cancel()
            raise
    output.clear_progress()
    for line in _told(report):
        output.line(line)
    for sentence in report.failures:
        output.say(sentence)
    return EXIT_OK if report.is_whole else EXIT_FAILED


@contextmanager
def _files(files: list[Path]) -> Iterator[list[Path]]:
    """Have what stdin brings in a file of its own, as another process reads it; raises TerminalFailure."""
    if _STANDARD not in files:
        yield files
        return
    with TemporaryDirectory(prefix="hearth-") as folder:
        path = Path(folder) / "stdin"
        try:
            with path.open("wb") as file:
                shutil.copyfileobj(sys.stdin.buffer, file)
        except OSError as error:
            raise TerminalFailure(f"What stdin brings could not be kept ({error.strerror or error}).") from error
        yield [path if each == _STANDARD else each for each in files]


def _told(report: ImportReport) -> Iterator[str]:
    if report.added:
        programs = ", ".join(sorted(source.value for source in report.sources))
        yield f"Imported {_counted(len(report.added))} from {programs}."
    elif not (report.failures or report.known or report.unreadable_files):
        yield "There was nothing to import."
    if report.known:
        yield f"Here already: {_counted(report.known)}."
    if report.copies:
        yield f"Changed since they were imported, added as copies: {report.copies:,}."
    if report.unreadable_conversations:
        yield f"Could not be read: {_counted(report.unreadable_conversations)}."
    if report.unreadable_files:
        yield f"Files that could not be read to their end: {report.unreadable_files:,}."
    if report.unreadable_messages:
        yield f"Messages that could not be read: {report.unreadable_messages:,}."


def _counted(count: int) -> str:
    return "1 conversation" if count == 1 else f"{count:,} conversations"


def _find(store: ConversationStore, name: str) -> str:
    found = store.find_by_name(name)
    if found is None:
        by_id = store.load_conversation(name)
        found = by_id if by_id is not None and by_id.deleted_at is None else None
    if found is None:
        raise TerminalFailure(f"There is no conversation {name}. `hearth conversations list` shows them.")
    return found.id


@contextmanager
def _store(paths: Paths, output: Output) -> Iterator[StoreThread]:
    thread = StoreThread(paths.database)
    try:
        notices = thread.opened.result()
        if (unopened := thread.submit(lambda store: store.unopened).result()) is not None:
            raise unopened
        for notice in notices:
            output.say(notice)
        yield thread
    finally:
        thread.close()
