"""What somebody wants done with a message that no signal of its own stands for."""

from dataclasses import dataclass
from enum import StrEnum


class Wish(StrEnum):
    """The kinds of them."""

    DELETE = "delete"
    SHOW_PROMPT = "show_prompt"
    ANSWER_WITH = "answer_with"
    REWRITE = "rewrite"
    ANSWER_NOW = "answer_now"
    NEW_CONVERSATION = "new_conversation"
    EDIT_QUESTION = "edit_question"


@dataclass(frozen=True)
class MessageWish:
    """One of them, about one message. value: the model's reference, or the answer's new text."""

    wish: Wish
    message_id: str
    value: str = ""
