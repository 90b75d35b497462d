"""What the engine may do between two messages: read ahead for the next one, and find a title for a new conversation.

Nobody waits for it. The engine gives it up by itself as soon as the user asks for something.
"""

from collections.abc import Callable

from PySide6.QtCore import QObject, Slot

from app.controllers.conversations.conversation_controller import ConversationController
from app.controllers.conversations.shelf import Loaded
from app.controllers.store_requests import StoreRequests
from app.controllers.submitting import Submit
from app.conversations.prompting import Prompt
from app.conversations.records import Message, MessageState, new_id
from app.conversations.titles import UNTITLED, is_short, title_from
from app.settings.schema import Settings
from engine.api.commands import PrepareConversation, SuggestTitle
from engine.api.errors import ErrorKind
from engine.api.events import CommandCancelled, CommandFailed, FinishReason, TitleSuggested


class HousekeepingController(QObject):
    """Asks for a title once per conversation; again after its next answer only if that was given up."""

    def __init__(
        self,
        conversations: ConversationController,
        requests: StoreRequests,
        submit: Submit,
        settings: Callable[[], Settings],
        is_warm: Callable[[str], bool],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._conversations = conversations
        self._requests = requests
        self._submit = submit
        self._settings = settings
        self._is_warm = is_warm
        self._asked: dict[str, tuple[str, str]] = {}  # by command: conversation and the title it had
        self._given_up: set[str] = set()

    @Slot(object)
    def after_answer(self, answer: Message) -> None:
        """Use the quiet time after an answer that has ended by itself."""
        loaded = self._conversations.shelf.get(answer.conversation_id)
        if loaded is None or not _has_ended_well(answer):
            return
        conversation = loaded.conversation
        prompt = self._prepare(loaded, answer.id)
        if self._settings().write_titles and self._needs_title(loaded, prompt):
            command = SuggestTitle(
                command_id=new_id(),
                conversation_id=conversation.id,
                messages=prompt.messages,
                started_at=conversation.created_at,
                is_private=conversation.is_private,
                sampling=self._conversations.sampling(conversation),
            )
            self._asked[command.command_id] = (conversation.id, conversation.title)
            self._given_up.discard(conversation.id)
            self._submit(command)

    @Slot(object)
    def after_copy(self, copied: tuple[str, str]) -> None:
        """Let a copy be as warm as its original, if that is: (id of the original, id of the copy)."""
        original_id, copy_id = copied
        loaded = self._conversations.shelf.get(copy_id)
        branch = loaded.branch() if loaded is not None else ()
        if loaded is not None and branch and _has_ended_well(branch[-1]) and self._is_warm(original_id):
            self._prepare(loaded, branch[-1].id)

    def _prepare(self, loaded: Loaded, leaf_id: str) -> Prompt:
        conversation = loaded.conversation
        prompt = self._conversations.prompt(loaded, leaf_id)
        self._submit(
            PrepareConversation(
                command_id=new_id(),
                conversation_id=conversation.id,
                messages=prompt.messages,
                started_at=conversation.created_at,
                is_private=conversation.is_private,
                sampling=self._conversations.sampling(conversation),
            )
        )
        return prompt

    @Slot(object)
    def on_event(self, event: object) -> None:
        """Take an event of the engine; those of other commands change nothing."""
        if not isinstance(event, TitleSuggested | CommandCancelled | CommandFailed):
            return
        asked = self._asked.pop(event.command_id, None)
        if asked is None:
            return
        conversation_id, known = asked
        if isinstance(event, TitleSuggested):
            self._take_title(conversation_id, known, title_from(event.title))
        elif isinstance(event, CommandCancelled) or event.error.kind is ErrorKind.ENGINE_DIED:
            self._given_up.add(conversation_id)

    def _needs_title(self, loaded: Loaded, prompt: Prompt) -> bool:
        conversation = loaded.conversation
        if conversation.title_is_manual:
            return False
        answers = [message for message in loaded.tree.messages() if _has_ended_well(message)]
        if len(answers) != 1 and conversation.id not in self._given_up:
            return False
        beginnings = loaded.tree.children(None)
        if not any(first.id in prompt.sources for first in beginnings):
            return False  # what it is about was left out: the title would be that of the last question
        texts = [first.content for first in beginnings]
        return any(title_from(text) == conversation.title and not is_short(text) for text in texts)

    def _take_title(self, conversation_id: str, known: str, title: str) -> None:
        if title in (UNTITLED, known):
            return

        def on_kept(kept: bool) -> None:
            if kept:
                self._conversations.show_automatic_title(conversation_id, title)

        self._requests.request(lambda store: store.change_automatic_title(conversation_id, known, title), on_kept)


def _has_ended_well(message: Message) -> bool:
    return message.state is MessageState.COMPLETE and message.finish_reason is FinishReason.END
