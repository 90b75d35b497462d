"""Searches everything while one types: what is in memory at once, messages in the store a moment later."""

from collections.abc import Callable, Sequence
from datetime import datetime

from PySide6.QtCore import QObject, Signal, Slot

from app.controllers.store_requests import StoreRequests
from app.conversations.errors import StoreError
from app.conversations.records import Conversation
from app.conversations.search import SearchHit
from app.language import tr
from app.models.conversation_list_model import ConversationListModel, group_of, shown_title
from app.models.palette_entries import Asked, Entry, Kind, asked, best, hints, more_messages, searched

_RECENT = 8
_FEW = 4  # of each kind, when all are searched
_MANY = 100
_MESSAGES = 40
Source = Callable[[], Sequence[Entry]]


class PaletteController(QObject):
    """Signal found(list of Entry): what is to be listed now; emitted again when the store has answered.

    Never more than one search is with the store; an answer to what is no longer typed is dropped.
    """

    found = Signal(object)

    def __init__(
        self,
        listed: ConversationListModel,
        requests: StoreRequests,
        sources: Sequence[tuple[Kind, Source]],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._listed = listed
        self._requests = requests
        self._sources = sources
        self._asked = Asked((), "")
        self._conversations: list[tuple[str, Conversation]] = []
        self._others: dict[Kind, list[tuple[str, Entry]]] = {}
        self._messages: list[Entry] = []
        self._open_question: str | None = None

    @Slot()
    def begin(self) -> None:
        """Look once at all that is in memory; what is typed is searched in that."""
        self._conversations = [(searched(shown_title(each)), each) for each in self._listed.all]
        for kind, source in self._sources:
            self._others[kind] = [(searched(each.title, each.detail, each.end), each) for each in source()]
        self._messages = []
        self.search("")

    @Slot(object)
    def search(self, typed: str) -> None:
        """List what is found for what is typed; without words what was used last, and what else can be typed."""
        self._asked = asked(typed)
        if not self._asked.text or not self._asked.wants(Kind.MESSAGE):
            self._messages = []
        self._tell()
        self._ask_store()

    def _tell(self) -> None:
        wanted = self._asked
        if not wanted.words and wanted.kind is None:
            self.found.emit([*self._titles((), _RECENT), *hints()])
            return
        limit = _FEW if wanted.kind is None else _MANY
        entries = self._titles(wanted.words, limit) if wanted.wants(Kind.CONVERSATION) else []
        entries += self._messages[:limit]
        if len(self._messages) > limit:
            entries.append(more_messages(wanted.text))
        for kind, known in self._others.items():
            if wanted.wants(kind):
                entries += best(known, wanted.words, limit)
        self.found.emit(entries)

    def _titles(self, words: Sequence[str], limit: int) -> list[Entry]:
        found = best(self._conversations, words, limit)
        return [Entry(Kind.CONVERSATION, each.id, shown_title(each), end=self._when(each.updated_at)) for each in found]

    def _when(self, stamp: float) -> str:
        return group_of(stamp, datetime.fromtimestamp(self._listed.clock()).date())

    def _ask_store(self) -> None:
        text = self._asked.text
        if self._open_question is not None or not text or not self._asked.wants(Kind.MESSAGE):
            return
        self._open_question = text
        self._requests.request(lambda store: store.search(text, _MESSAGES), self._on_answer, self._on_failure)

    def _on_answer(self, hits: list[SearchHit]) -> None:
        question, self._open_question = self._open_question, None
        if question != self._asked.text:
            self._ask_store()
        elif self._asked.wants(Kind.MESSAGE):
            self._messages = [self._entry(hit) for hit in hits]
            self._tell()

    def _on_failure(self, error: StoreError) -> None:
        """Say it where the messages would stand; the rest is searched as before."""
        self._open_question = None
        self._messages = [Entry(Kind.MESSAGE, "", tr("The messages can't be searched."), detail=error.sentence())]
        self._tell()

    def _entry(self, hit: SearchHit) -> Entry:
        conversation = self._listed.found(hit.conversation_id)
        title = shown_title(conversation) if conversation is not None else hit.title
        return Entry(
            Kind.MESSAGE,
            hit.message_id,
            title,
            hit.snippet,
            self._when(hit.created_at),
            hit.conversation_id,
        )
