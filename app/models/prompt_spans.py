"""A described prompt as stretches of one source and one place, and as the sentences about it. Pure."""

from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate

from app.language import grouped, mark, tr
from engine.api.events import PromptDescribed
from engine.api.prompt import PromptSource
from engine.api.warmth import Tier

SOURCE_WORDS = {
    PromptSource.TEMPLATE: mark("Template"),
    PromptSource.MESSAGE: mark("Written"),
    PromptSource.GENERATED: mark("Generated"),
}
PLACE_WORDS = {
    Tier.DEVICE: mark("Known, in place"),
    Tier.RAM: mark("Known, from memory"),
    Tier.DISK: mark("Known, from disk"),
    None: mark("To be read"),
}
# What a text would break at, or not show, stands for itself: a place in the text is then always one in the prompt.
_SHOWN = str.maketrans({"\r": "␍", "\0": "␀", "\u2028": "␤", "\u2029": "␤", "\ufdd0": "�", "\ufdd1": "�"})


@dataclass(frozen=True)
class PromptSpan:
    """Tokens that follow each other, of one source, known from one place (None: they are to be read)."""

    source: PromptSource
    tier: Tier | None
    first: int
    token_ids: tuple[int, ...]
    texts: tuple[str, ...]

    @property
    def text(self) -> str:
        """What they read as, with nothing in it that a text field would drop."""
        return "".join(self.texts)


class PromptSpans:
    """All of them, and which token stands where; places are counted as Qt does, in units of UTF-16."""

    def __init__(self, described: PromptDescribed) -> None:
        self.spans = _spans(described)
        self.token_ids = [token_id for span in self.spans for token_id in span.token_ids]
        self.texts = [text for span in self.spans for text in span.texts]
        self._ends = list(accumulate(len(text.encode("utf-16-le", "surrogatepass")) // 2 for text in self.texts))
        self._firsts = [span.first for span in self.spans]

    def token_at(self, place: int) -> int | None:
        """Return the token that covers a place in the text; None behind the end."""
        token = bisect_right(self._ends, place)
        return token if token < len(self._ends) else None

    def bounds(self, token: int) -> tuple[int, int]:
        """Return where a token begins and ends in the text."""
        return (self._ends[token - 1] if token else 0), self._ends[token]

    def span_of(self, token: int) -> PromptSpan:
        """Return the stretch that a token is in."""
        return self.spans[bisect_right(self._firsts, token) - 1]

    def token_words(self, token: int) -> str:
        """Return all about one token."""
        span = self.span_of(token)
        return tr("Token {number} of {count}: id {id}, “{text}”. {source}. {place}.").format(
            number=grouped(token + 1),
            count=grouped(len(self.token_ids)),
            id=self.token_ids[token],
            text=self.texts[token].replace("\n", "↵"),
            source=tr(SOURCE_WORDS[span.source]),
            place=tr(PLACE_WORDS[span.tier]),
        )


def summary(described: PromptDescribed) -> str:
    """Return the sentences about the whole prompt."""
    count = sum(len(piece.token_ids) for piece in described.pieces)
    known = sum(part.tokens for part in described.reused)
    text = tr("{count} of the {window} tokens that the model can hold. {known} are known, {rest} would be read now.")
    sentence = text.format(
        count=grouped(count),
        window=grouped(described.context_window),
        known=grouped(known),
        rest=grouped(count - known),
    )
    left_out = tr("The oldest messages are left out, as the conversation is too long for the model.")
    return f"{sentence} {left_out}" if described.first_kept else sentence


def _spans(described: PromptDescribed) -> list[PromptSpan]:
    tiers = [(part.tier, part.tokens) for part in described.reused]
    borders = list(accumulate(tokens for _, tokens in tiers))
    spans: list[PromptSpan] = []
    position = 0
    for piece in described.pieces:
        taken = 0
        while taken < len(piece.token_ids):
            part = bisect_right(borders, position)
            rest = len(piece.token_ids) - taken
            count = min(rest, borders[part] - position) if part < len(borders) else rest
            tier = tiers[part][0] if part < len(tiers) else None
            texts = tuple(text.translate(_SHOWN) for text in piece.texts[taken : taken + count])
            spans.append(PromptSpan(piece.source, tier, position, piece.token_ids[taken : taken + count], texts))
            taken, position = taken + count, position + count
    return spans
