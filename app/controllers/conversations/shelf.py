"""The conversations that are in memory: the one that is shown and those in which something is to be answered."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import msgspec

from app.controllers.conversations.turns import Turn
from app.conversations.records import Conversation, Message
from app.conversations.rows import OWN_COLUMNS
from app.conversations.store import ConversationStore
from app.conversations.tree import ConversationTree
from app.models.transcript_model import TranscriptEntry

FirstLook = tuple[list[Conversation], tuple[str, ...]]
Read = tuple[Conversation | None, ConversationTree]


def first_look(store: ConversationStore) -> FirstLook:
    """Return which conversations there are, and what a person should know about the store."""
    return store.list_conversations(), store.notices


def read(store: ConversationStore, conversation_id: str) -> Read:
    """Read a conversation (None: it is gone) and put its messages in order: on the store's thread, as it takes time."""
    conversation = store.load_conversation(conversation_id)
    tree = ConversationTree(store.load_messages(conversation_id))
    if conversation is not None:
        tree.branch(conversation.active_leaf_id)  # walked here, and known to whoever shows it
    return conversation, tree


def keep_page(store: ConversationStore, page: Conversation) -> None:
    """Keep a page as long as nothing was said there: what is kept late must not hide what was."""
    known = store.load_conversation(page.id)
    if known is None or known.active_leaf_id is None:
        store.save_conversation(page)


@dataclass
class Loaded:
    """A conversation with all its messages, kept up to date as answers grow."""

    conversation: Conversation
    tree: ConversationTree

    def branch(self) -> list[Message]:
        """Return the messages that are shown, first to last."""
        return self.tree.branch(self.conversation.active_leaf_id)

    def apply_turn(self, turn: Turn) -> None:
        """Take over what was saved at the beginning of a turn; what has methods of its own may be newer here."""
        own = {name: getattr(self.conversation, name) for name in OWN_COLUMNS}
        self.conversation = msgspec.structs.replace(turn.conversation, **own)
        if turn.question is not None:
            self.tree = self.tree.with_message(turn.question)
        self.tree = self.tree.with_message(turn.answer)

    def apply_message(self, message: Message) -> None:
        """Take over a message's newer state; one that was deleted meanwhile doesn't come back by that."""
        if message.id in self.tree:
            self.tree = self.tree.with_message(message)

    def take_away(self, message_id: str, leaf_id: str | None) -> None:
        """Let a message go with all that follows it, and show another leaf."""
        self.tree = self.tree.without(message_id)
        self.conversation = msgspec.structs.replace(self.conversation, active_leaf_id=leaf_id)

    def put_back(self, messages: Iterable[Message], shown_id: str | None) -> None:
        """Take messages in again, and show the branch through one of them; None leaves the one that is shown."""
        self.tree = ConversationTree([*self.tree.messages(), *messages])
        if shown_id is not None:
            leaf_id = self.tree.newest_leaf(shown_id)
            self.conversation = msgspec.structs.replace(self.conversation, active_leaf_id=leaf_id)

    def version_leaf(self, message_id: str, step: int) -> str | None:
        """Return the leaf of the branch through a sibling of the message, None if none is that many steps away."""
        siblings = self.tree.siblings(message_id)
        places = [place for place, sibling in enumerate(siblings) if sibling.id == message_id]
        if not places or not 0 <= places[0] + step < len(siblings):
            return None
        return self.tree.newest_leaf(siblings[places[0] + step].id)


def entries_of(loaded: Loaded, start_id: str | None, phase_of: Callable[[str], str]) -> list[TranscriptEntry]:
    """Return the rows of the branch that is shown; start_id: the message with which the model begins to read."""
    return [
        TranscriptEntry(
            message,
            *loaded.tree.version(message.id),
            phase=phase_of(message.id),
            is_context_start=message.id == start_id,
        )
        for message in loaded.branch()
    ]


class Shelf:
    """Finds loaded conversations by id."""

    def __init__(self) -> None:
        self._loaded: dict[str, Loaded] = {}

    def get(self, conversation_id: str) -> Loaded | None:
        """Return a conversation if it is in memory."""
        return self._loaded.get(conversation_id)

    def put(self, conversation: Conversation, tree: ConversationTree | None = None) -> Loaded:
        """Take a conversation in, in place of an older state of it."""
        loaded = self._loaded[conversation.id] = Loaded(conversation, ConversationTree() if tree is None else tree)
        return loaded

    def keep_only(self, conversation_ids: Iterable[str]) -> None:
        """Let go of all others; they are in the store."""
        kept = set(conversation_ids)
        self._loaded = {key: loaded for key, loaded in self._loaded.items() if key in kept}
