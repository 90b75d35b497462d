"""Experts outside of transformers' interface: told where ids go they compute what they did, packed or not."""

import copy
from pathlib import Path

import pytest
import torch
import transformers
from torch import nn
from torch.nn.functional import linear
from transformers import PreTrainedConfig, PreTrainedModel

from engine.api.plan import Precision
from engine.checkpoints.skeleton import auto_class_for, skeleton_of
from engine.quantization.experts.forms import expert_shapes, form_of
from engine.quantization.experts.own import adopt
from engine.quantization.experts.packed import _all_at_once, _expert_by_expert, is_packed, packed_shapes_of, unpack
from engine.quantization.packing import packed_shapes
from engine.quantization.quantizers import finish, quantization_config_for
from tests import tiny_checkpoints
from tests.architectures.tiny_config import tiny_config

BOTH = (Precision.INT8, Precision.INT4)
NAMES = ("llama4_text", "dbrx", "jetmoe", "step3p7")
_WITHOUT_COPY = ("step3p7",)  # transformers can't write its packed picture part
IDS = torch.arange(3, 40).view(1, -1)


def _config(name: str) -> PreTrainedConfig:
    if name != "step3p7":
        config = tiny_config(name)
        if name == "llama4_text":
            config.num_experts_per_tok = 2  # published ones have one
        return config
    text = {
        "vocab_size": 384, "hidden_size": 128, "intermediate_size": 256, "num_hidden_layers": 2, "head_dim": 64,
        "num_attention_heads": 2, "num_key_value_heads": 1, "n_routed_experts": 4, "num_experts_per_tok": 2,
        "moe_intermediate_size": 64, "share_expert_dim": 64, "mlp_layer_types": ["dense", "sparse"],
        "layer_types": ["full_attention", "sliding_attention"], "sliding_window": 16,
        "max_position_embeddings": 512, "swiglu_limits": [0.0, 0.5],
    }  # fmt: skip
    vision = {"width": 64, "layers": 1, "heads": 2, "hidden_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2}
    return transformers.Step3p7Config(text_config=text, vision_config=vision)


def _load(path: Path, precision: Precision | None = None) -> PreTrainedModel:
    config = transformers.AutoConfig.from_pretrained(path)
    wanted = {"quantization_config": quantization_config_for(precision, torch.float32)} if precision else {}
    model, information = auto_class_for(config).from_pretrained(
        path, dtype=torch.float32, device_map={"": "cpu"}, output_loading_info=True, **wanted
    )
    assert not any(information.values())
    return model.eval()  # type: ignore[no-any-return]


def _saved(name: str, folder: Path) -> Path:
    path = folder / f"own experts {name}"
    return path if path.exists() else tiny_checkpoints.save(_config(name), path)


def _logits(model: PreTrainedModel) -> torch.Tensor:
    with torch.inference_mode():
        return model(input_ids=IDS).logits  # type: ignore[no-any-return]


@pytest.mark.parametrize("name", NAMES)
def test_adopted_experts_compute_what_published_code_does(name: str, tiny_folder: Path) -> None:
    model = _load(_saved(name, tiny_folder))
    before = _logits(model)
    names = set(model.state_dict())
    adopt(model)
    adopt(model)
    assert any("expert_form" in vars(module) for module in model.modules())
    assert torch.allclose(_logits(model), before, rtol=1e-4, atol=1e-5)
    assert set(model.state_dict()) == names


@pytest.mark.parametrize("precision", BOTH)
@pytest.mark.parametrize("name", NAMES)
def test_packed_ones_compute_what_dense_ones_with_the_same_weights_do(
    name: str, precision: Precision, tiny_folder: Path, tmp_path: Path
) -> None:
    path = _saved(name, tiny_folder)
    packed, dense = _load(path, precision), _load(path)
    if name not in _WITHOUT_COPY:
        packed.save_pretrained(tmp_path / "copy")
    finish(packed)
    modules = {key: module for key, module in packed.named_modules() if is_packed(module)}
    assert modules
    assert not [one for module in packed.modules() for one in expert_shapes(module)], "experts in 16 bit"
    for key, module in modules.items():
        plain, form = dense.get_submodule(key), form_of(module)
        for local, shape in packed_shapes_of(module).items():
            weight = unpack(*(getattr(module, local + end) for end in shape.suffixes), shape, torch.float32).detach()
            target = getattr(plain, local)
            stored = weight.transpose(1, 2) if form is not None and local in form.transposed else weight
            found, original = stored.reshape(target.shape), target.data
            assert float((found - original).norm() / original.norm()) < (0.02 if precision is Precision.INT8 else 0.15)
            original.copy_(found)
    for key, linear_layer in list(dense.named_modules()):  # all else as it is packed too
        if type(linear_layer) is nn.Linear:
            _copy_what_it_computes(packed.get_submodule(key), linear_layer)
    table = packed.get_input_embeddings()
    with torch.inference_mode():
        dense.get_input_embeddings().weight.data.copy_(table(torch.arange(len(table.weight))))
    assert torch.allclose(_logits(packed), _logits(dense), rtol=2e-3, atol=2e-3)
    if name not in _WITHOUT_COPY:
        again = _load(tmp_path / "copy")
        finish(again)
        assert torch.equal(_logits(again), _logits(packed))


def _copy_what_it_computes(packed: nn.Module, dense: nn.Linear) -> None:
    with torch.inference_mode():
        unit = torch.eye(dense.in_features)
        bias = 0 if dense.bias is None else dense.bias
        dense.weight.data.copy_((packed(unit) - bias).t())


@pytest.mark.parametrize("precision", BOTH)
@pytest.mark.parametrize("name", ["llama4_text", "dbrx"])
def test_few_ids_have_their_experts_unpacked_at_once(name: str, precision: Precision, tiny_folder: Path) -> None:
    model = _load(_saved(name, tiny_folder), precision)
    module = next(module for module in model.modules() if is_packed(module))
    states, chosen = torch.randn(3, 128), torch.tensor([[0, 3], [1, 0], [2, 2]])
    with torch.inference_mode():
        both = [way(module, states, chosen) for way in (_all_at_once, _expert_by_expert)]  # type: ignore[arg-type]
    assert torch.allclose(*both, rtol=1e-3, atol=1e-4 * float(both[0].abs().max()))


class _Own(nn.Module):
    """Experts that are called as through the interface, of a class that it doesn't have."""

    def __init__(self, factor: float = 1.0) -> None:
        super().__init__()
        self.gate_up_proj = nn.Parameter(torch.empty(8, 64, 48, device="meta"))
        self.down_proj = nn.Parameter(torch.empty(8, 48, 32, device="meta"))
        self.act_fn = nn.SiLU()
        self.factor = factor

    def forward(self, states: torch.Tensor, chosen: torch.Tensor, shares: torch.Tensor) -> torch.Tensor:
        result = torch.zeros_like(states)
        for row, experts in enumerate(chosen.tolist()):
            for share, expert in zip(shares[row], experts, strict=True):
                gate, up = linear(states[row], self.gate_up_proj[expert]).chunk(2)
                result[row] += share * linear(self.act_fn(gate) * up, self.down_proj[expert]) * self.factor
        return result


class _Scaled(_Own):
    pass


def test_experts_are_known_by_what_they_compute() -> None:
    assert dict(expert_shapes(_Own())) == {"gate_up_proj": (8, 64, 48), "down_proj": (8, 48, 32)}
    assert not dict(expert_shapes(_Scaled(1.01))), "something else"
    fewer = copy.deepcopy(_Own())
    fewer.down_proj = nn.Parameter(torch.empty(6, 48, 32, device="meta"))
    assert not dict(expert_shapes(fewer)), "some of them have no weights"


def test_known_models_have_nearly_all_their_weights_packed() -> None:
    for config in (transformers.Llama4TextConfig(), transformers.JetMoeConfig(), transformers.Step3p7Config()):
        skeleton = skeleton_of(config)
        packed, count = packed_shapes(skeleton), sum(one.numel() for one in skeleton.parameters())
        assert sum(torch.Size(shape).numel() for shape in packed.values()) > 0.9 * count, config.model_type
