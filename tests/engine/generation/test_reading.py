"""How many ids are fed at once: by the measured rate, and more where each chunk unpacks all weights."""

from pathlib import Path

import pytest
import torch

from engine.api.plan import Precision
from engine.generation.model_runner import ModelRunner
from engine.generation.reading import PrefillPace, pace_for
from tests import tiny_checkpoints
from tests.benchmarks.quantization import load_quantized

IDS_PER_SECOND = 1000


def learned(pace: PrefillPace) -> int:
    for _ in range(8):
        pace.learn(pace.chunk, pace.chunk / IDS_PER_SECOND)
    return pace.chunk


@pytest.mark.parametrize(
    ("stops_inside", "unpacked_layers", "seconds"),
    [(True, 0, 1.0), (True, 4, 1.0), (True, 20, 1.4), (True, 80, 2.0), (False, 80, 0.12)],
)
def test_chunks_that_unpack_weights_are_larger_but_no_layer_keeps_a_stop_waiting(
    stops_inside: bool, unpacked_layers: int, seconds: float
) -> None:
    pace = PrefillPace(stops_inside, 4096, unpacked_layers=unpacked_layers)

    assert learned(pace) == int(seconds * IDS_PER_SECOND) // 32 * 32


def test_larger_chunks_stay_within_what_the_plan_has_memory_for() -> None:
    assert learned(PrefillPace(stops_inside_chunks=True, largest_tokens=512, unpacked_layers=80)) == 512


def test_one_chunk_that_seemed_quick_makes_the_next_no_more_than_four_times_as_large() -> None:
    """A clock that stood still, or a card that had not begun yet, would have the next one keep a Stop waiting."""
    pace = PrefillPace(stops_inside_chunks=True, largest_tokens=4096)
    pace.learn(pace.chunk, 0.0)
    assert pace.chunk == 4 * 32


@pytest.mark.parametrize("precision", [Precision.BF16, Precision.INT8, Precision.INT4])
def test_the_runner_knows_which_layers_are_packed(
    precision: Precision, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = load_quantized(tiny_checkpoints.make("llama", tiny_folder), precision)
    runner = ModelRunner(model, torch.device("cpu"), 256)

    assert runner.unpacked_layers == (0 if precision is Precision.BF16 else model.config.num_hidden_layers)

    monkeypatch.setattr(ModelRunner, "unpacked_layers", property(lambda _: 20))
    monkeypatch.setattr(ModelRunner, "stops_inside_chunks", property(lambda _: True))
    assert learned(pace_for(runner, 4096)) == 1376
