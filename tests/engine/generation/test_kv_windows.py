"""Windowed KV against plain forwards: any order of feeding, rewinding, saving, restoring and failing reads the same."""

import random
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoModelForCausalLM, PreTrainedConfig, PreTrainedModel

from engine.kv.slab import KvSlab
from engine.kv.slab_layers import SlabLayer, WindowedSlabLayer
from tests import kv_probe, tiny_checkpoints

WINDOW = tiny_checkpoints.SLIDING_WINDOW
SLACK = 10
CAPACITY = 400
VOCABULARY = 384


def _phi3() -> PreTrainedConfig:
    config = tiny_checkpoints.ARCHITECTURES["phi3"]()
    config.sliding_window = WINDOW
    return config


def _llama4() -> PreTrainedConfig:
    return transformers.Llama4TextConfig(
        vocab_size=VOCABULARY, hidden_size=48, intermediate_size=32, intermediate_size_mlp=96, num_hidden_layers=4,
        num_attention_heads=4, num_key_value_heads=2, head_dim=12, num_local_experts=4, num_experts_per_tok=1,
        attention_chunk_size=WINDOW, bos_token_id=1, eos_token_id=2, pad_token_id=0, moe_layers=[],
    )  # fmt: skip


CONFIGS: dict[str, Callable[[], PreTrainedConfig]] = {
    **{name: tiny_checkpoints.ARCHITECTURES[name] for name in ("mistral", "gemma2", "gemma3", "gpt_oss")},
    "phi3": _phi3,
    "llama4": _llama4,
}


@pytest.fixture(params=sorted(CONFIGS), scope="module")
def model(request: pytest.FixtureRequest) -> Iterator[PreTrainedModel]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # two threads only wait for each other over matrices this small
    with tempfile.TemporaryDirectory() as folder:
        path = tiny_checkpoints.save(CONFIGS[request.param](), Path(folder) / "model")
        found = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32)
    yield found.eval()
    torch.set_num_threads(threads)


class Talk:
    """A model with windowed KV, and what must be true of it at any time."""

    def __init__(self, model: PreTrainedModel) -> None:
        self.model = model
        self.kv = KvSlab(model.config, CAPACITY, windowed=True, slack_tokens=SLACK)
        self.ids: list[int] = []
        self.longest = 0
        self.snapshots: list[tuple[kv_probe.Saved, int]] = []
        self.random = random.Random(7)
        self.feed(3)
        self.addresses = self._addresses()
        self.bytes = self.kv.allocated_bytes
        self.clear()

    def feed(self, count: int) -> None:
        new = self._new_ids(count)
        found = self._forward(new)
        self.kv.record(new)
        self.ids += new
        self.longest = max(self.longest, len(self.ids))
        with torch.inference_mode():
            expected = self.model(input_ids=torch.tensor([self.ids]), use_cache=False).logits[0, -len(new) :]
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
        assert torch.equal(found.argmax(-1), expected.argmax(-1))

    def rewind(self, back: int) -> None:
        wanted = max(len(self.ids) - back, 0)
        kept = self.kv.usable(wanted, len(self.ids))
        assert kept in (0, wanted)
        if wanted >= self.longest - SLACK // 2 or self.longest <= WINDOW + SLACK:
            assert kept == wanted
        self.kv.rewind(kept)
        self._cut(kept)

    def fail(self, count: int, layer: int) -> None:
        """Feed ids, but let the forward fail before a layer."""
        layers = self.model.model.layers
        hook = layers[layer % len(layers)].register_forward_pre_hook(_fail)
        try:
            with pytest.raises(_Failure):
                self._forward(self._new_ids(count))
        finally:
            hook.remove()
        self.kv.realign()
        if count <= self.kv.undoable_tokens:
            assert self.kv.length == len(self.ids)
            self.longest = max(self.longest, len(self.ids) + count)
        self._cut(self.kv.length)

    def save(self) -> None:
        self.snapshots.append((kv_probe.save(self.kv), self.longest))

    def restore(self, which: int, back: int) -> None:
        if not self.snapshots:
            return
        snapshot, longest = self.snapshots[which % len(self.snapshots)]
        wanted = max(len(snapshot.ids) - back, 0)
        kept = snapshot.usable(wanted)
        assert kept in (0, wanted)
        if wanted >= longest - SLACK // 2:
            assert kept == wanted
        if kept:
            snapshot.put_back(self.kv, kept)
            self.ids, self.longest = snapshot.ids[:kept].tolist(), longest

    def clear(self) -> None:
        self.kv.clear()
        self._cut(0)

    def check(self) -> None:
        assert self.kv.ids.tolist() == self.ids
        assert self._addresses() == self.addresses
        assert self.kv.allocated_bytes == self.bytes

    def _forward(self, new: list[int]) -> torch.Tensor:
        with torch.inference_mode():
            output = self.model(input_ids=torch.tensor([new]), past_key_values=self.kv.cache, use_cache=True)
        logits = output.logits[0]
        assert isinstance(logits, torch.Tensor)
        return logits

    def _new_ids(self, count: int) -> list[int]:
        return [self.random.randrange(VOCABULARY) for _ in range(min(count, CAPACITY - len(self.ids)))]

    def _cut(self, length: int) -> None:
        del self.ids[length:]
        self.longest = self.longest if length else 0

    def _addresses(self) -> list[int]:
        layers = [layer for layer in self.kv.cache.layers if isinstance(layer, SlabLayer)]
        return [buffer.data_ptr() for layer in layers for buffer in (layer.keys, layer.values)]


