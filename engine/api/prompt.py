"""A prompt as the model reads it: its tokens one by one, where they come from, and what of them is known already."""

from enum import StrEnum

import msgspec

from engine.api.warmth import Tier


class PromptSource(StrEnum):
    """Who wrote a piece: the publisher's template, somebody (an answer without ids too), or the model itself."""

    TEMPLATE = "template"
    MESSAGE = "message"
    GENERATED = "generated"


class PromptPiece(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Tokens of one source that follow each other. texts: what each of token_ids reads as.

    The texts of a whole prompt, put together, are the prompt; what several tokens make up together is the last one's.
    """

    source: PromptSource
    token_ids: tuple[int, ...]
    texts: tuple[str, ...]


class ReusedPart(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """So many tokens, from the end of the part before (or the prompt's beginning), that would not be read again."""

    tier: Tier
    tokens: int
