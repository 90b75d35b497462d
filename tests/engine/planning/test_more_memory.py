"""More graphics memory never makes a plan worse."""

import msgspec
import pytest

from engine.api.plan import Fit, Plan
from engine.planning.ladder import MINIMUM_CONTEXT_TOKENS, Wishes
from engine.planning.precision import plan
from engine.planning.sizes import GIB
from tests.plan_table import facts_for, machine_with

_RANKS = (Fit.FITS, Fit.LESS_CONTEXT, Fit.SLOW, Fit.TOO_BIG)


def planned(name: str, free_gib: float, context: int) -> Plan:
    """Plan for a card that has no more than its free memory, so that the reserve is the same for all of them."""
    hardware = machine_with(4)
    card = msgspec.structs.replace(hardware.gpus[0], free_bytes=int(free_gib * GIB))
    return plan(msgspec.structs.replace(hardware, gpus=(card,)), facts_for(name), Wishes(context))


@pytest.mark.parametrize(("name", "context"), [("llama-3.1-8b", 4096), ("qwen3-8b", 8192)])
def test_a_card_that_has_room_for_a_table_has_no_shorter_window(name: str, context: int) -> None:
    """It would have all weights, and little of the conversation."""
    plans = [planned(name, 5.4 + step / 10, context) for step in range(20)]
    on_the_card = [found for found in plans if found.fit is not Fit.SLOW]
    windows = [found.context_window for found in on_the_card]
    assert windows == sorted(windows)
    ranks = [_RANKS.index(found.fit) for found in plans]
    assert ranks == sorted(ranks, reverse=True)
    assert {bool(found.offloaded) for found in on_the_card} == {True, False}


def test_a_window_that_has_to_be_shorter_is_worth_a_table_if_that_makes_it_much_longer() -> None:
    few, many = (planned("qwen3-8b", free, 32768) for free in (6, 8))
    assert few.offloaded
    assert few.context_window > 2 * MINIMUM_CONTEXT_TOKENS
    assert not many.offloaded, "steps can be recorded"
    assert few.context_window < many.context_window < 32768


def test_no_layer_waits_where_the_card_has_room_for_all_of_them() -> None:
    """One or two layers that wait would stay on the card once they are there: it holds everything then."""
    plans = [planned("qwen3-4b", 3.25 + step / 100, 2048) for step in range(20)]
    layers = [sum(".layers." in name for name in found.offloaded) for found in plans]
    assert layers[0] > 2
    assert not {1, 2}.intersection(layers)
    assert plans[-1].fit is Fit.FITS


@pytest.mark.parametrize("name", ["qwen3-30b-a3b", "gpt-oss-20b", "mixtral-8x7b"])
def test_more_room_lets_fewer_experts_wait_and_a_token_copies_those_that_it_goes_to(name: str) -> None:
    facts = facts_for(name)
    plans = [planned(name, free, 4096) for free in (6, 8, 10)]
    assert {found.device for found in plans} == {"cuda:0"}
    for found in plans:
        experts = [module for module in found.offloaded if module.endswith(".experts")]
        assert experts
        assert {found.device_map[module.rpartition(".mlp")[0]] for module in experts} == {"cuda:0"}
        # No more than the experts' part of what waits, at 12 GB/s.
        copying = found.parts.offloaded_bytes * facts.expert_share / 12e9
        assert 0.5 / copying < found.expected_tokens_per_second < 1.5 / copying
    assert sorted(plans, key=lambda found: found.expected_tokens_per_second) == plans
    assert sorted(plans, key=lambda found: -len(found.offloaded)) == plans