class _Failure(Exception):
    pass


def _fail(layer: torch.nn.Module, arguments: object) -> None:
    raise _Failure


_few = st.integers(1, SLACK + 1)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("feed"), st.integers(1, 4)),
        st.tuples(st.just("feed"), _few),
        st.tuples(st.just("feed"), st.integers(1, 4 * WINDOW)),
        st.tuples(st.just("rewind"), _few),
        st.tuples(st.just("rewind"), st.integers(1, 3 * WINDOW)),
        st.tuples(st.just("fail"), _few, st.integers(0, 3)),
        st.tuples(st.just("fail"), st.integers(1, 3 * WINDOW), st.integers(0, 3)),
        st.tuples(st.just("save")),
        st.tuples(st.just("restore"), st.integers(0, 5), st.sampled_from([0, 0, 1, 4, 9, 30])),
        st.tuples(st.just("clear")),
    ),
    min_size=10,
    max_size=25,
)


@settings(max_examples=50)
@given(steps=STEPS)
def test_any_way_through_a_conversation_reads_as_a_plain_forward(
    model: PreTrainedModel, steps: list[tuple[str, int] | tuple[str, int, int] | tuple[str]]
) -> None:
    talk = Talk(model)
    talk.feed(2 * WINDOW)
    for name, *numbers in steps:
        if name != "feed" or len(talk.ids) < CAPACITY:
            getattr(talk, name)(*numbers)
        talk.check()
    if len(talk.ids) < CAPACITY:
        talk.feed(1)


def test_greedy_answers_of_many_windows(model: PreTrainedModel) -> None:
    prompt, new_tokens = [(17 + 7919 * index) % VOCABULARY for index in range(3 * WINDOW)], 5 * WINDOW
    kv = KvSlab(model.config, CAPACITY, windowed=True, slack_tokens=SLACK)
    fed, found = prompt, []
    with torch.inference_mode():
        for _ in range(new_tokens):
            logits = model(input_ids=torch.tensor([fed]), past_key_values=kv.cache, use_cache=True).logits
            fed = [int(logits[0, -1].argmax())]
            found += fed
        cold = list(prompt)
        for _ in range(new_tokens):
            cold.append(int(model(input_ids=torch.tensor([cold]), use_cache=False).logits[0, -1].argmax()))
    assert found == cold[len(prompt) :]


def test_the_buffers_take_window_and_slack(model: PreTrainedModel) -> None:
    talk = Talk(model)
    kinds = getattr(model.config, "layer_types", ["sliding_attention"] * model.config.num_hidden_layers)
    positions = sum(CAPACITY if kind == "full_attention" else WINDOW + SLACK for kind in kinds)
    layer = talk.kv.cache.layers[0]
    heads, head_dim = layer.keys.shape[1], layer.keys.shape[3]
    assert talk.bytes == positions * 2 * heads * head_dim * torch.float32.itemsize
    assert talk.kv.is_windowed
    assert not talk.kv.can_rewind
    full = KvSlab(model.config, CAPACITY)
    assert not full.is_windowed
    assert full.can_rewind


def test_a_context_within_window_and_slack_keeps_everything(model: PreTrainedModel) -> None:
    kv = KvSlab(model.config, WINDOW + SLACK, windowed=True, slack_tokens=SLACK)
    assert kv.can_rewind
    assert not any(isinstance(layer, WindowedSlabLayer) for layer in kv.cache.layers)


def test_a_snapshot_is_not_restored_to_what_it_no_longer_holds(model: PreTrainedModel) -> None:
    talk = Talk(model)
    talk.feed(6 * WINDOW)
    talk.feed(1)
    snapshot = kv_probe.save(talk.kv)
    assert snapshot.usable(WINDOW) == 0
    with pytest.raises(ValueError, match="can't be put back"):
        snapshot.put_back(talk.kv, WINDOW)
    assert talk.kv.length == 0, "rather nothing than half of it"
    assert snapshot.size_bytes < talk.bytes
