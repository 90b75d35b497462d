"""How models mark their thinking: the forms in public templates, as ids of one tokenizer."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from transformers import PreTrainedTokenizerBase

# What Hearth stores, whatever the model wrote.
OPENING, CLOSING = "<think>", "</think>"


class Mark(Enum):
    """What a control sequence does to the text around it; PASSES: it is no part of the text."""

    OPENS = auto()
    CLOSES = auto()
    PASSES = auto()


@dataclass(frozen=True)
class Form:
    """One way to write thinking. passed: sequences around thoughts and answer that are not shown either.

    ends_thought: what stands before the closing, which a model that doesn't think begins with. The opening may be words
    that the template writes itself.
    """

    opening: str
    closing: str
    passed: tuple[str, ...] = ()
    ends_thought: str = ""

    @property
    def marks(self) -> Iterator[tuple[str, Mark]]:
        """Yield each sequence with what it does."""
        yield self.opening, Mark.OPENS
        yield self.closing, Mark.CLOSES
        for text in self.passed:
            yield text, Mark.PASSES

    def written(self, thought: str, answer: str, *, opened: bool) -> str:
        """Return both as a model writes them; opened: behind a template that has begun the thought."""
        space, behind = ("\n", "\n\n") if self.opening == OPENING else ("", "")
        begun = "" if opened else f"{self.opening}{space}"
        return f"{begun}{thought}{space}{self.ends_thought}{self.closing}{behind}{answer}"


# Each closing begins with one token of its own in the vocabularies that have it.
FORMS = (
    Form(OPENING, CLOSING),
    Form("<thinking>", "</thinking>"),
    Form("<thought>", "</thought>"),
    Form("[THINK]", "[/THINK]"),
    Form("<seed:think>", "</seed:think>"),
    Form("<mm:think>", "</mm:think>"),
    Form("<think:opensource>", "</think:opensource>"),
    Form("<|inner_prefix|>", "<|inner_suffix|>"),
    Form("<|channel>thought", "<channel|>"),
    Form("<unused94>thought", "<unused95>"),
    Form(
        "<|START_THINKING|>",
        "<|END_THINKING|>",
        ("<|START_RESPONSE|>", "<|END_RESPONSE|>", "<|START_TEXT|>", "<|END_TEXT|>"),
    ),
    Form("Here are my reasoning steps:", "[BEGIN FINAL RESPONSE]", ("[END FINAL RESPONSE]",)),
    *(
        Form(
            f"<|channel|>{name}<|message|>",
            "<|channel|>final<|message|>",
            ("<|end|>", "<|start|>assistant"),
            "<|end|><|start|>assistant",
        )
        for name in ("analysis", "commentary")
    ),
    Form("<|think|>", "<|content|>", ("<|end|>", "<|begin|>assistant"), "<|end|><|begin|>assistant"),
)
_READ_AS_TEXT = {OPENING, CLOSING, "<thinking>", "</thinking>"}


@dataclass(frozen=True)
class Run:
    """Ids that are text, and the mark behind them, None at the end."""

    ids: tuple[int, ...]
    mark: Mark | None


class ThinkingMarks:
    """The sequences of ids by which one tokenizer's models tell thinking from answer; false if there are none.

    Tags that are ordinary text, as <think> mostly is, are none: they are in the text already. forms: those that the
    model may write. form: the one that its template names.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, template: str) -> None:
        tokens = tokenizer.added_tokens_decoder
        added = {str(token): token_id for token_id, token in tokens.items()}
        special = {str(token) for token in tokens.values() if token.special}
        self._marks: dict[tuple[int, ...], Mark] = {}
        known: list[Form] = []
        for form in FORMS:
            if form.opening in _READ_AS_TEXT and form.opening not in special:
                continue
            found = {ids: mark for text, mark in form.marks if (ids := _ids(tokenizer, added, text))}
            if Mark.CLOSES in found.values() and (Mark.OPENS in found.values() or form.opening in template):
                self._marks |= found
                known.append(form)
        self._firsts = frozenset(ids[0] for ids in self._marks)
        self._beginnings = frozenset(ids[:end] for ids in self._marks for end in range(1, len(ids)))
        self.forms = (*known, FORMS[0])
        self.form = next((form for form in known if form.opening in template), self.forms[0])

    def __bool__(self) -> bool:
        return bool(self._marks)

    def mark(self, ids: Sequence[int]) -> Mark | None:
        """Return what exactly these ids do."""
        return self._marks.get(tuple(ids))

    def begins(self, ids: Sequence[int]) -> bool:
        """Return whether more ids may make these a mark."""
        return tuple(ids) in self._beginnings

    def runs(self, ids: Sequence[int]) -> tuple[list[Run], tuple[int, ...]]:
        """Cut ids at their marks; return the runs, and the ids at the end that may still become a mark."""
        ids = tuple(ids)
        found: list[Run] = []
        position = 0
        for start in [at for at, token_id in enumerate(ids) if token_id in self._firsts]:
            end = start + 1
            while end < len(ids) and self.begins(ids[start:end]) and self.mark(ids[start:end]) is None:
                end += 1
            if start >= position and (mark := self.mark(ids[start:end])) is not None:
                found.append(Run(ids[position:start], mark))
                position = end
            elif start >= position and end == len(ids) and self.begins(ids[start:end]):
                return [*found, Run(ids[position:start], None)], ids[start:end]
        return [*found, Run(ids[position:], None)], ()


def _ids(tokenizer: PreTrainedTokenizerBase, added: Mapping[str, int], text: str) -> tuple[int, ...]:
    """Return the ids of a sequence that begins with a token of its own; none if it doesn't."""
    first = max((token for token in added if text.startswith(token)), key=len, default="")
    if not first:
        return ()
    ids = tuple(tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])
    return ids if ids and ids[0] == added[first] and (len(ids) > 1 or first == text) else ()
