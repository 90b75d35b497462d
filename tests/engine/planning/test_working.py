"""Predicted working space against the peak of live tensors of the real modules; the whole table is a benchmark."""

import pytest

from engine.api.plan import Precision
from engine.planning.loading import AttentionKernel, Shape
from engine.planning.placement import place
from engine.planning.targets import targets_of
from tests.benchmarks.working_space import Case, facts_from, measured_bytes, predicted_bytes, shortened, text_config
from tests.plan_table import facts_for, machine_with


@pytest.mark.parametrize("case", [Case(512, 8191), Case(128, 2047), Case(512, 2047, packs=True)], ids=str)
@pytest.mark.parametrize("name", ["llama-3.1-8b", "phi-4", "gemma-3-1b", "deepseek-v3", "gpt-oss-20b", "lfm2-1.2b"])
def test_prediction_is_what_the_modules_hold(name: str, case: Case) -> None:
    config = shortened(text_config(name))
    facts = facts_from(config)
    if case.packs and facts.dimensions.expert_rows and name != "deepseek-v3":
        case = Case(case.chunk, case.context, windowed=True)
    ratio = predicted_bytes(facts, case) / measured_bytes(config, case)
    assert 0.95 <= ratio <= 1.2


@pytest.mark.parametrize("name", ["granite-4.0-h-tiny", "falcon-h1-0.5b", "qwen3-next-80b-a3b", "mixtral-8x7b"])
def test_recurrent_layers_and_experts_are_counted(name: str) -> None:
    config = shortened(text_config(name))
    case = Case(512, 2047)
    assert 0.95 <= predicted_bytes(facts_from(config), case) / measured_bytes(config, case) <= 1.2


def test_the_pass_that_turns_all_positions_is_planned_where_the_window_reaches_so_far() -> None:
    facts, target = facts_for("phi-4-mini"), targets_of(machine_with(24), "cuda:0")
    turn = facts.position_turn
    shape = Shape(Precision.BF16, Precision.BF16, chunk_tokens=512, attention=AttentionKernel.FLASH)
    short, long = (place(facts, shape, target, window) for window in (turn, turn + 1))
    assert short is not None
    assert long is not None
    config = shortened(text_config("phi-4-mini"))
    crossing = measured_bytes(config, Case(turn + 1, turn + 1))
    assert short.parts.working_bytes < crossing <= long.parts.working_bytes
