"""The step of fixed shape, as CUDA graphs capture it: the same logits as a plain forward, the same text as generate."""

from pathlib import Path

import pytest
import torch
import transformers
from packaging.version import Version
from transformers import AutoModelForCausalLM, PreTrainedModel

from engine.decode import attention, split_attention
from engine.decode.step import DecodeStep
from engine.kv.slab import KvSlab
from engine.planning.recorded import reach_for
from tests import tiny_checkpoints

FIXABLE = ["llama", "qwen3", "mistral", "gemma2", "gemma3", "phi3", "gpt_neox", "gpt2", "opt", "bloom", "falcon",
           "qwen3_moe", "mixtral", "gpt_oss", "deepseek_v3"]  # fmt: skip
IDS = [(17 + 7919 * index) % 384 for index in range(60)]
CAPACITY = 128


@pytest.fixture(params=FIXABLE)
def model(request: pytest.FixtureRequest, tiny_folder: Path) -> PreTrainedModel:
    path = tiny_checkpoints.make(str(request.param), tiny_folder)
    found: PreTrainedModel = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32)
    if request.param == "bloom" and Version(transformers.__version__) < Version("5.23"):
        pytest.skip("transformers made Bloom's biases for the ids so far, not for the length that a step reads")
    return found.eval()


def slab_with(model: PreTrainedModel, ids: list[int]) -> KvSlab:
    kv = KvSlab(model.config, CAPACITY)
    model(input_ids=torch.tensor([IDS[:90]]), past_key_values=kv.cache, use_cache=True)
    kv.record(IDS[:90])
    kv.clear()
    kv.wipe()
    model(input_ids=torch.tensor([ids]), past_key_values=kv.cache, use_cache=True)
    kv.record(ids)
    return kv


@torch.inference_mode()
def test_logits_are_those_of_a_plain_forward(model: PreTrainedModel) -> None:
    expected = model(input_ids=torch.tensor([IDS]), use_cache=False).logits[0]
    kv = slab_with(model, IDS[:40])
    assert kv.can_be_fixed
    one, three = DecodeStep(model, kv), DecodeStep(model, kv, 3)
    done = 40
    for step, reach in ((one, 64), (three, 64), (one, 96), (one, CAPACITY), (three, 64)):
        fed = IDS[done : done + step.count]
        step.place(fed, done)
        found = step.run(reach)
        torch.testing.assert_close(found, expected[done : done + step.count], rtol=2e-4, atol=2e-4)
        kv.note(fed)
        done += step.count
    # The plain way goes on from there, and back.
    plain = model(input_ids=torch.tensor([IDS[done : done + 4]]), past_key_values=kv.cache, use_cache=True).logits[0]
    torch.testing.assert_close(plain, expected[done : done + 4], rtol=2e-4, atol=2e-4)


@torch.inference_mode()
@pytest.mark.parametrize("pieces", [1, 2])
def test_logits_stay_the_same_where_attention_is_a_cards(
    model: PreTrainedModel, pieces: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    computes_itself = model.config._attn_implementation != "sdpa" or getattr(model.config, "attn_logit_softcapping", 0)
    if computes_itself or model.config.model_type in ("deepseek_v3", "falcon"):
        pytest.skip("computes its attention itself, or in a width that a CPU has no kernel for")
    answered = []

    def applies(query: torch.Tensor, key: torch.Tensor, mask: torch.Tensor | None) -> bool:
        fits = split_attention._biases is not None and mask is not None and mask.dtype == torch.bool
        answered.append(fits)
        return fits

    attention.prepare(torch.device("cpu"))
    monkeypatch.setattr(split_attention, "applies", applies)
    monkeypatch.setattr(split_attention, "_pieces", lambda *_: pieces)
    expected = model(input_ids=torch.tensor([IDS]), use_cache=False).logits[0]
    kv = slab_with(model, IDS[:40])
    done = 40
    for count, reach in ((1, 64), (4, 64), (1, CAPACITY), (8, CAPACITY)):
        step = DecodeStep(model, kv, count)
        step.place(IDS[done : done + count], done)
        torch.testing.assert_close(step.run(reach), expected[done : done + count], rtol=3e-4, atol=3e-4)
        kv.note(IDS[done : done + count])
        done += count
    assert any(answered)


@torch.inference_mode()
def test_greedy_text_is_that_of_generate(model: PreTrainedModel) -> None:
    prompt = torch.tensor([IDS[:30]])
    expected = model.generate(
        input_ids=prompt, attention_mask=torch.ones_like(prompt), do_sample=False, max_new_tokens=40, eos_token_id=[]
    )[0, 30:].tolist()
    kv = slab_with(model, IDS[:29])
    step = DecodeStep(model, kv)
    token_id, written = IDS[29], []
    for length in range(29, 69):
        step.place([token_id], length)
        token_id_before, token_id = token_id, int(step.run(reach_for(length + 1, CAPACITY))[-1].argmax())
        kv.note([token_id_before])
        written.append(token_id)
    assert written == expected


@torch.inference_mode()
def test_what_lies_behind_the_valid_positions_counts_nothing(model: PreTrainedModel) -> None:
    kv = slab_with(model, IDS[:40])
    step = DecodeStep(model, kv)
    step.place([IDS[40]], 40)
    expected = step.run(64)
    for _, layer in kv._paged():
        layer.keys[:, :, 41:] = 50.0
        layer.values[:, :, 41:] = -50.0
    step.place([IDS[40]], 40)
    torch.testing.assert_close(step.run(64), expected, rtol=0, atol=0)


def test_layers_that_keep_states_or_windows_can_not_be_fixed(tiny_folder: Path) -> None:
    for name, windowed in (("qwen3_next", False), ("lfm2", False), ("mamba", False), ("mistral", True)):
        found = AutoModelForCausalLM.from_pretrained(tiny_checkpoints.make(name, tiny_folder), dtype=torch.float32)
        kv = KvSlab(found.config, CAPACITY, windowed=windowed, slack_tokens=8)
        with torch.inference_mode():
            found(input_ids=torch.tensor([IDS[:5]]), past_key_values=kv.cache, use_cache=True)
        assert not kv.can_be_fixed, name


def test_two_reaches_to_an_octave_never_shorter_than_needed() -> None:
    found = sorted({reach_for(length, 10_000) for length in range(1, 10_001)})
    assert found == [256, 384, 512, 768, 1024, 1536, 2048, 3072, 4096, 6144, 8192, 10_000]
    assert all(reach_for(length, 10_000) >= length for length in range(1, 10_001))
