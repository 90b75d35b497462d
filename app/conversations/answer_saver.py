"""Keeps a growing answer on disk without writing every token: at most every 500 ms, and at once when it is finished.

Used by the window and by the terminal. Runs on the store's thread; has none of its own.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TypeGuard

from app.conversations.errors import ConversationGone, StoreClosed, StoreError
from app.conversations.records import Message
from app.conversations.store import ConversationStore
from app.conversations.store_thread import StoreThread


@dataclass
class _Growing:
    """unsaved is the newest state not yet on disk; finished are the futures that wait for it."""

    unsaved: Message | None = None
    is_scheduled: bool = False
    failures: int = 0
    saved_at: float = float("-inf")
    finished: "list[Future[None]]" = field(default_factory=list)


class AnswerSaver:
    """For any number of answers at a time. update and finish may be called from any thread and never block.

    on_error is called on the store's thread with each failure, on_recovered when a later try succeeded; what could
    not be saved is kept and tried again every retry_seconds, and once more when the store's thread is closed. With
    maximum_tries an answer is given up after so many failures on end, for those who can't wait.
    """

    def __init__(
        self,
        thread: StoreThread,
        on_error: Callable[[StoreError], None] | None = None,
        on_recovered: Callable[[], None] | None = None,
        interval_seconds: float = 0.5,
        retry_seconds: float = 2.0,
        maximum_tries: int | None = None,
    ) -> None:
        self._thread = thread
        self._on_error = on_error
        self._on_recovered = on_recovered
        self._interval_seconds = interval_seconds
        self._retry_seconds = retry_seconds
        self._maximum_tries = maximum_tries
        self._lock = threading.Lock()
        self._answers: dict[str, _Growing] = {}
        self._last_error: StoreError | None = None

    @property
    def last_error(self) -> StoreError | None:
        """Return why the newest try failed; None after a success."""
        return self._last_error

    def update(self, message: Message) -> None:
        """Remember the answer as it is now; it is on disk interval_seconds later at the latest."""
        with self._lock:
            answer = self._answers.setdefault(message.id, _Growing())
            answer.unsaved = message
            if answer.is_scheduled:
                return
            answer.is_scheduled = True
            wait = answer.saved_at + self._interval_seconds - time.monotonic()
        self._schedule(message.id, max(0.0, wait))

    def finish(self, message: Message) -> "Future[None]":
        """Write the answer now, as it will stay; the future is done when it is on disk.

        The future holds a StoreError only if there was no success up to the closing of the store's thread or within
        maximum_tries, or if the conversation is gone.
        """
        future: Future[None] = Future()
        with self._lock:
            answer = self._answers.setdefault(message.id, _Growing())
            answer.unsaved = message
            answer.finished.append(future)
            answer.is_scheduled = True
        self._schedule(message.id, 0.0)
        return future

    def _schedule(self, message_id: str, seconds: float) -> None:
        taken: list[Message] = []
        job = self._thread.submit_after(seconds, lambda store: self._write(store, message_id, taken))
        job.add_done_callback(lambda done: self._after(done, message_id, taken))

    def _write(self, store: ConversationStore, message_id: str, taken: list[Message]) -> None:
        with self._lock:
            answer = self._answers.get(message_id)
            if answer is None or answer.unsaved is None:
                return
            taken.append(answer.unsaved)
        store.save_message(taken[0])

    def _after(self, done: "Future[None]", message_id: str, taken: list[Message]) -> None:
        error = None if done.cancelled() else done.exception()
        if error is None:
            self._note_saved(message_id, taken)
        elif self._is_worth_a_retry(error, message_id):
            self._note_error(error)
            self._schedule(message_id, self._retry_seconds)
        else:
            self._give_up(message_id, error)

    def _is_worth_a_retry(self, error: BaseException, message_id: str) -> TypeGuard[StoreError]:
        if not isinstance(error, StoreError) or isinstance(error, ConversationGone | StoreClosed):
            return False
        with self._lock:
            answer = self._answers.get(message_id)
            if answer is None:
                return False
            answer.failures += 1
            return self._maximum_tries is None or answer.failures < self._maximum_tries

    def _note_saved(self, message_id: str, taken: list[Message]) -> None:
        if not taken:
            return
        with self._lock:
            answer = self._answers.get(message_id)
            waiting: list[Future[None]] = []
            grew_meanwhile = False
            if answer is not None:
                answer.saved_at = time.monotonic()
                answer.failures = 0
                grew_meanwhile = answer.unsaved is not taken[0]
                answer.is_scheduled = grew_meanwhile
                if not grew_meanwhile:
                    answer.unsaved = None
                    waiting, answer.finished = answer.finished, []
                    if waiting:
                        del self._answers[message_id]
            recovered, self._last_error = self._last_error is not None, None
        if grew_meanwhile:
            self._schedule(message_id, 0.0 if self._thread.is_closing else self._interval_seconds)
        if recovered and self._on_recovered is not None:
            self._on_recovered()
        for future in waiting:
            future.set_result(None)

    def _note_error(self, error: StoreError) -> None:
        with self._lock:
            self._last_error = error
        if self._on_error is not None:
            self._on_error(error)

    def _give_up(self, message_id: str, error: BaseException) -> None:
        with self._lock:
            answer = self._answers.pop(message_id, _Growing())
            if isinstance(error, StoreClosed) and self._last_error is not None:
                error = self._last_error
        if isinstance(error, StoreError):
            self._note_error(error)
        for future in answer.finished:
            future.set_exception(error)
