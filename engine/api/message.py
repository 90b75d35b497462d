"""One turn of a conversation as the engine sees it: text, and the ids that were really generated for it."""

from enum import StrEnum

import msgspec


class Role(StrEnum):
    """Who speaks."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"


class PromptMessage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A turn to be prompted with.

    token_ids are the ids an assistant turn was generated as (end token excluded); they replace the tokenised
    content if tokenizer_id names the loaded tokenizer, so that what was generated is found again token for token.
    opens_thinking: an assistant turn began inside thinking, as the template had written the opening tag.
    """

    role: Role
    content: str
    token_ids: tuple[int, ...] = ()
    tokenizer_id: str = ""
    opens_thinking: bool = False
