"""Linear layers whose weight an architecture's code names are packed where they are called, as bytes they can't be."""

import pytest

from engine.checkpoints.skeleton import skeleton_of
from engine.quantization.packing import packed_shapes
from tests.architectures.tiny_config import tiny_config


@pytest.mark.parametrize(
    ("model_type", "place", "name", "is_packed"),
    [
        ("falcon_h1", "mamba.", "out_proj", True),
        ("nemotron_h", "mixer.", "out_proj", True),
        ("bamba", "mamba.", "out_proj", True),
        ("falcon", "mlp.", "dense_h_to_4h", True),  # of a class of its own that computes what torch's does
        ("llama4_text", "feed_forward.", "router", False),  # of another, which chooses as well
        ("jamba", "mamba.", "dt_proj", False),  # multiplied by the code itself
        ("hunyuan_v1_moe", "gate.", "wg", False),  # its type says in what it is computed
        ("dots3_note_text", "indexer.", "weights_proj", False),  # what it is called with is brought into its type
    ],
)
def test_what_is_called_is_packed(model_type: str, place: str, name: str, is_packed: bool) -> None:
    skeleton = skeleton_of(tiny_config(model_type))
    named = {full for full, _ in skeleton.named_parameters() if full.endswith(f"{place}{name}.weight")}
    assert named
    assert named & set(packed_shapes(skeleton)) == (named if is_packed else set())


def test_looking_leaves_nothing_behind() -> None:
    config = tiny_config("bamba")
    width = config.hidden_size // config.num_attention_heads // 4
    config.rope_parameters = {
        "rope_type": "longrope", "rope_theta": 1e4, "partial_rotary_factor": 0.5, "factor": 32.0,
        "short_factor": [1.0] * width, "long_factor": [2.0] * width, "original_max_position_embeddings": 64,
    }  # fmt: skip
    skeleton = skeleton_of(config)
    before = {name: set(vars(module)) for name, module in skeleton.named_modules()}
    packed_shapes(skeleton)
    assert {name: set(vars(module)) for name, module in skeleton.named_modules()} == before
