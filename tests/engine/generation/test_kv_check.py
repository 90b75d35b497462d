"""The check at load: what rounding does to one comparison is forgiven, what is wrong is found with any ids."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from engine.api.errors import EngineError, ErrorKind
from engine.api.plan import PrecisionChoice
from engine.generation import kv_check
from engine.generation.kv_check import Pairs, check_ids, holds
from engine.generation.kv_way import KvMode
from engine.generation.model_runner import ModelRunner
from engine.kv.slab_layers import SlabLayer
from tests import tiny_checkpoints
from tests.chat_probe import answered, ask, cold_ids, load_session, user
from tests.work import work_of

RIGHT = torch.tensor([1.0, -2.0, 3.0])
OTHER_EXPERTS = torch.tensor([1.0, -1.0, 2.0])


@pytest.mark.parametrize(
    ("dtype", "differing", "expected"),
    [
        (torch.bfloat16, [{0, 2}, {1, 2}, {1}], True),
        (torch.bfloat16, [{0, 2}, {1, 2}, {2}, {0, 2}], False),
        (torch.float32, [{0}, set()], False),
        (torch.float32, [set()], True),
    ],
)
def test_each_comparison_has_to_be_equal_once(dtype: torch.dtype, differing: list[set[int]], expected: bool) -> None:
    def compare(number: int) -> Pairs:
        return [(OTHER_EXPERTS if place in differing[number] else RIGHT, RIGHT) for place in range(3)]

    assert holds(compare, dtype) is expected


@pytest.mark.parametrize(("noise", "expected"), [(0.5, True), (0.05, False)])
def test_a_model_is_held_to_no_less_than_it_differs_from_itself(noise: float, expected: bool) -> None:
    def compare(number: int) -> Pairs:
        return [(OTHER_EXPERTS, RIGHT), (RIGHT, RIGHT)]

    assert not holds(compare, torch.bfloat16)
    assert holds(compare, torch.bfloat16, lambda number: [noise, 0.0, 0.0]) is expected


@pytest.mark.parametrize(("name", "expected"), [("llama", KvMode.SLAB), ("mamba", KvMode.WHOLE)])
def test_rounding_costs_nobody_the_kv_and_hides_no_wrong_one(
    name: str, expected: KvMode, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kv_check, "_TOLERANCE", {torch.bfloat16: 1e-5})
    session = load_session(str(tiny_checkpoints.make(name, tiny_folder)), tiny_folder, PrecisionChoice.BF16)
    assert session._runner.mode is expected
    assert session._runner.kv.can_be_put_back


@pytest.mark.parametrize("choice", [PrecisionChoice.FP32, PrecisionChoice.BF16])
def test_a_model_that_reads_both_ways_is_refused(choice: PrecisionChoice, tmp_path: Path) -> None:
    """CPM-Ant looks at the whole prompt from each of its places: its answers were others than generate's."""
    config = transformers.CpmAntConfig(
        vocab_size=384, hidden_size=48, num_attention_heads=4, dim_head=12, dim_ff=96, num_hidden_layers=3,
        prompt_length=4, bos_token_id=1, eos_token_id=2, pad_token_id=0,
    )  # fmt: skip
    path = str(tiny_checkpoints.save(config, tmp_path / "model"))
    with pytest.raises(EngineError, match="depends on the words behind it"):
        load_session(path, tmp_path, choice)


def with_a_weight_that_is_none(path: Path) -> None:
    weights = load_file(path / "model.safetensors")
    weights["model.norm.weight"][0] = torch.nan
    save_file(weights, path / "model.safetensors", {"format": "pt"})


def with_turns_by_nothing(path: Path) -> None:
    config = json.loads((path / "config.json").read_text())
    config["rope_parameters"]["rope_theta"] = 0.0
    (path / "config.json").write_text(json.dumps(config))


@pytest.mark.parametrize("choice", [PrecisionChoice.FP32, PrecisionChoice.BF16])
@pytest.mark.parametrize("damage", [with_a_weight_that_is_none, with_turns_by_nothing])
def test_a_model_that_computes_no_numbers_is_told_as_that(
    damage: Callable[[Path], None], choice: PrecisionChoice, tmp_path: Path
) -> None:
    path = tiny_checkpoints.make("llama", tmp_path)
    damage(path)
    with pytest.raises(EngineError, match="computes no numbers") as refused:
        load_session(str(path), tmp_path, choice)
    assert refused.value.report.kind is ErrorKind.CHECKPOINT_INCOMPLETE
    assert not refused.value.report.remedies


def of_zeros(path: Path) -> None:
    tensors = load_file(path / "model.safetensors")
    save_file({name: torch.zeros_like(tensor) for name, tensor in tensors.items()}, path / "model.safetensors",
              metadata={"format": "pt"})  # fmt: skip


