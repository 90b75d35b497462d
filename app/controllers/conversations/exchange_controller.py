"""Imports and exports of conversations, with progress, Cancel and Undo; one of each at a time."""

import threading
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QObject, Qt, Signal, Slot

from app.controllers.conversations import exchange_notices
from app.controllers.conversations.conversation_controller import ConversationController
from app.controllers.conversations.deletion_controller import DeletionController
from app.controllers.store_requests import StoreRequests
from app.conversations import organizing
from app.conversations.errors import StoreError
from app.conversations.exchange.errors import ExchangeError
from app.conversations.exchange.exporting import ExportJob
from app.conversations.exchange.importing import ImportJob, ImportReport, Submit
from app.conversations.exchange.intake import remove_folder_if_empty
from app.conversations.exchange.writing import MARKDOWN_SUFFIXES, AtomicFile, JsonWriter, MarkdownWriter
from app.conversations.records import Folder
from app.conversations.store import ConversationStore
from app.language import tr
from app.models.conversation_list_model import ConversationListModel
from app.models.notice import Notice
from app.rendering.thinking import split_thinking

_PROGRESS_SECONDS = 0.3
_END_SECONDS = 10.0
_FINISH_SECONDS = 3.0  # a window that is closed meanwhile: less than a second start waits for the first


@dataclass(frozen=True)
class Unfinished:
    """Names of files: what was still being read or written when the window was closed."""

    imported: tuple[str, ...] = ()
    exported: str = ""


