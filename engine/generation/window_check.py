"""Whether an architecture masks by the window its configuration names, so that a windowed KV is right for it.

The check of the KV at load feeds fewer ids than any window holds. This one makes the window small for as long as it
runs. An architecture that names a window but looks past it (moshi in transformers 5.23) reads wrong with windows.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from transformers import PreTrainedConfig, PreTrainedModel

from engine.kv.slab import KvSlab

_WINDOW, _SLACK = 6, 4
# A single id, and less and more than the slack and than the buffers hold.
_CHUNKS = (9, 1, 2, 5, 1, 11)
CHECK_IDS = sum(_CHUNKS)
_NAMES = ("sliding_window", "attention_chunk_size")


@torch.inference_mode()
def logits_under_small_windows(
    model: PreTrainedModel, ids: Sequence[int], device: torch.device
) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Feed CHECK_IDS ids in chunks to a small windowed KV, and at once without any KV.

    Returns float32 logits (vocabulary,) of both after each chunk, to be compared; nothing if the architecture has no
    layers to be windowed. Raises whatever the model raises, ValueError if its window can't be made small.
    """
    if not KvSlab(model.config, sys.maxsize, windowed=True).is_windowed:
        return []
    pairs = []
    with _small_window(model.config.get_text_config(decoder=True)):
        kv = KvSlab(model.config, CHECK_IDS, windowed=True, slack_tokens=_SLACK)
        fed = torch.tensor([list(ids)], device=device)
        expected = model(input_ids=fed, use_cache=False).logits[0].float()
        done = 0
        for count in _CHUNKS:
            chunk = fed[:, done : done + count]
            found = model(input_ids=chunk, past_key_values=kv.cache, use_cache=True).logits[0, -1].float()
            done += count
            pairs.append((found, expected[done - 1]))
    return pairs


@contextmanager
def _small_window(config: PreTrainedConfig) -> Iterator[None]:
    """Make the window of a loaded model's configuration small; masks are made from it at each forward."""
    before = {name: value for name in _NAMES if isinstance(value := getattr(config, name, None), int)}
    if not before:
        raise ValueError("the configuration names no window, or another for each layer")
    try:
        for name in before:
            setattr(config, name, _WINDOW)
        yield
    finally:
        for name, value in before.items():
            setattr(config, name, value)
