"""The published table of plans is up to date, and no row of it is absurd."""

import pytest

from engine.api.plan import Fit, Plan, Precision
from engine.planning import shapes
from tests import plan_table
from tests.plan_table import CARDS, CONTEXTS, planned

_RANKS = (Precision.INT4, Precision.INT8, Precision.FP16, Precision.FP32, Precision.BF16)


def test_the_file_is_up_to_date() -> None:
    found = plan_table.FILE.read_text(encoding="utf-8")
    assert found == plan_table.rendered(), "run python -m tests.plan_table"


@pytest.mark.parametrize(
    ("name", "card_gib", "context", "precision"),
    [
        ("smollm2-135m", 4, 4096, Precision.FP16),
        ("llama-3.2-1b", 24, 32768, Precision.BF16),
        ("llama-3.1-8b", 8, 4096, Precision.INT4),
        ("llama-3.1-8b", 12, 4096, Precision.INT8),
        ("llama-3.1-8b", 24, 32768, Precision.BF16),
        ("mistral-7b", 16, 4096, Precision.BF16),
        ("qwen3-8b-fp8", 8, 4096, Precision.INT4),
        ("qwen3-8b-fp8", 12, 4096, Precision.INT8),
        ("qwen3-8b-fp8", 24, 4096, Precision.BF16),
        ("gemma-3-27b", 24, 32768, Precision.INT4),
        ("qwen3-32b", 24, 4096, Precision.INT4),
        ("qwen3-30b-a3b", 24, 32768, Precision.INT4),
        ("mixtral-8x7b", 32, 4096, Precision.INT4),
        ("gpt-oss-20b", 16, 4096, Precision.INT4),
        ("llama-3.1-70b", 48, 4096, Precision.INT4),
        ("llama-3.1-70b", 80, 4096, Precision.INT8),
        ("llama-3.1-70b", 141, 4096, Precision.BF16),
    ],
)
def test_what_an_expert_knows(name: str, card_gib: int, context: int, precision: Precision) -> None:
    found = planned(name, card_gib, context)
    assert (found.fit, found.precision) == (Fit.FITS, precision)


@pytest.mark.parametrize("card_gib", [4, 8, 12])
def test_what_main_memory_can_hold_is_slow_not_refused(card_gib: int) -> None:
    assert planned("gpt-oss-20b", card_gib, 4096).fit is Fit.SLOW


@pytest.mark.parametrize("context", CONTEXTS)
@pytest.mark.parametrize("name", shapes.names())
def test_no_row_is_absurd(name: str, context: int) -> None:
    row = [planned(name, size, context) for size in CARDS]
    for found in row:
        maximum = plan_table.facts_for(name).maximum_context
        wanted = min(context, maximum or context)
        assert found.fit is Fit.TOO_BIG or min(2048, wanted) <= found.context_window <= wanted
        assert found.fit is Fit.TOO_BIG or found.parts.needed_bytes <= found.parts.free_bytes
        assert found.fit is not Fit.TOO_BIG or found.parts.needed_bytes > found.parts.free_bytes
        assert "  " not in found.precision_reason
        assert found.precision_reason.endswith(".")
        assert name != "deepseek-v3" or found.fit is Fit.TOO_BIG
    assert [rank(found) for found in row] == sorted(rank(found) for found in row), "a larger card is never worse"
    if plan_table.facts_for(name).parameters < 1.5e9:
        assert all(found.precision in (Precision.BF16, Precision.FP16) for found in row[2:])


def rank(found: Plan) -> tuple[int, int, int]:
    """Order plans: on the card before main memory, the whole window before a part of it, then precision."""
    if found.fit in (Fit.TOO_BIG, Fit.SLOW):
        return (int(found.fit is Fit.SLOW), 0, 0)
    whole = found.fit is Fit.FITS
    # Below the whole window the lowest precision is taken, for the longest one.
    return (2, found.context_window, _RANKS.index(found.precision) if whole else 0)
