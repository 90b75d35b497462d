"""Measures the temporary tensors of reading a chunk at the end of a full context, without memory and without a card.

Each architecture runs for real, with Hearth's KV, on PyTorch's fake tensors, which have shapes but no contents; a mode
counts the bytes of all storages that are alive. Attention is replaced by what allocates as it does on a card: nothing
but the result where a mask only says that nobody looks ahead (engine/decode/chunk_attention.py), else as the CUDA
kernel with a mask (at::native: convert_boolean_attn_mask, preprocess_mask, _efficient_attention_forward).

    python -m tests.benchmarks.working_space [NAME ...]

prints measured and predicted bytes for known shapes, of which a few layers are taken, one of each kind.
"""

import argparse
import contextlib
import inspect
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from transformers import AttentionInterface, AutoModelForCausalLM, PreTrainedConfig, PreTrainedModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import AttentionMaskInterface, sdpa_mask

from engine.api.checkpoint import CheckpointKind
from engine.api.plan import KvLayout, Precision
from engine.bench.random_weights import config_of
from engine.checkpoints.files import CheckpointFiles
from engine.checkpoints.skeleton import Source, attention_for, facts_of, skeleton_of
from engine.decode import attention, products
from engine.kv.slab import KvSlab
from engine.kv.slab_layers import SlabLayer, WindowedSlabLayer
from engine.planning import shapes, working
from engine.planning.facts import CheckpointFacts
from engine.planning.loading import AttentionKernel, Shape

CHUNKS = (128, 512, 2048)
CONTEXTS = (2047, 8191)  # odd, as conversations are: a mask of such a length is copied
_MIB = 2**20


class LiveBytes(TorchDispatchMode):
    """Counts the bytes of the storages that were made while it is on, as long as they live."""

    def __init__(self) -> None:
        super().__init__()
        self.live = 0
        self.peak = 0
        self._sizes: dict[int, int] = {}

    def __torch_dispatch__(
        self,
        func: Callable[..., object],
        types: object,
        args: tuple[object, ...] = (),
        kwargs: dict[str, object] | None = None,
    ) -> object:
        result = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(result):
            if isinstance(leaf, torch.Tensor):
                self._note(leaf.untyped_storage())
        return result

    def _note(self, storage: torch.UntypedStorage) -> None:
        key = storage._cdata
        if key not in self._sizes:
            self._sizes[key] = storage.nbytes()
            self.live += storage.nbytes()
            self.peak = max(self.peak, self.live)
            weakref.finalize(storage, self._forget, key)

    def _forget(self, key: int) -> None:
        self.live -= self._sizes.pop(key, 0)


@dataclass(frozen=True)
class Case:
    """One reading: a chunk that ends where the context does. packs: products unpack their weight (INT8, INT4)."""

    chunk: int
    context: int
    windowed: bool = False
    packs: bool = False


def measured_bytes(config: PreTrainedConfig, case: Case) -> int:
    """Return the peak of temporary tensors on a card, in bfloat16."""
    attention.prepare(torch.device("cuda"))
    with _fake_card(), FakeTensorMode(), torch.no_grad():
        model = AutoModelForCausalLM.from_config(
            config, attn_implementation=attention_for(config), dtype=torch.bfloat16
        ).train(False)
        if case.packs:
            _unpack_in_products(model)
        else:
            products.install(model, lambda: _feed(model, KvSlab(model.config, 8), 4))
        with LiveBytes() as counted:
            kv = KvSlab(model.config, case.context, windowed=case.windowed)
            _feed(model, kv, 4)  # the buffers of the KV are made here
            for layer in kv.cache.layers:
                if isinstance(layer, SlabLayer):
                    layer.length = case.context - case.chunk
                    layer.start = max(0, layer.length - layer.capacity) if isinstance(layer, WindowedSlabLayer) else 0
            before = counted.peak = counted.live
            _feed(model, kv, case.chunk)
        return counted.peak - before


def predicted_bytes(facts: CheckpointFacts, case: Case) -> int:
    """Return what the planner counts for the same, without the pieces of the flash kernel, which isn't run here."""
    layout = KvLayout.WINDOWED if case.windowed else KvLayout.FULL
    precision = Precision.INT4 if case.packs else Precision.BF16
    shape = Shape(precision, Precision.BF16, layout, case.chunk, attention=AttentionKernel.FLASH)
    with mock.patch.object(working, "pieces_bytes", return_value=0):
        return working.working_bytes(facts, shape, case.chunk, case.context)


def facts_from(config: PreTrainedConfig) -> CheckpointFacts:
    """Return what the planner knows of a configuration."""
    files = CheckpointFiles("known shape", "known shape", CheckpointKind.HUB_CACHE, Path())
    return facts_of(files, config, skeleton_of(config), Source("BF16"))


def text_config(name: str) -> PreTrainedConfig:
    """Return the configuration of a known shape's text model."""
    shape = shapes.config_of(name)
    config = config_of(name, quantization_config=None) if "quantization_config" in shape else config_of(name)
    return config.get_text_config(decoder=True)


