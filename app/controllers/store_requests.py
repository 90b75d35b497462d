"""Asks the store's thread for something and hands the result back on the GUI thread, which never waits."""

import logging
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

from PySide6.QtCore import QObject, Qt, Signal, Slot

from app.conversations.errors import StoreError
from app.conversations.store import ConversationStore
from app.conversations.store_thread import StoreThread

_log = logging.getLogger(__name__)
_Result = TypeVar("_Result")
OnFailure = Callable[[StoreError], None]


@dataclass(frozen=True)
class _Finished:
    future: "Future[Any]"
    on_done: Callable[[Any], None]
    on_failure: OnFailure


class StoreRequests(QObject):
    """The one way from controllers to the store. Results come back in the order of the requests.

    failed carries the StoreError of every request that had no on_failure of its own.
    """

    failed = Signal(object)
    _finished = Signal(object)

    def __init__(self, store_thread: StoreThread, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._store_thread = store_thread
        self._finished.connect(self._on_finished, Qt.ConnectionType.QueuedConnection)

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
