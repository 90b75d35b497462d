"""Exporting conversations out of the store, a few at a time, so that nobody else waits long for it.

step() runs on the store's thread; the file is written there too.
"""

import time
from collections.abc import Callable, Sequence
from typing import Protocol

from app.conversations import organizing
from app.conversations.exchange.document import document_of
from app.conversations.exchange.writing import DocumentWriter
from app.conversations.store import ConversationStore

_STEP_SECONDS = 0.05


class Target(Protocol):
    """Where the bytes go."""

    def write(self, content: bytes) -> None:
        """Take bytes."""

    def keep(self) -> None:
        """Be whole."""

    def discard(self) -> None:
        """Leave nothing."""


class ExportJob:
    """One export. conversation_ids None: all that are neither deleted nor private.

    A private conversation is only exported if it is the only one.
    """

    def __init__(
        self, open_target: Callable[[], Target], writer: DocumentWriter, conversation_ids: Sequence[str] | None
    ) -> None:
        self._open_target = open_target
        self._target: Target | None = None
        self._writer = writer
        self._wanted = conversation_ids
        self._ids: list[str] | None = None
        self.done = 0
        self.is_finished = False
        self.is_cancelled = False

    @property
    def total(self) -> int:
        """How many conversations there are to be written; 0 before the first step."""
        return len(self._ids) if self._ids is not None else 0

    def step(self, store: ConversationStore) -> None:
        """Write for a moment, at least one conversation; raises ExchangeError or StoreError, and nothing is left.

        After cancel() it takes away what was written.
        """
        if self.is_cancelled:
            self._discard()
            return
        try:
            if self._target is None or self._ids is None:
                self._target = self._open_target()
                self._ids = self._begin(store, self._target)
            target = self._target
            end = time.monotonic() + _STEP_SECONDS
            for conversation_id in self._ids[self.done :]:
                self._write(store, conversation_id, target)
                self.done += 1
                if time.monotonic() >= end:
                    break
            if self.done == len(self._ids):
                target.write(self._writer.end())
                target.keep()
                self.is_finished = True
        except BaseException:
            self._discard()
            raise

    def cancel(self) -> None:
        """Give up: the next step leaves nothing. Any thread."""
        self.is_cancelled = True

    def _discard(self) -> None:
        if self._target is not None:
            self._target.discard()

    def _begin(self, store: ConversationStore, target: Target) -> list[str]:
        if self._wanted is None and store.unopened is not None:
            raise store.unopened  # a file without conversations would take the place of an earlier, whole one
        listed = [each for each in store.list_conversations() if self._wanted is None or each.id in set(self._wanted)]
        is_alone = self._wanted is not None and len(self._wanted) == 1
        listed = [each for each in listed if is_alone or not each.is_private]
        used = {each.folder_id for each in listed}
        folders = organizing.folders(store.database)
        target.write(self._writer.begin(folder for folder in folders if self._wanted is None or folder.id in used))
        # Oldest first: so that importing them, one after the other, brings them in the order in which they came.
        return [each.id for each in sorted(listed, key=lambda each: (each.created_at, each.id))]

    def _write(self, store: ConversationStore, conversation_id: str, target: Target) -> None:
        conversation = store.load_conversation(conversation_id)
        if conversation is None:  # deleted for good meanwhile
            return
        document = document_of(conversation, store.load_messages(conversation_id))
        target.write(self._writer.conversation(document, is_first=not self.done))
