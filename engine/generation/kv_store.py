"""Snapshots of inactive conversations in main memory, under a byte budget, least recently used out first."""

from collections import OrderedDict

from engine.generation.kv_slab import Ids, Snapshot, common_prefix


class KvStore:
    """Owns main memory up to budget_bytes. Every snapshot belongs to the conversation it was made for; it may be
    given to any conversation whose ids begin the same, as equal ids have equal KV."""

    def __init__(self, budget_bytes: int) -> None:
        self.budget_bytes = budget_bytes
        self._held: OrderedDict[int, tuple[str, Snapshot]] = OrderedDict()
        self._next_key = 0

    @property
    def size_bytes(self) -> int:
        """Bytes held now."""
        return sum(snapshot.size_bytes for _, snapshot in self._held.values())

    def keep(self, conversation_id: str, snapshot: Snapshot) -> None:
        """Hold a snapshot; shorter ones of the conversation that it begins with are dropped."""
        if snapshot.size_bytes > self.budget_bytes or len(snapshot.ids) == 0:
            return
        for key, (owner, held) in list(self._held.items()):
            if owner == conversation_id and common_prefix(held.ids, snapshot.ids) == len(held.ids):
                del self._held[key]
        while self._held and self.size_bytes + snapshot.size_bytes > self.budget_bytes:
            self._held.popitem(last=False)
        self._held[self._next_key] = (conversation_id, snapshot)
        self._next_key += 1

    def best_match(self, ids: Ids) -> tuple[Snapshot | None, int]:
        """Return the snapshot of which the longest beginning of ids can be restored, and how long that is.

        At least one id is left to feed.
        """
        best: Snapshot | None = None
        best_key, best_length = -1, 0
        for key, (_, snapshot) in self._held.items():
            length = snapshot.usable(common_prefix(snapshot.ids, ids[:-1]))
            if length > best_length:
                best, best_key, best_length = snapshot, key, length
        if best is not None:
            self._held.move_to_end(best_key)
        return best, best_length

    def forget_all(self) -> int:
        """Drop every snapshot; return the bytes freed."""
        freed = self.size_bytes
        self._held.clear()
        return freed

    def forget(self, conversation_id: str) -> int:
        """Drop everything of a conversation; return the bytes freed."""
        freed = 0
        for key, (owner, snapshot) in list(self._held.items()):
            if owner == conversation_id:
                freed += snapshot.size_bytes
                del self._held[key]
        return freed