def shortened(config: PreTrainedConfig) -> PreTrainedConfig:
    """Keep one layer of each kind, at least two: layers run one after the other, so that more take no more."""
    kinds = list(dict.fromkeys(getattr(config, "layer_types", None) or ()))
    kinds = kinds if len(kinds) > 1 else kinds * 2
    config.num_hidden_layers = max(len(kinds), 2)
    if kinds:
        with contextlib.suppress(AttributeError):  # some compute it
            config.layer_types = kinds
    return config


def _feed(model: PreTrainedModel, kv: KvSlab, count: int) -> None:
    accepted = inspect.signature(model.forward).parameters
    arguments: dict[str, object] = {"past_key_values" if "past_key_values" in accepted else "cache_params": kv.cache}
    if "logits_to_keep" in accepted:
        arguments["logits_to_keep"] = 1
    model(input_ids=torch.zeros((1, count), dtype=torch.long), use_cache=True, **arguments)


def _unpack_in_products(model: PreTrainedModel) -> None:
    """Let each packed layer hold its unpacked weight while it multiplies, as bitsandbytes does for many rows."""
    packed = {block for block, _ in model.named_modules() if not block.endswith("lm_head")}
    for name, module in model.named_modules():
        if name in packed and type(module) is torch.nn.Linear:
            module.forward = _unpacking(module)  # type: ignore[method-assign]


def _unpacking(module: torch.nn.Linear) -> Callable[[torch.Tensor], torch.Tensor]:
    def forward(states: torch.Tensor) -> torch.Tensor:
        scales = torch.empty(module.weight.numel() // 64)
        unpacked = torch.empty_like(module.weight)
        del scales
        return torch.nn.functional.linear(states, unpacked, module.bias)

    return forward


@contextlib.contextmanager
def _fake_card() -> Iterator[None]:
    AttentionInterface.register("sdpa", _attend_as_on_card)
    AttentionMaskInterface.register("sdpa", _noted_mask)
    with (
        mock.patch.object(torch.nn.functional, "scaled_dot_product_attention", _cuda_attention),
        mock.patch.object(products, "_kernel_for", return_value=products.Kernel.PLAIN),
        mock.patch.object(products, "_pays", return_value=True),
    ):
        try:
            yield
        finally:
            AttentionInterface.register("sdpa", attention.attend)
            AttentionMaskInterface.register("sdpa", sdpa_mask)


def _noted_mask(*arguments: Any, **options: Any) -> torch.Tensor | None:  # noqa: ANN401
    """Make a mask that knows whether it hides keys behind a window: without memory it can't be looked at."""
    mask = sdpa_mask(*arguments, **options)
    if mask is not None:
        window = options.get("local_size")
        mask.hides = window is not None and mask.shape[-1] > window  # type: ignore[attr-defined]
    return mask


def _attend_as_on_card(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    mask: torch.Tensor | None,
    **options: Any,  # noqa: ANN401
) -> tuple[torch.Tensor, None]:
    if mask is not None and not getattr(mask, "hides", True) and value.shape[3] == key.shape[3]:
        return _cuda_attention(query, key, value).transpose(1, 2).contiguous(), None
    return sdpa_attention_forward(module, query, key, value, mask, **options)


def _cuda_attention(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attn_mask: torch.Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> torch.Tensor:
    """Allocate what the kernel does: the mask in the query's format, a padded copy of it, and the result."""
    padded = None
    if attn_mask is not None:
        if attn_mask.dtype == torch.bool:
            attn_mask = torch.where(attn_mask.logical_not(), float("-inf"), torch.zeros((), dtype=query.dtype))
        length = attn_mask.shape[-1]
        padded = attn_mask.new_empty((*attn_mask.shape[:-1], -(length // -8) * 8)) if length % 8 else None
    result = query.new_empty((query.shape[0], query.shape[2], query.shape[1], value.shape[-1])).transpose(1, 2)
    del padded
    return result


def main() -> None:
    """Print one line for each known shape, chunk and context."""
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*", default=shapes.names())
    print(f"{'model':20} {'chunk':>6} {'context':>8} {'kept':>9} {'measured':>10} {'predicted':>10}   ratio")
    for name in parser.parse_args().names:
        config = shortened(text_config(name))
        facts = facts_from(config)
        windowed = any(layer.window for layer in facts.layers)
        for context in CONTEXTS:
            for chunk in CHUNKS:
                if chunk >= context:
                    continue
                for case in (Case(chunk, context), Case(chunk, context, True), Case(chunk, context, packs=True)):
                    if (case.windowed and not windowed) or (case.packs and facts.dimensions.expert_rows):
                        continue
                    real, expected = measured_bytes(config, case), predicted_bytes(facts, case)
                    kept = "window" if case.windowed else "packed" if case.packs else "all"
                    print(
                        f"{name:20} {chunk:6} {context:8} {kept:>9} {real / _MIB:10.1f} {expected / _MIB:10.1f}"
                        f" {expected / real:7.2f}",
                        flush=True,
                    )


if __name__ == "__main__":
    main()
