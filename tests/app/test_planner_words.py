"""What the planner says of well-known models is said in German as a whole, not in two languages."""

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest

from app import language
from app.engine_words import said
from app.models.plan_words import device_lines, speed_text
from engine.api.plan import Plan, Precision, PrecisionChoice
from engine.planning.facts import Published
from engine.planning.ladder import Wishes
from engine.planning.precision import plan
from tests import translations
from tests.engine.planning.test_precision import machine
from tests.plan_table import facts_for

_NOT_GERMAN = re.compile(r"\b(?:the|of|and|are|is|by|each|which|with|for|from|on|at|only|because|not|as)\b|\d\.\d\d\b")
_MODELS = ("llama-3.1-8b", "llama-3.1-70b", "qwen3-14b", "qwen3-30b-a3b", "gpt-oss-20b", "smollm2-135m")
_CARDS: tuple[tuple[float, ...], ...] = ((), (2,), (5.55,), (8,), (12,), (24,), (12, 12), (40, 8), (100,))


@pytest.fixture
def german() -> Iterator[None]:
    known = {each.source: each.translations[0] for each in translations.texts(translations.FOLDER / "hearth_de.ts")}
    language.use(lambda text, _comment, _number: known.get(text, text), ",", ".")
    yield
    language.use(None)


def _plans() -> Iterator[Plan]:
    packed = Published(Precision.INT4, "4-bit GPTQ", on_processor=True, waits=True)
    again = Published(Precision.INT4, "FP8", unpacked=True, packs_again=True)
    for name in _MODELS:
        facts = facts_for(name)
        for cards in _CARDS:
            is_old = len(cards) == 1 and cards[0] < 10
            hardware = machine(*cards, ram_gib=40, capability=(7, 5) if is_old else (8, 6), bf16=not is_old)
            for choice in (PrecisionChoice.AUTO, PrecisionChoice.INT8):
                for context in (None, 4096):
                    yield plan(hardware, facts, Wishes(context, choice))
            for published in (packed, again):
                yield plan(hardware, replace(facts, published=published), Wishes())


@pytest.mark.usefixtures("german")
def test_every_reason_of_a_plan_is_in_one_language() -> None:
    mixed = set()
    for found in _plans():
        for text in (said(found.precision_reason), said(found.context_reason), speed_text(found), *device_lines(found)):
            if _NOT_GERMAN.search(text):
                mixed.add(text)
    assert not mixed, "\n".join(sorted(mixed))
