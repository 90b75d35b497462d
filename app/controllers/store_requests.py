"""Asks the store's thread for something and hands the result back on the GUI thread, which never waits."""

import itertools
import logging
import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from PySide6.QtCore import QObject, Qt, QTimer, Signal, Slot

from app.conversations.errors import ConversationGone, NewerDatabase, StoreClosed, StoreDamaged, StoreError
from app.conversations.store import ConversationStore
from app.conversations.store_thread import StoreThread

_log = logging.getLogger(__name__)
_Result = TypeVar("_Result")
OnFailure = Callable[[StoreError], None]
RETRY_INTERVAL_MS = 5000
_ASKED_AGAIN_SECONDS = (5.0, 10.0, 30.0, 60.0)
_FINAL = (ConversationGone, NewerDatabase, StoreClosed)  # trying again would not help


@dataclass(frozen=True)
class _Finished:
    future: "Future[Any]"
    on_done: Callable[[Any], None]
    on_failure: OnFailure


@dataclass(frozen=True, eq=False)
class _Change:
    number: int  # the later it was made, the higher
    work: Callable[[ConversationStore], Any]
    on_done: Callable[[Any], None]
    key: Hashable


class StoreRequests(QObject):
    """The one way from controllers to the store. Results come back in the order of the requests.

    failed carries the StoreError of every request that had no on_failure of its own. not_kept(StoreError) when the
    first change could not be kept, caught_up() when none waits for that any more.

    Changes are kept in the order in which they were made: while one can't be, those that follow it wait, too.
    """

    failed = Signal(object)
    not_kept = Signal(object)
    caught_up = Signal()
    _finished = Signal(object)
    _due = Signal(object)

    def __init__(self, store_thread: StoreThread, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._store_thread = store_thread
        self._finished.connect(self._on_finished, Qt.ConnectionType.QueuedConnection)
        self._due.connect(self._on_due, Qt.ConnectionType.QueuedConnection)
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._changes: list[_Change] = []  # under the lock: those that are not kept yet, in the order made
        self._is_stuck = False  # on the store's thread: the first of them could not be kept
        self._is_behind = False
        self._timer = QTimer(self, interval=RETRY_INTERVAL_MS, singleShot=True)
        self._timer.timeout.connect(self.retry)

    @property
    def is_behind(self) -> bool:
        """Whether a change waits until it can be kept."""
        return self._is_behind

    @property
    def is_all_kept(self) -> bool:
        """Whether every change has been kept, also none is on its way."""
        return not self._changes

    def request(
        self,
        work: Callable[[ConversationStore], _Result],
        on_done: Callable[[_Result], None] | None = None,
        on_failure: OnFailure | None = None,
        outdates: Hashable = None,
    ) -> None:
        """Have the work done on the store's thread; on_done or on_failure is called later on this object's thread.

        outdates: once it is done, changes with this key that were made before it are not kept any more.
        """
        number = next(self._numbers)

        def outdating(store: ConversationStore) -> _Result:
            result = work(store)
            with self._lock:
                self._changes = [each for each in self._changes if each.key != outdates or each.number > number]
            return result

        future = self._store_thread.submit(work if outdates is None else outdating)
        done = on_done or _ignore
        failure = on_failure or self._on_failure
        future.add_done_callback(lambda finished: self._finished.emit(_Finished(finished, done, failure)))

    def ask(
        self, work: Callable[[ConversationStore], _Result], on_done: Callable[[_Result], None], on_failure: OnFailure
    ) -> None:
        """Have something read that the window can't do without: after a failure, which is told once, until it is."""
        seconds = itertools.chain(_ASKED_AGAIN_SECONDS, itertools.repeat(_ASKED_AGAIN_SECONDS[-1]))
        timer = QTimer(self, singleShot=True)

        def failed(error: StoreError) -> None:
            if not isinstance(error, _FINAL):
                timer.start(int(next(seconds) * 1000))

        def failed_first(error: StoreError) -> None:
            on_failure(error)
            failed(error)

        timer.timeout.connect(lambda: self.request(work, on_done, failed))
        self.request(work, on_done, failed_first)

    def keep(
        self,
        work: Callable[[ConversationStore], _Result],
        on_done: Callable[[_Result], None] | None = None,
        key: Hashable = None,
    ) -> None:
        """Have a change kept that is shown already: what fails is tried again until it is kept, in the order made.

        key: it takes the place of an earlier change with the same key.
        """
        change = _Change(next(self._numbers), work, on_done or _ignore, key)
        with self._lock:
            self._changes = [each for each in self._changes if key is None or each.key != key]
            is_first = not self._changes
            self._changes.append(change)
        self._try_up_to(change.number, is_again=is_first)

    @Slot()
    def retry(self) -> None:
        """Try now to keep what could not be kept."""
        self._timer.stop()
        if self._changes or self._is_behind:
            self._try_up_to(next(self._numbers), is_again=True)

    def retry_last(self) -> None:
        """Before the store is closed: try once more, and keep what can be kept after what can't."""
        self._timer.stop()
        if self._changes:
            self._try_up_to(next(self._numbers), is_again=True, is_last=True)

    def _try_up_to(self, number: int, *, is_again: bool, is_last: bool = False) -> None:
        def work(store: ConversationStore) -> bool:
            if is_again or not self._is_stuck:
                self._work_off(store, number, is_last)
            return self._is_stuck

        self.request(work, self._on_worked_off, lambda error: self._on_not_kept(error, number))

    def _work_off(self, store: ConversationStore, number: int, is_last: bool) -> None:
        """On the store's thread: keep the changes up to one; raises the StoreError of one that has to wait."""
        self._is_stuck = False
        with self._lock:
            due = [each for each in self._changes if each.number <= number]
        waits: StoreError | None = None
        for change in due:
            try:
                result = change.work(store)
            except _FINAL as error:
                self._take_out(change)
                self._due.emit(partial(self.failed.emit, error))
            except StoreError as error:
                waits = waits or error
                self._is_stuck = not (is_last or isinstance(error, StoreDamaged))  # damage may be in one place only
                if self._is_stuck:
                    break
            except BaseException:  # a bug must not be met again and again
                self._take_out(change)
                raise
            else:
                self._take_out(change)
                self._due.emit(partial(change.on_done, result))
        if waits is not None:
            raise waits

    def _take_out(self, change: _Change) -> None:
        with self._lock:
            self._changes = [each for each in self._changes if each is not change]

    def _on_worked_off(self, is_stuck: bool) -> None:
        if self._is_behind and not is_stuck:
            self._is_behind = False
            self._timer.stop()
            self.caught_up.emit()

    def _on_not_kept(self, error: StoreError, number: int) -> None:
        if isinstance(error, _FINAL):  # nothing can be kept any more
            with self._lock:
                self._changes = [each for each in self._changes if each.number > number]
            self.failed.emit(error)
            return
        self._timer.start()
        if not self._is_behind:
            self._is_behind = True
            self.not_kept.emit(error)

    @Slot(object)
    def _on_due(self, call: Callable[[], None]) -> None:
        call()

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
