"""The short list of models that comes with Hearth, and which of them suits a computer best. Pure but for reading it."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from app.language import mark
from engine.api.plan import Fit, Plan

# The sentences of the list, marked for translation here, as they stand in a file of data.
SENTENCES = (
    mark("The smallest model that holds a sensible conversation; quick on any computer."),
    mark("Small enough for any graphics card, and good at short texts and questions."),
    mark("Writes and reasons well for its size, and fits small graphics cards in 4 bit."),
    mark("A small model that is good at facts, arithmetic and long texts."),
    mark("Uses a seventh of itself for each word, so it answers quickly on a processor, also behind long texts."),
    mark("A good all-rounder in many languages, for graphics cards of middle size."),
    mark("Noticeably more thorough than the 8B one, where there is room for it."),
    mark("Reasons well and answers fast: published in 4 bit, with a few experts at work for each word."),
    mark("As fast as a 3B model, as knowledgeable as a much larger one."),
    mark("The most careful writer of its family, for large graphics cards."),
    mark("The strongest model of this list, in 4 bit on a single card of 80 GiB."),
)

# Slower than this, an answer takes longer to come than to read.
_READING_TOKENS_PER_SECOND = 8.0


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """One model of the list; words: a sentence why it is on it. license is an SPDX name, context_tokens the longest."""

    hub_id: str
    title: str
    words: str
    download_bytes: int
    parameters: int
    license: str
    context_tokens: int = 0


class _List(msgspec.Struct, frozen=True):
    models: tuple[Candidate, ...]


def read_candidates(path: Path) -> tuple[Candidate, ...]:
    """Return the list in its own order; raises OSError, msgspec.DecodeError."""
    return msgspec.json.decode(path.read_bytes(), type=_List).models


def ranked(candidates: tuple[Candidate, ...], plans: Mapping[str, Plan]) -> tuple[Candidate, ...]:
    """Return the models that run here, the one that suits best first. plans: by Hub id.

    First those that are pleasant to use, most parameters first: a large model packed to 4 bit answers better than a
    small one that isn't. Then the others, quickest first.
    """
    running = [each for each in candidates if each.hub_id in plans and plans[each.hub_id].fit is not Fit.TOO_BIG]
    pleasant = [each for each in running if _is_pleasant(plans[each.hub_id])]
    others = [each for each in running if each not in pleasant]
    pleasant.sort(key=lambda each: -each.parameters)
    others.sort(key=lambda each: -plans[each.hub_id].expected_tokens_per_second)
    return (*pleasant, *others)


def _is_pleasant(plan: Plan) -> bool:
    speed = plan.expected_tokens_per_second
    return plan.fit is Fit.FITS and (speed == 0 or speed >= _READING_TOKENS_PER_SECOND)
