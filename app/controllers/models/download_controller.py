"""Downloads from the Hub: asked for, paused, gone on with, given up; their list survives a restart.

The engine runs two at a time and keeps every byte of one that is cancelled; what waits for its turn waits there.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Signal, Slot

from app.controllers.models import hub_notices
from app.controllers.submitting import CancelCommand, Submit
from app.conversations.records import new_id
from app.engine_words import said
from app.models.download_list_model import DownloadListModel
from app.models.hub_rows import DownloadRequest, DownloadRow, DownloadState
from app.models.hub_words import reference_of
from app.settings.file_writer import FileWriter
from app.settings.unfinished_downloads import UnfinishedDownload, load_downloads, save_downloads
from app.worker.engine_state import EngineState, EngineStateChanged
from engine.api.commands import DiscardDownload, DownloadCheckpoint
from engine.api.errors import ErrorKind, ErrorReport
from engine.api.events import (
    CommandCancelled,
    CommandFailed,
    DownloadDiscarded,
    DownloadFinished,
    DownloadProgress,
)
from engine.api.hub import DownloadPhase, HubAccess

_STATES = {
    DownloadPhase.ASKING: DownloadState.RUNNING,
    DownloadPhase.RECEIVING: DownloadState.RUNNING,
    DownloadPhase.WAITING: DownloadState.WAITING,
    DownloadPhase.VERIFYING: DownloadState.VERIFYING,
}
_IN_ENGINE = frozenset({DownloadState.QUEUED, DownloadState.VERIFYING, *_STATES.values()})
_MAIN = "main"


class DownloadController(QObject):
    """Signals: arrived(reference) when a model is there, load_wanted(reference) if it is to be loaded then,
    changed() when something on the disk is another one, notice_raised(Notice), notice_cleared(key)."""

    arrived = Signal(object)
    load_wanted = Signal(object)
    changed = Signal()
    notice_raised = Signal(object)
    notice_cleared = Signal(object)

    def __init__(
        self,
        submit: Submit,
        cancel: CancelCommand,
        access: Callable[[], HubAccess],
        downloads: DownloadListModel,
        file: Path,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._submit = submit
        self._cancel = cancel
        self._access = access
        self._downloads = downloads
        self._file = file
        self._writer = FileWriter()
        self._commands: dict[str, str] = {}  # command id: key
        self._discarded: set[str] = set()  # keys that are thrown away as soon as they have stopped
        self._interrupted: list[str] = []  # keys that ended with the engine
        self._is_shut_down = False

    def start(self) -> None:
        """Go on with what was under way when Hearth closed; what was paused stays so."""
        is_offline = self._access().offline
        for saved in load_downloads(self._file):
            row = _row_of(DownloadRequest(saved.hub_id, saved.revision))
            if self._downloads.found(row.key) is not None:
                continue  # it was asked for again already
            if saved.is_paused or is_offline:
                self._downloads.put(replace(row, state=DownloadState.PAUSED))
            else:
                self._begin(row)

    def shut_down(self) -> None:
        """Take no more part: the engine ends now, which pauses nothing."""
        self._is_shut_down = True
        self._writer.finish()

    @Slot(object)
    def request(self, wanted: DownloadRequest) -> None:
        """Download a model, or go on with it."""
        row = _row_of(wanted)
        before = self._downloads.found(row.key)
        if before is None or before.state not in _IN_ENGINE:
            self._begin(row)
        elif wanted.loads:
            self._downloads.put(replace(before, loads=True))

    @Slot(object)
    def pause(self, key: str) -> None:
        """Stop a download; it goes on later from where it was."""
        for command_id in self._running(key):
            self._cancel(command_id)

    @Slot(object)
    def resume(self, key: str) -> None:
        """Go on with a download that was paused or failed; not with one that is just being thrown away."""
        row = self._downloads.found(key)
        if row is not None and row.state not in _IN_ENGINE and key not in self._discarded:
            self._begin(row)

    @Slot(object)
    def cancel(self, key: str) -> None:
        """Give a download up and free what it took on the disk."""
        row = self._downloads.found(key)
        if row is None:
            return
        self._discarded.add(key)
        if self._running(key):
            self.pause(key)
        else:
            self._discard(row)

    @Slot(object)
    def dismiss(self, key: str) -> None:
        """Take a download that has ended off the list; what is on the disk stays."""
        row = self._downloads.found(key)
        if row is not None and row.state not in _IN_ENGINE:
            self._downloads.remove(key)
            self._save()

    @Slot(object)
    def on_event(self, event: object) -> None:
        """Take an event of the engine."""
        if isinstance(event, EngineStateChanged):
            if event.state is EngineState.READY:
                self._go_on()
            return
        command_id = getattr(event, "command_id", "")
        row = self._downloads.found(self._commands.get(command_id, ""))
        if row is None or self._is_shut_down:
            return
        if isinstance(event, DownloadProgress):
            self._downloads.put(_in_progress(row, event))
            return
        del self._commands[command_id]
        match event:
            case DownloadFinished():
                self._on_finished(row)
            case CommandCancelled():
                self._on_stopped(row)
            case DownloadDiscarded():
                if not self._running(row.key):  # else it was asked for again meanwhile
                    self._discarded.discard(row.key)
                    self._downloads.remove(row.key)
                self.changed.emit()
            case CommandFailed(error=error):
                self._on_failed(row, error)
        self._save()

    def _begin(self, row: DownloadRow) -> None:
        command_id = new_id()
        self._commands[command_id] = row.key
        self._discarded.discard(row.key)
        self.notice_cleared.emit(hub_notices.download_key(row.key))
        before = self._downloads.found(row.key)
        known = before or row
        self._downloads.put(
            replace(
                row,
                state=DownloadState.QUEUED,
                done_bytes=known.done_bytes,
                total_bytes=known.total_bytes,
                bytes_per_second=0.0,
                seconds_left=None,
                words="",
                error=None,
            )
        )
        self._submit(
            DownloadCheckpoint(
                command_id=command_id, checkpoint=row.hub_id, revision=row.revision, access=self._access()
            )
        )
        self._save()

    def _discard(self, row: DownloadRow) -> None:
        command_id = new_id()
        self._commands[command_id] = row.key
        self._submit(DiscardDownload(command_id=command_id, checkpoint=row.hub_id))

    def _running(self, key: str) -> list[str]:
        return [command_id for command_id, each in self._commands.items() if each == key]

    def _on_finished(self, row: DownloadRow) -> None:
        reference = reference_of(row.hub_id, row.revision)
        self._discarded.discard(row.key)
        done = replace(row, state=DownloadState.FINISHED, done_bytes=row.total_bytes, words="", seconds_left=None)
        self._downloads.put(done)
        self.arrived.emit(reference)
        self.changed.emit()
        if row.loads:
            self.load_wanted.emit(reference)
        else:
            self.notice_raised.emit(hub_notices.download_arrived_notice(row, reference))

    def _on_stopped(self, row: DownloadRow) -> None:
        if row.key in self._discarded:
            self._discard(row)
        else:
            self._stop(row, DownloadState.PAUSED)
            self.changed.emit()

    def _on_failed(self, row: DownloadRow, error: ErrorReport) -> None:
        if error.kind is ErrorKind.ENGINE_DIED and row.key not in self._discarded:
            self._interrupted.append(row.key)
            self._stop(row, DownloadState.PAUSED)
            return
        self._discarded.discard(row.key)
        self._downloads.put(replace(_at_rest(row), state=DownloadState.FAILED, error=error))
        self.notice_raised.emit(hub_notices.download_failed_notice(row, error))
        self.changed.emit()

    def _stop(self, row: DownloadRow, state: DownloadState) -> None:
        self._downloads.put(replace(_at_rest(row), state=state))

    def _go_on(self) -> None:
        interrupted, self._interrupted = self._interrupted, []
        for key in interrupted:
            self.resume(key)

    def _save(self) -> None:
        unfinished = (row for row in self._downloads.rows if row.state is not DownloadState.FINISHED)
        kept = [UnfinishedDownload(row.hub_id, row.revision, row.state not in _IN_ENGINE) for row in unfinished]
        self._writer.write(self._file, partial(save_downloads, self._file, kept))


def _row_of(wanted: DownloadRequest) -> DownloadRow:
    revision = wanted.revision or _MAIN
    return DownloadRow(f"{wanted.hub_id}@{revision}", wanted.hub_id, revision, loads=wanted.loads)


def _in_progress(row: DownloadRow, event: DownloadProgress) -> DownloadRow:
    return replace(
        row,
        state=_STATES[event.phase],
        done_bytes=event.done_bytes,
        total_bytes=event.total_bytes,
        bytes_per_second=event.bytes_per_second,
        seconds_left=event.seconds_left,
        words=said(event.words),
    )


def _at_rest(row: DownloadRow) -> DownloadRow:
    return replace(row, bytes_per_second=0.0, seconds_left=None, words="", error=None)