class ExchangeController(QObject):
    """Reading and taking in run on a thread of their own, writing runs on the store's, a moment at a time.

    Signals: notice_raised(Notice), notice_cleared(key), imported(ImportReport).
    unfinished: what shut_down() had to give up.
    """

    notice_raised = Signal(object)
    notice_cleared = Signal(object)
    imported = Signal(object)
    _progressed = Signal(object)
    _ended = Signal(object)

    def __init__(
        self,
        conversations: ConversationController,
        deletions: DeletionController,
        requests: StoreRequests,
        submit: Submit,
        listed: ConversationListModel,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._conversations = conversations
        self._deletions = deletions
        self._requests = requests
        self._submit = submit
        self._listed = listed
        self._import: ImportJob | None = None
        self._thread: threading.Thread | None = None
        self._undoable: ImportReport | None = None
        self._export: ExportJob | None = None
        self._export_path = Path()
        self._shown_at = 0.0
        self.unfinished = Unfinished()
        self._progressed.connect(self._on_progressed, Qt.ConnectionType.QueuedConnection)
        self._ended.connect(self._on_ended, Qt.ConnectionType.QueuedConnection)

    # Export

    @Slot(object)
    def export(self, wanted: tuple[str, Sequence[str] | None]) -> None:
        """Write conversations (their ids; None: all) into a file, as its suffix says."""
        if self._export is not None:
            self.notice_raised.emit(exchange_notices.export_busy_notice())
            return
        self._conversations.drafts.flush()
        path, ids = Path(wanted[0]), wanted[1]
        is_markdown = path.suffix.lower() in MARKDOWN_SUFFIXES
        writer = MarkdownWriter(split_thinking) if is_markdown else JsonWriter()
        self._export = ExportJob(lambda: AtomicFile(path), writer, ids)
        self._export_path = path
        self._shown_at = time.monotonic()
        self._go_on_exporting()

    def _go_on_exporting(self) -> None:
        job = self._export
        assert job is not None

        def step(store: ConversationStore) -> ExchangeError | None:
            try:
                job.step(store)
            except ExchangeError as error:
                return error
            return None

        self._requests.request(step, self._on_step, self._on_export_failed)

    def _on_step(self, error: ExchangeError | None) -> None:
        job = self._export
        if job is None:
            return
        if error is not None:
            self._end_export(exchange_notices.export_failed_notice(error.sentence()))
        elif job.is_cancelled and not job.is_finished:
            self._requests.request(job.step)  # takes away what this one has still written
            self._end_export(None)
        elif job.is_finished:
            self._end_export(exchange_notices.exported_notice(self._export_path, job.total))
        else:
            if time.monotonic() - self._shown_at > _PROGRESS_SECONDS:
                self._shown_at = time.monotonic()
                self.notice_raised.emit(exchange_notices.exporting_notice(job.done, job.total))
            self._go_on_exporting()

    def _on_export_failed(self, error: StoreError) -> None:
        self._end_export(exchange_notices.export_failed_notice(error.sentence()))

    def _end_export(self, notice: Notice | None) -> None:
        self._export = None
        self.notice_cleared.emit(exchange_notices.EXPORT_KEY)
        if notice is not None:
            self.notice_raised.emit(notice)

    # Import

    @Slot(object)
    def import_files(self, paths: Iterable[str]) -> None:
        """Import files, one after the other."""
        wanted = [Path(path) for path in paths]
        if not wanted:
            return
        if self._import is not None:
            self.notice_raised.emit(exchange_notices.import_busy_notice())
            return
        self._shown_at = time.monotonic()
        job = self._import = ImportJob(wanted, self._submit, self._report_progress)
        self._thread = threading.Thread(target=self._run, args=(job,), name="import", daemon=True)
        self._thread.start()

    def _run(self, job: ImportJob) -> None:
        report = ImportReport(failures=[tr("The import could not be finished.")])
        try:
            report = job.run()
        finally:
            self._ended.emit(report)

    def _report_progress(self, report: ImportReport) -> None:
        """Any thread."""
        if time.monotonic() - self._shown_at > _PROGRESS_SECONDS:
            self._shown_at = time.monotonic()
            self._progressed.emit(report)

    @Slot(object)
    def _on_progressed(self, report: ImportReport) -> None:
        if self._import is not None:
            self.notice_raised.emit(exchange_notices.importing_notice(report))

    @Slot(object)
    def _on_ended(self, report: ImportReport) -> None:
        self._end_thread()
        self._import = None
        if report.folder_ids:
            self._requests.request(lambda store: organizing.folders(store.database), self._listed.set_folders)
        self._listed.upsert_all(report.added)
        self._undoable = report if report.added else None
        self.notice_cleared.emit(exchange_notices.IMPORT_KEY)
        self.notice_raised.emit(exchange_notices.imported_notice(report))
        self.imported.emit(report)

    def _undo(self) -> None:
        report, self._undoable = self._undoable, None
        if report is not None:
            self._deletions.delete([conversation.id for conversation in report.added])
            self._requests.request(lambda store: _remove_folders(store, report.folder_ids), self._listed.set_folders)

    @Slot(object)
    def on_notice_action(self, action_key: str) -> None:
        """Do what a notice's button says, if it is one of this controller's."""
        if action_key == exchange_notices.CANCEL_IMPORT and self._import is not None:
            self._import.cancel()
        elif action_key == exchange_notices.CANCEL_EXPORT and self._export is not None:
            self._export.cancel()
        elif action_key == exchange_notices.UNDO_IMPORT:
            self._undo()

    def tell(self, unfinished: Unfinished) -> None:
        """Say what the window before this one could not finish."""
        if unfinished.imported:
            self.notice_raised.emit(exchange_notices.import_unfinished_notice(unfinished.imported))
        if unfinished.exported:
            self.notice_raised.emit(exchange_notices.export_unfinished_notice(unfinished.exported))

    def shut_down(self) -> None:
        """Finish what runs, which blocks for some seconds at most, else give it up.

        What was imported until then stays, a file that is not whole leaves nothing.
        """
        deadline = time.monotonic() + _FINISH_SECONDS
        imported, exported = self._finish_import(deadline), self._finish_export(deadline)
        self.unfinished = Unfinished(imported, exported)

    def _finish_import(self, deadline: float) -> tuple[str, ...]:
        job, thread = self._import, self._thread
        given_up: tuple[str, ...] = ()
        if job is not None and thread is not None:
            if not job.is_cancelled:
                thread.join(max(0.0, deadline - time.monotonic()))
                given_up = job.names if thread.is_alive() else ()
            job.cancel()
        self._end_thread()
        return given_up

    def _finish_export(self, deadline: float) -> str:
        job, self._export = self._export, None
        if job is None:
            return ""
        was_cancelled = job.is_cancelled
        while not (job.is_finished or job.is_cancelled):
            step: Future[None] = self._submit(job.step)
            try:
                step.result(max(0.0, deadline - time.monotonic()))
            except (ExchangeError, StoreError, TimeoutError):
                job.cancel()
                self._requests.request(job.step)  # takes away what was written
        return "" if was_cancelled or job.is_finished else self._export_path.name

    def _end_thread(self) -> None:
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join(_END_SECONDS)


def _remove_folders(store: ConversationStore, folder_ids: Sequence[str]) -> list[Folder]:
    for folder_id in folder_ids:
        remove_folder_if_empty(store.database, folder_id)
    return organizing.folders(store.database)
