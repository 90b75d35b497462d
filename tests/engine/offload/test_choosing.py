"""Experts that wait in main memory: of few ids only those are copied that they go to, and the answers are the same."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest
import torch
import transformers
from torch import nn

from engine.api.plan import PrecisionChoice
from engine.checkpoints import loader
from engine.generation.chat_session import ChatSession
from engine.offload import streaming
from engine.offload.choosing import ExpertBytes, chosen_by, expert_bytes_of
from engine.offload.lanes import copy_spans
from engine.planning.placement import Aside
from engine.quantization.experts.forms import form_of
from tests import tiny_checkpoints
from tests.architectures.tiny_config import tiny_config
from tests.engine.offload.answers import answers
from tests.engine.offload.spreading import load, load_spread

_EXPERTS, _CHOSEN = 8, 2
_CPU = torch.device("cpu")
# Each has its own router, and dense layers, shared experts, biases, states or transposed weights beside it.
_NAMES = {"num_local_experts", "num_experts", "n_routed_experts"}
_ARCHITECTURES = ("mixtral", "qwen3_moe", "qwen3_next", "gpt_oss", "deepseek_v3", "olmoe", "glm4_moe")
_OWN = ("llama4_text", "dbrx", "jetmoe")  # outside of transformers' interface
_OTHERS = {
    "olmoe": lambda: transformers.OlmoeConfig(**_LIKE_LLAMA, num_experts=_EXPERTS, num_experts_per_tok=_CHOSEN),
    "glm4_moe": lambda: transformers.Glm4MoeConfig(
        **_LIKE_LLAMA, n_routed_experts=_EXPERTS, num_experts_per_tok=_CHOSEN, moe_intermediate_size=32,
        first_k_dense_replace=1, n_shared_experts=1,
    ),
}  # fmt: skip
_LIKE_LLAMA = {name: value for name, value in tiny_checkpoints._DENSE.items() if name != "head_dim"}


class _Copied:
    """What is copied to the slots. What lay there before is gone, so that nothing that wasn't asked for is of use."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.whole, self.chosen = 0, list[int]()
        self._pieces, self._spans = streaming.copy_pieces, streaming.copy_spans
        monkeypatch.setattr(streaming, "copy_pieces", self._copy_whole)
        monkeypatch.setattr(streaming, "copy_spans", self._copy_chosen)

    def _copy_whole(self, pieces: Sequence[torch.Tensor], target: torch.Tensor) -> None:
        self.whole += 1
        self._pieces(pieces, target)

    def _copy_chosen(
        self, pieces: Sequence[torch.Tensor], target: torch.Tensor, spans: Iterable[tuple[int, int]]
    ) -> None:
        target.fill_(255)  # no number in any format of floats
        self.chosen.append(sum(end - begin for begin, end in spans))
        self._spans(pieces, target, spans)


def _make(name: str, folder: Path) -> Path:
    if name in _OWN:
        config = tiny_config(name)
    else:
        config = _OTHERS[name]() if name in _OTHERS else tiny_checkpoints.ARCHITECTURES[name]()
    if name == "dbrx":
        config.ffn_config.moe_num_experts = _EXPERTS
    for count in _NAMES.intersection(config.to_dict()):
        setattr(config, count, _EXPERTS)
    if hasattr(config, "first_k_dense_replace"):
        config.num_hidden_layers = 4  # the first has no experts, and two would stay on the card
    path = folder / f"{name}-{_EXPERTS}-experts"
    return path if path.exists() else tiny_checkpoints.save(config, path)


def _bytes_of_one(model: nn.Module) -> set[int]:
    """Return what one expert of each module has: weights, scales and biases."""
    modules = [module for module in model.modules() if form_of(module) is not None]
    return {sum(each.nbytes for each in module.parameters()) // _EXPERTS for module in modules}


def _check(path: Path, data: Path, choice: PrecisionChoice, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = ChatSession(load(path, data, choice))
    expected = answers(whole)
    loader.free(whole.loaded)
    spread = ChatSession(load_spread(path, data, choice, monkeypatch, Aside.EXPERTS))
    assert any(form_of(spread.loaded.model.get_submodule(name)) is not None for name in spread.plan.offloaded)
    copied = _Copied(monkeypatch)
    assert answers(spread) == expected
    assert copied.whole, "long chunks"
    assert set(copied.chosen) == {_CHOSEN * each for each in _bytes_of_one(spread.loaded.model)}
    loader.free(spread.loaded)


@pytest.mark.parametrize("name", _ARCHITECTURES)
def test_answers_stay_the_same_where_an_id_has_its_experts_copied_alone(
    name: str, tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _check(_make(name, tiny_folder), tmp_path, PrecisionChoice.FP32, monkeypatch)


@pytest.mark.parametrize("choice", [PrecisionChoice.FP32, PrecisionChoice.INT4])
@pytest.mark.parametrize("name", _OWN)
def test_experts_outside_of_the_interface_wait_as_others(
    name: str, choice: PrecisionChoice, tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _check(_make(name, tiny_folder), tmp_path, choice, monkeypatch)


@pytest.mark.parametrize("choice", [PrecisionChoice.BF16, PrecisionChoice.INT8, PrecisionChoice.INT4])
@pytest.mark.parametrize("name", ["qwen3_moe", "gpt_oss"])
def test_experts_are_copied_as_they_are_packed(
    name: str, choice: PrecisionChoice, tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _check(_make(name, tiny_folder), tmp_path, choice, monkeypatch)


def test_few_ids_ask_for_their_experts_and_many_for_all() -> None:
    states, weights = torch.zeros(3, 4), torch.ones(3, 2)
    choice = torch.tensor([[1, 5], [5, 2], [1, 5]])
    assert chosen_by((states, choice, weights), 8) == {1, 2, 5}
    assert chosen_by((states, choice.int(), weights), 8) == {1, 2, 5}
    assert chosen_by((states, choice, weights), 6) is None
    assert chosen_by((states, [0, 2, 0, 0, 0, 1, 0, 0]), 8) == {1, 5}, "how many rows go to each"
    assert chosen_by((states, [0, 4, 0, 0, 0, 4, 0, 0]), 8) is None
    assert chosen_by((states, weights, None), 8) is None, "a router inside"
    assert chosen_by((states, choice, choice), 8) is None, "nobody knows which"


def test_neighbours_are_copied_together_and_what_they_share_with_them() -> None:
    found = ExpertBytes(4, ((0, 10), (256, 3)), ((512, 520),))
    assert list(found.spans({3, 0, 1})) == [(512, 520), (0, 20), (30, 40), (256, 262), (265, 268)]
    assert list(found.spans(())) == [(512, 520)]


def test_spans_reach_over_the_pieces_of_main_memory() -> None:
    content = torch.arange(40, dtype=torch.uint8)
    target = torch.zeros(48, dtype=torch.uint8)
    copy_spans([content[:16], content[16:24], content[24:]], target, [(3, 5), (10, 30), (39, 40)])
    wanted = torch.zeros_like(target)
    for begin, end in ((3, 5), (10, 30), (39, 40)):
        wanted[begin:end] = content[begin:end]
    assert torch.equal(target, wanted)


def test_other_modules_have_no_experts() -> None:
    linear = nn.Linear(4, 4)
    assert expert_bytes_of(linear, [linear.weight, linear.bias], [0, 256]) is None