def with_an_end_of_zeros(path: Path) -> None:
    """As a program leaves it that gives a file its size before it fills it."""
    with (path / "model.safetensors").open("r+b") as file:
        length = file.seek(0, 2)
        file.seek(length * 2 // 3)
        file.write(bytes(length - length * 2 // 3))


@pytest.mark.parametrize("damage", [of_zeros, with_an_end_of_zeros])
def test_a_model_of_zeros_is_told_as_that(damage: Callable[[Path], None], tmp_path: Path) -> None:
    path = tiny_checkpoints.make("llama", tmp_path)
    damage(path)
    with pytest.raises(EngineError, match="tells no word from another: its weights are empty") as refused:
        load_session(str(path), tmp_path)
    assert refused.value.report.kind is ErrorKind.CHECKPOINT_INCOMPLETE


def test_a_draft_model_of_zeros_is_not_used(tiny_folder: Path, tmp_path: Path) -> None:
    draft = tiny_checkpoints.make("llama", tmp_path)
    of_zeros(draft)
    session = load_session(str(tiny_checkpoints.make("llama", tiny_folder)), tmp_path, draft=str(draft))
    assert session.plan.draft_reason.endswith("can't be computed here, so it isn't used.")
    assert session.loaded.draft is None


def test_in_fp16_the_weights_may_be_too_large(tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session = load_session(str(tiny_checkpoints.make("llama", tiny_folder)), tiny_folder)
    session.loaded.model.half()
    monkeypatch.setattr(ModelRunner, "plain_logits", lambda self, ids: torch.full((len(ids), 384), torch.nan))
    with pytest.raises(EngineError, match="too large for this precision") as refused:
        session._choose_mode()
    assert [remedy.precision for remedy in refused.value.report.remedies] == [PrecisionChoice.FP32]


def forgetting_one(layer: SlabLayer, length: int) -> None:
    layer.hold(length - 1)


def keeping_one(layer: SlabLayer, length: int) -> None:
    layer.hold(min(layer.length, length + 1))


def keeping_all(layer: SlabLayer, length: int) -> None:
    pass


@pytest.mark.parametrize("rewind", [forgetting_one, keeping_one, keeping_all])
def test_a_wrong_way_back_is_found(
    rewind: Callable[[SlabLayer, int], None], tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(tiny_checkpoints.make("llama", tiny_folder))
    monkeypatch.setattr(SlabLayer, "rewind", rewind)
    assert load_session(path, tiny_folder, PrecisionChoice.BF16)._runner.mode is KvMode.GROWING


@pytest.mark.parametrize("reads", [(1,), range(2, 25)], ids=["single", "chunk"])
def test_ids_that_are_not_stored_are_found(
    reads: Sequence[int], tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append = SlabLayer._append

    def forgetful(layer: SlabLayer, keys: torch.Tensor, values: torch.Tensor, seen: int) -> tuple[torch.Tensor, ...]:
        found = tuple(part.clone() for part in append(layer, keys, values, seen))
        if keys.shape[-2] in reads:
            layer.values[:, :, layer.length - keys.shape[-2] : layer.length].zero_()
        return found

    path = str(tiny_checkpoints.make("llama", tiny_folder))
    monkeypatch.setattr(SlabLayer, "_append", forgetful)
    assert load_session(path, tiny_folder, PrecisionChoice.BF16)._runner.mode is KvMode.GROWING


@pytest.mark.parametrize(("name", "passes"), [("llama", 6), ("lfm2", 8)])
def test_a_load_of_packed_weights_costs_few_passes(name: str, passes: int, tiny_folder: Path) -> None:
    """A plain one and the check of the KV, five to chunks and going back, or three and four to states put back."""
    path = str(tiny_checkpoints.make(name, tiny_folder))
    work = work_of(lambda: load_session(path, tiny_folder, PrecisionChoice.INT8))
    assert work[ModelRunner._forward.__name__] == passes


def test_each_try_has_other_ids() -> None:
    tries = [tuple(check_ids(50_000, 24, number)) for number in range(4)]
    assert len(set(tries)) == 4


def test_states_that_modules_keep_to_themselves_are_never_put_back(tmp_path: Path) -> None:
    config = transformers.RecurrentGemmaConfig(
        vocab_size=384, hidden_size=48, intermediate_size=96, num_hidden_layers=3, num_attention_heads=4,
        num_key_value_heads=1, head_dim=12, lru_width=48, attention_window_size=16, bos_token_id=1, eos_token_id=2,
        pad_token_id=0, block_types=["recurrent", "recurrent", "attention"], tie_word_embeddings=False,
    )  # fmt: skip
    session = load_session(str(tiny_checkpoints.save(config, tmp_path / "model")), tmp_path)
    assert session._runner.mode is KvMode.WHOLE
    opening = [user("Tell me a story about a small lighthouse and the sea")]
    first = ask(session, opening)
    assert first.token_ids == cold_ids(session, opening)
    assert ask(session, opening).token_ids == first.token_ids, "another version of the answer"
    ask(session, [user("Hello")], conversation="other")
    follow_up = [*opening, answered(session, first), user("And then?")]
    assert ask(session, follow_up).token_ids == cold_ids(session, follow_up), "after another conversation"
