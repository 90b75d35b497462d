"""Gives each generation the longest KV that was computed from its own ids: from the slab or from a snapshot.

A snapshot that can't be taken or put back for want of memory is a miss: the ids are read again.
"""

import logging

import numpy as np

from engine.generation.kv_slab import KvSlab, Snapshot, common_prefix
from engine.generation.kv_store import KvStore
from engine.hardware.faults import Fault, fault_of, release

# Rewinding over fewer ids than this isn't worth a copy of the whole conversation: they are read again instead.
_WORTH_KEEPING_IDS = 256
_log = logging.getLogger(__name__)


class WarmConversations:
    """The slab's owner on the device, and in main memory the snapshots of everybody else."""

    def __init__(self, kv: KvSlab, store: KvStore) -> None:
        self._kv = kv
        self._store = store
        self._owner = ""

    def prepare(self, conversation_id: str, prompt_ids: list[int]) -> int:
        """Make the KV hold as much of the prompt as is known, at least one id less; return how many ids that is."""
        ids = np.asarray(prompt_ids, dtype=np.int64)
        kv = self._kv
        here = kv.usable(common_prefix(kv.ids, ids[:-1]), kv.length) if kv.fits(len(ids)) else 0
        snapshot, there = self._store.best_match(ids)
        take_snapshot = snapshot is not None and there > here and kv.fits(len(ids), snapshot.reach)
        lost = kv.length - (0 if take_snapshot else here)
        if lost and (self._owner != conversation_id or lost >= _WORTH_KEEPING_IDS):
            self._keep()
        if snapshot is not None and take_snapshot:
            self._put_back(snapshot, there)
        else:
            kv.rewind(here)
        self._owner = conversation_id
        return kv.length

    def spare(self, *, main_memory: bool) -> None:
        """Give back what other conversations hold in the memory that ran out: snapshots are in main memory."""
        if main_memory:
            self._store.forget_all()

    def forget(self, conversation_id: str) -> int:
        """Drop the conversation's KV from the slab and from the snapshots; return the bytes freed."""
        if self._owner == conversation_id:
            self._kv.clear()
            self._owner = ""
        return self._store.forget(conversation_id)

    def _keep(self) -> None:
        """Take a snapshot of the slab for its owner, if main memory has room for it."""
        try:
            self._store.keep(self._owner, self._kv.snapshot())
            return
        except (RuntimeError, MemoryError) as error:
            _raise_unless_memory(error)
        _log.warning("no memory for a snapshot of %s ids", self._kv.length)
        release()

    def _put_back(self, snapshot: Snapshot, length: int) -> None:
        try:
            self._kv.restore(snapshot, length)
            return
        except (RuntimeError, MemoryError) as error:
            _raise_unless_memory(error)
        _log.warning("no memory to put %s ids back", length)
        self._kv.clear()
        release()


def _raise_unless_memory(error: BaseException) -> None:
    if fault_of(error) is not Fault.OUT_OF_MEMORY:
        raise error
