"""Asks the store's thread for something and hands the result back on the GUI thread, which never waits."""

import logging
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

from PySide6.QtCore import QObject, Qt, QTimer, Signal, Slot

from app.conversations.errors import ConversationGone, NewerDatabase, StoreClosed, StoreError
from app.conversations.store import ConversationStore
from app.conversations.store_thread import StoreThread

_log = logging.getLogger(__name__)
_Result = TypeVar("_Result")
OnFailure = Callable[[StoreError], None]
RETRY_INTERVAL_MS = 5000
_FINAL = (ConversationGone, NewerDatabase, StoreClosed)  # trying again would not help


@dataclass(frozen=True)
class _Finished:
    future: "Future[Any]"
    on_done: Callable[[Any], None]
    on_failure: OnFailure


@dataclass(frozen=True, eq=False)
class _Change:
    work: Callable[[ConversationStore], Any]
    on_done: Callable[[Any], None]
    key: Hashable


class StoreRequests(QObject):
    """The one way from controllers to the store. Results come back in the order of the requests.

    failed carries the StoreError of every request that had no on_failure of its own. not_kept(StoreError) when the
    first change could not be kept, caught_up() when none waits for that any more.
    """

    failed = Signal(object)
    not_kept = Signal(object)
    caught_up = Signal()
    _finished = Signal(object)

    def __init__(self, store_thread: StoreThread, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._store_thread = store_thread
        self._finished.connect(self._on_finished, Qt.ConnectionType.QueuedConnection)
        self._behind: list[_Change] = []  # in the order in which they were made
        self._retried = 0  # how many of them are being tried again
        self._is_told = False
        self._newest: dict[Hashable, _Change] = {}
        self._timer = QTimer(self, interval=RETRY_INTERVAL_MS, singleShot=True)
        self._timer.timeout.connect(self.retry)

    @property
    def is_behind(self) -> bool:
        """Whether a change waits until it can be kept."""
        return bool(self._behind) or self._retried > 0

    def request(
        self,
        work: Callable[[ConversationStore], _Result],
        on_done: Callable[[_Result], None] | None = None,
        on_failure: OnFailure | None = None,
    ) -> None:
        """Have the work done on the store's thread; on_done or on_failure is called later on this object's thread."""
        future = self._store_thread.submit(work)
        done = on_done or _ignore
        failure = on_failure or self._on_failure
        future.add_done_callback(lambda finished: self._finished.emit(_Finished(finished, done, failure)))

    def keep(
        self,
        work: Callable[[ConversationStore], _Result],
        on_done: Callable[[_Result], None] | None = None,
        key: Hashable = None,
    ) -> None:
        """Have a change kept that is shown already: what fails is tried again until it is kept, in the order made.

        key: it takes the place of an earlier change with the same key.
        """
        change = _Change(work, on_done or _ignore, key)
        if key is not None:
            self._newest[key] = change
            self._behind = [each for each in self._behind if each.key != key]
        if self._behind:
            self._behind.append(change)
        else:
            self._try(change)

    @Slot()
    def retry(self) -> None:
        """Try now to keep what could not be kept, as before the store is closed."""
        self._timer.stop()
        changes, self._behind = self._behind, []
        self._retried += len(changes)
        for change in changes:
            self._try(change, is_again=True)

    def _try(self, change: _Change, *, is_again: bool = False) -> None:
        self.request(
            change.work,
            lambda result: self._on_kept(change, result, is_again),
            lambda error: self._on_not_kept(change, error, is_again),
        )

    def _on_kept(self, change: _Change, result: object, is_again: bool) -> None:
        self._retried -= is_again
        if self._newest.get(change.key) is change:
            del self._newest[change.key]
        change.on_done(result)
        if self._is_told and not self.is_behind:
            self._is_told = False
            self.caught_up.emit()

    def _on_not_kept(self, change: _Change, error: StoreError, is_again: bool) -> None:
        self._retried -= is_again
        if isinstance(error, _FINAL):
            self._on_failure(error)
        elif change.key is None or self._newest.get(change.key) is change:
            self._behind.append(change)
            self._timer.start()
            if not self._is_told:
                self._is_told = True
                self.not_kept.emit(error)

    @Slot(object)
    def _on_finished(self, finished: _Finished) -> None:
        try:
            result = finished.future.result()
        except StoreError as error:
            _log.warning("the store failed: %s %s", error.message, error.details)
            finished.on_failure(error)
            return
        finished.on_done(result)

    def _on_failure(self, error: StoreError) -> None:
        self.failed.emit(error)


def _ignore(_result: object) -> None:
    """Nobody waits for this result."""
