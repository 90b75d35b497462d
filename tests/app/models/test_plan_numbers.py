"""A plan's sentence and its table are read one beside the other: they show the same numbers."""

import re

import pytest

from app.models.plan_words import gib, memory_rows
from engine.api.plan import Fit, Plan
from engine.planning import shapes
from tests.plan_table import planned

_SUM = re.compile(r"(\d+\.\d\d GiB of weights.*?) = (\d+\.\d\d) of (\d+\.\d\d) GiB free")
_REFUSED = re.compile(r"would need (\d+\.\d\d) GiB and (\d+\.\d\d) are free")


def numbers(found: Plan) -> list[str]:
    if found.fit is Fit.TOO_BIG:
        match = _REFUSED.search(found.precision_reason)
        assert match is not None, found.precision_reason
        return [match[1], match[2]]
    match = _SUM.search(found.precision_reason)
    assert match is not None, found.precision_reason
    return [*re.findall(r"(\d+\.\d\d) ", match[1]), match[2], match[3]]


@pytest.mark.parametrize("name", shapes.names())
def test_sentence_and_table_show_the_same(name: str) -> None:
    for card_gib in (4, 8, 12, 24, 80):
        found = planned(name, card_gib, 4096)
        table = [*(value.replace(",", "") for _, value in memory_rows(found)), gib(found.parts.free_bytes)]
        assert (table[-2:] if found.fit is Fit.TOO_BIG else table) == numbers(found)
