"""Predicted working space against the peak of live tensors of the real modules; the whole table is a benchmark."""

import pytest

from tests.benchmarks.working_space import Case, facts_from, measured_bytes, predicted_bytes, shortened, text_config


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
