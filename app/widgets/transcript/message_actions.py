"""What can be done with one message, in one list: for its buttons, its menu, the menu bar and the keyboard."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from PySide6.QtGui import QAction, QKeySequence

from app.conversations.records import MessageState
from app.language import mark, tr
from app.models.transcript_model import TranscriptEntry
from app.widgets.basics.foreign_text import menu_text
from app.widgets.basics.mirrored_style import Menu
from engine.api.checkpoint import LocalCheckpoint
from engine.api.message import Role


class Act(StrEnum):
    """The actions, in the order of the menu."""

    COPY = "copy"
    EDIT = "edit"
    REGENERATE = "regenerate"
    REGENERATE_WITH = "regenerate_with"
    CONTINUE = "continue"
    BRANCH = "branch"
    PREVIOUS = "previous"
    NEXT = "next"
    DETAILS = "details"
    PROMPT = "prompt"
    DELETE = "delete"


_WORDS = {
    Act.COPY: mark("&Copy message"),
    Act.EDIT: mark("&Edit"),
    Act.REGENERATE: mark("&Answer again"),
    Act.REGENERATE_WITH: mark("Answer again &with"),
    Act.CONTINUE: mark("C&ontinue the answer"),
    Act.BRANCH: mark("&Branch into a new conversation"),
    Act.PREVIOUS: mark("&Previous version"),
    Act.NEXT: mark("&Next version"),
    Act.DETAILS: mark("About this answe&r"),
    Act.PROMPT: mark("&Show the exact prompt"),
    Act.DELETE: mark("&Delete"),
}
KEYS = {
    Act.COPY: "Ctrl+C",
    Act.EDIT: "F2",
    Act.PREVIOUS: "Alt+Left",
    Act.NEXT: "Alt+Right",
    Act.DELETE: "Del",
}
_BEGINS_GROUP = (Act.CONTINUE, Act.PREVIOUS, Act.DETAILS, Act.DELETE)
_ONLY_ANSWERS = (Act.CONTINUE, Act.DETAILS)
_ASKS_ENGINE = (Act.EDIT, Act.REGENERATE, Act.REGENERATE_WITH, Act.CONTINUE, Act.DELETE)


class Actionable(Protocol):
    """A message on screen: it knows its entry, what is possible now, and does what is asked."""

    entry: TranscriptEntry

    @property
    def is_busy(self) -> bool:
        """Whether nothing may be asked of the engine now."""
        ...

    @property
    def models(self) -> Sequence[LocalCheckpoint]:
        """The models on this computer."""
        ...

    def perform(self, act: Act, value: str = "") -> None:
        """Do it; value: a model's reference for REGENERATE_WITH."""
        ...


@dataclass(frozen=True)
class Offer:
    """Whether an action makes sense for a message at all, and whether it can be done now."""

    is_shown: bool
    is_enabled: bool


NOTHING = Offer(is_shown=False, is_enabled=False)


def offer_of(act: Act, entry: TranscriptEntry, *, is_busy: bool, has_models: bool) -> Offer:
    """Return what an action is for a message. Pure."""
    message = entry.message
    is_answer = message.role is Role.ASSISTANT
    is_shown = is_answer or act not in _ONLY_ANSWERS
    if act in (Act.PREVIOUS, Act.NEXT):
        is_shown = entry.versions > 1
    is_enabled = not (is_busy and act in _ASKS_ENGINE)
    if message.state is MessageState.STREAMING:
        is_enabled = act is Act.COPY and bool(message.content)
    elif act is Act.PREVIOUS:
        is_enabled = entry.version > 1
    elif act is Act.NEXT:
        is_enabled = entry.version < entry.versions
    elif act is Act.REGENERATE_WITH:
        is_enabled = is_enabled and has_models
    elif act in (Act.COPY, Act.CONTINUE, Act.BRANCH):
        is_enabled = is_enabled and message.has_text
    return Offer(is_shown, is_enabled)


def message_actions(menu: Menu, message: Actionable, keys: Mapping[Act, str] = KEYS) -> list[QAction]:
    """Add all that can be done with a message to a menu, with the keys that do it there; return the actions."""
    added: list[QAction] = []
    for act in Act:
        offer = offer_of(act, message.entry, is_busy=message.is_busy, has_models=bool(message.models))
        if not offer.is_shown:
            continue
        if act in _BEGINS_GROUP and added:
            menu.addSeparator()
        action = _added(menu, act, message, keys.get(act, ""))
        action.setEnabled(offer.is_enabled)
        added.append(action)
    return added


def with_key(words: str, key: str) -> str:
    """Return the words of a menu with the key beside them, "" for none."""
    return f"{words}\t{QKeySequence(key).toString(QKeySequence.SequenceFormat.NativeText)}" if key else words


def fill_models(menu: Menu, models: Sequence[LocalCheckpoint], choose: Callable[[str], None]) -> None:
    """List the models in a menu; choosing one calls choose with its reference."""
    for checkpoint in models:
        action = menu.addAction(menu_text(checkpoint.name))
        action.triggered.connect(lambda _checked=False, reference=checkpoint.reference: choose(reference))


def _added(menu: Menu, act: Act, message: Actionable, key: str) -> QAction:
    if act is Act.REGENERATE_WITH:
        submenu = menu.add_menu(tr(_WORDS[act]))
        fill_models(submenu, message.models, lambda reference: message.perform(act, reference))
        return submenu.menuAction()
    action = menu.addAction(with_key(tr(_WORDS[act]), key))
    action.triggered.connect(lambda: message.perform(act))
    return action
