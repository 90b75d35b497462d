"""Which product is fastest is tried once on a machine, not at each start; what can't be believed is tried anew."""

import json
import time
from pathlib import Path

import pytest
import torch

from engine.quantization.int8 import products as int8_products
from engine.quantization.int8 import trials
from engine.quantization.int8.linear import Int8Linear
from engine.quantization.int8.products import Ladder, Rung, blockwise, digits, ladder_for, packed

CPU = torch.device("cpu")
FOUND = Ladder(
    (
        Rung(4, "packed kernel", packed),
        Rung(64, "integer digits", digits),
        Rung(None, "unpacking by block", blockwise),
    )
)


class Model(torch.nn.Module):
    """As much of a model in 8 bit as is looked at."""

    dtype = torch.bfloat16

    def __init__(self) -> None:
        super().__init__()
        self.layer = Int8Linear(torch.zeros(4, 16, dtype=torch.int8), torch.ones(4), None, self.dtype)


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[torch.dtype]:
    """The trials that are made."""
    made: list[torch.dtype] = []

    def tries(device: torch.device, dtype: torch.dtype) -> Ladder:
        made.append(dtype)
        return FOUND

    monkeypatch.setattr(int8_products, "_try_products", tries)
    new_process(monkeypatch)
    return made


def new_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(int8_products, "_ladders", {})


def settle(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Ladder:
    """Load a model in a new process."""
    new_process(monkeypatch)
    trials.settle(Model(), folder)  # type: ignore[arg-type]
    return ladder_for(CPU, torch.bfloat16)


def change(folder: Path, **values: object) -> None:
    file = folder / "hardware.json"
    content = json.loads(file.read_text())
    for entry in content["choices"].values():
        entry.update(values)
    file.write_text(json.dumps(content))


def test_a_later_process_takes_what_an_earlier_one_found(
    tmp_path: Path, tried: list[torch.dtype], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [settle(tmp_path, monkeypatch) for _ in range(3)] == [FOUND] * 3
    assert tried == [torch.bfloat16]


def test_nothing_is_tried_for_a_model_without_such_layers(tmp_path: Path, tried: list[torch.dtype]) -> None:
    model = Model()
    del model.layer
    trials.settle(model, tmp_path)  # type: ignore[arg-type]
    assert tried == []
    assert not (tmp_path / "hardware.json").exists()


@pytest.mark.parametrize(
    "rungs",
    [
        [],
        [[4, "packed kernel"]],  # and beyond?
        [[0, "packed kernel"], [0, "unpacking by block"]],
        [[4, "a product of another version"], [0, "unpacking by block"]],
        "packed kernel",
    ],
)
def test_a_choice_that_makes_no_sense_is_tried_anew(
    rungs: object, tmp_path: Path, tried: list[torch.dtype], monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(tmp_path, monkeypatch)
    change(tmp_path, rungs=rungs)
    assert settle(tmp_path, monkeypatch) == FOUND
    assert len(tried) == 2


def test_another_processor_torch_or_number_of_threads_is_tried_anew(
    tmp_path: Path, tried: list[torch.dtype], monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(tmp_path, monkeypatch)
    monkeypatch.setattr(trials, "cpu_features", lambda: ("avx2",))
    settle(tmp_path, monkeypatch)
    monkeypatch.setattr(torch, "__version__", "99.0")
    settle(tmp_path, monkeypatch)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 777)
    settle(tmp_path, monkeypatch)
    assert len(tried) == 4


@pytest.mark.parametrize("disturbed", [False, True])
def test_what_was_tried_while_others_were_busy_is_good_for_an_hour(
    disturbed: bool, tmp_path: Path, tried: list[torch.dtype], monkeypatch: pytest.MonkeyPatch
) -> None:
    busy = iter((0.0, 1e9 if disturbed else 0.0, 0.0, 0.0))
    monkeypatch.setattr(trials, "busy_seconds_of_others", lambda: next(busy))
    settle(tmp_path, monkeypatch)
    change(tmp_path, at=time.time() - 3500)
    settle(tmp_path, monkeypatch)
    change(tmp_path, at=time.time() - 3700)
    settle(tmp_path, monkeypatch)
    assert len(tried) == (2 if disturbed else 1)


def test_a_folder_that_cannot_be_written_to(
    tmp_path: Path, tried: list[torch.dtype], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert settle(tmp_path / "missing", monkeypatch) == FOUND


def test_what_is_really_found_is_taken_up_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = settle(tmp_path, monkeypatch)
    assert settle(tmp_path, monkeypatch) == first
