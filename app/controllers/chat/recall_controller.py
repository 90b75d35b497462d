"""Walks through what was sent before, in this conversation and then in others, and back to what was being typed."""

from PySide6.QtCore import QObject, Signal, Slot

from app.controllers.conversations.conversation_controller import ConversationController
from app.controllers.store_requests import StoreRequests
from engine.api.codec import clean_text

_AT_DRAFT = -1


class RecallController(QObject):
    """Signal recalled(str): what the editor shall show. Whoever changes a recalled text begins anew from there."""

    recalled = Signal(object)

    def __init__(
        self, conversations: ConversationController, requests: StoreRequests, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._conversations = conversations
        self._requests = requests
        self._texts: list[str] = []
        self._place = _AT_DRAFT
        self._draft = ""
        self._told: str | None = None
        conversations.shown.connect(self._forget)

    @Slot(object)
    def step(self, wish: tuple[int, str]) -> None:
        """Go to an older message (1) or a newer one (-1) from the text that is shown: (step, text)."""
        step, text = wish
        if text != self._told:
            self._forget()
            self._draft = text
        if self._place != _AT_DRAFT:
            self._go(self._place + step)
        elif step > 0:
            page = self._conversations.page
            page_id = page.id if page is not None else ""
            self._requests.request(
                lambda store: store.sent_before(page_id), lambda texts: self._on_found(page_id, text, texts)
            )

    @Slot()
    def keep_draft(self) -> None:
        """Let the shown page's draft be what was typed before a message was recalled, if that one was left as it is.

        Call it when the page is about to go: the recalled text is found again, what was typed would not be.
        """
        page, drafts = self._conversations.page, self._conversations.drafts
        is_recalled = self._place != _AT_DRAFT and bool(self._draft.strip())
        if page is not None and is_recalled and drafts.draft(page.id, "") == clean_text(self._told or ""):
            drafts.set_draft(page.id, self._draft)

    def _on_found(self, page_id: str, text: str, texts: list[str]) -> None:
        page = self._conversations.page
        is_there = (page.id if page is not None else "") == page_id and self._draft == text
        if is_there and self._place == _AT_DRAFT:
            self._texts = [each for each in texts if each != text]
            self._go(0)

    def _go(self, place: int) -> None:
        place = min(place, len(self._texts) - 1)
        if place != self._place:
            self._place = max(place, _AT_DRAFT)
            self._told = self._draft if self._place == _AT_DRAFT else self._texts[self._place]
            self.recalled.emit(self._told)

    @Slot()
    def _forget(self) -> None:
        self._texts, self._place, self._draft, self._told = [], _AT_DRAFT, "", None
