"""The pages of new conversations: what is written there before a first message makes conversations of them."""

import time
from collections.abc import Iterable

import msgspec

from app.controllers.conversations.shelf import keep_page
from app.controllers.store_requests import StoreRequests
from app.conversations.records import Conversation, new_id
from app.conversations.titles import UNTITLED, title_from


class NewPages:
    """Two of them, a private one and one that is not, of which one is in use: is_private says which.

    A page becomes a record in the store with the first thing that is kept of it, such as a draft; none is listed.
    """

    def __init__(self, requests: StoreRequests) -> None:
        self._requests = requests
        self._pages: dict[bool, Conversation] = {}
        self._prompted_ids: set[str] = set()  # of pages whose instructions were chosen, as even none may have been
        self.is_private = False

    @property
    def page(self) -> Conversation | None:
        """The page in use; None while nothing was written there yet."""
        return self._pages.get(self.is_private)

    @property
    def own_prompt(self) -> str | None:
        """What the model is told first on the page in use; None: what the settings say."""
        page = self.page
        is_own = page is not None and (page.system_prompt or page.id in self._prompted_ids)
        return page.system_prompt if page is not None and is_own else None

    def restore(self, found: Iterable[Conversation]) -> None:
        """Go on with the first of these pages of earlier sessions on which there still is something."""
        for each in found:
            if each.draft or each.draft_attachments or each.system_prompt or each.sampling:
                self._pages[False] = each
                break

    def kept_page(self) -> Conversation:
        """Return the page in use, which is in the store from now on."""
        page = self.page
        if page is None:
            page = self._pages[self.is_private] = self._new(time.time())
            self._keep(page)
        return page

    def change(self, **changes: object) -> None:
        """Change what the page in use has of its own; the store is told by whoever calls this."""
        page = self.kept_page()
        self._pages[self.is_private] = msgspec.structs.replace(page, **changes)
        if "system_prompt" in changes:
            self._prompted_ids.add(page.id)

    def take(self, text: str, system_prompt: str) -> Conversation:
        """Make a conversation of the page in use, titled after its first message; the store has it from now on."""
        now = time.time()
        conversation = msgspec.structs.replace(
            self.page or self._new(now),
            title=title_from(text),
            created_at=now,
            updated_at=now,
            system_prompt=system_prompt,
        )
        self._pages.pop(self.is_private, None)
        self._keep(conversation)
        return conversation

    def _keep(self, page: Conversation) -> None:
        """Let the store have a page; a private one, which needs no disk, waits for nothing that can't be saved."""
        have = self._requests.request if page.is_private else self._requests.keep
        have(lambda store: keep_page(store, page))

    def _new(self, now: float) -> Conversation:
        return Conversation(id=new_id(), title="", created_at=now, updated_at=now, is_private=self.is_private)


def is_blank(conversation: Conversation) -> bool:
    """Return whether it is the page of a new conversation, which isn't listed."""
    return conversation.active_leaf_id is None and conversation.title in ("", UNTITLED) and conversation.name is None
