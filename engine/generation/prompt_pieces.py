"""A prompt taken apart: which token comes from the template, from somebody's text, or from the model itself."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from transformers import PreTrainedTokenizerBase

from engine.api.prompt import PromptPiece, PromptSource
from engine.generation.detokenizer import Detokenizer


@dataclass(frozen=True)
class TextPart:
    """A piece of prompt text; foreign text never becomes a control token."""

    text: str
    is_foreign: bool


@dataclass(frozen=True)
class PromptRun:
    """Ids that follow each other: of text that was tokenised as one, or (without parts) generated ones."""

    ids: Sequence[int]
    parts: tuple[TextPart, ...] = ()


def pieces_of(runs: Sequence[PromptRun], tokenizer: PreTrainedTokenizerBase) -> list[PromptPiece]:
    """Return the runs' tokens with their texts, joined where they have one source. The ids are exactly the runs'."""
    tokens = (token for run in runs for token in _tokens_of(run, tokenizer))
    pieces: list[PromptPiece] = []
    source = PromptSource.TEMPLATE
    ids: list[int] = []
    texts: list[str] = []
    for token_source, token_id, text in tokens:
        if token_source is not source and ids:
            pieces.append(PromptPiece(source=source, token_ids=tuple(ids), texts=tuple(texts)))
            ids, texts = [], []
        source = token_source
        ids.append(token_id)
        texts.append(text)
    if ids:
        pieces.append(PromptPiece(source=source, token_ids=tuple(ids), texts=tuple(texts)))
    return pieces


_Token = tuple[PromptSource, int, str]


def _tokens_of(run: PromptRun, tokenizer: PreTrainedTokenizerBase) -> Iterator[_Token]:
    texts = _read(run.ids, tokenizer)
    if not run.parts:
        return ((PromptSource.GENERATED, *token) for token in zip(run.ids, texts, strict=True))
    return _placed(run, texts)


def _placed(run: PromptRun, texts: Sequence[str]) -> Iterator[_Token]:
    """Give each token the source of the part in which it begins.

    Some tokenizers read a little otherwise than was written, as without a space at the beginning: then the places are
    those of the same share of the text.
    """
    written, read = "".join(part.text for part in run.parts), "".join(texts)
    shift = written.find(read)
    share = 1.0 if shift >= 0 else len(written) / max(1, len(read))
    borders = list(accumulate(len(part.text) for part in run.parts))
    position, place = max(0, shift), 0
    for token_id, text in zip(run.ids, texts, strict=True):
        while place < len(borders) - 1 and round(position * share) >= borders[place]:
            place += 1
        source = PromptSource.MESSAGE if run.parts[place].is_foreign else PromptSource.TEMPLATE
        yield source, token_id, text
        position += len(text)


def _read(ids: Sequence[int], tokenizer: PreTrainedTokenizerBase) -> list[str]:
    """Return what each id adds to the text, control tokens as they are written."""
    reader = Detokenizer(tokenizer, keeps_special=True)
    texts = [reader.push(token_id) for token_id in ids]
    if texts:
        texts[-1] += reader.finish()[0]
    return texts
