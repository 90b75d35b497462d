"""transformers' own generate on the clean copy: timed from its first token to its last, and stopped on request."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from transformers import CompileConfig, PreTrainedModel, StoppingCriteria, StoppingCriteriaList

from engine.api.cancellation import CancellationToken
from engine.bench.spreads import synchronize
from engine.decode import attention


@dataclass(frozen=True)
class Written:
    """New ids, and seconds per token from the first to the last (0 for a single one)."""

    token_ids: tuple[int, ...]
    seconds_per_token: float


def write(
    model: PreTrainedModel, prompt_ids: list[int], tokens: int, cancellation: CancellationToken, *, compiled: bool
) -> Written:
    """Return the likeliest tokens. compiled: with a static cache, which makes generate compile its decode step.

    Raises Cancelled, and whatever generate raises.
    """
    ids = torch.tensor([prompt_ids], device=model.device)
    clock = _Clock(cancellation, model.device)
    options: dict[str, object] = {}
    if compiled:
        options["cache_implementation"] = "static"
        options["compile_config"] = _compile_config(model.device)
    stopping = stopping_between_layers(model, None if compiled else cancellation)
    with torch.inference_mode(), attention.left_to_transformers(), stopping:
        output = model.generate(  # type: ignore[operator]  # transformers mixes it in
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            do_sample=False,
            max_new_tokens=tokens,
            stopping_criteria=StoppingCriteriaList([clock]),
            **options,
        )
    synchronize(model.device)
    new_ids = tuple(int(each) for each in output[0, len(prompt_ids) :].tolist())
    return Written(new_ids, clock.seconds_since_first() / max(len(new_ids) - 1, 1) if len(new_ids) > 1 else 0.0)


@contextmanager
def stopping_between_layers(model: PreTrainedModel, cancellation: CancellationToken | None) -> Iterator[None]:
    """Let a Stop end a long pass; compiled code takes no such hook."""

    def look(_layer: torch.nn.Module, _arguments: object) -> None:
        assert cancellation is not None
        cancellation.raise_if_cancelled()

    modules = list(model.modules()) if cancellation is not None else []
    layers = [each for module in modules if isinstance(module, torch.nn.ModuleList) for each in module]
    handles = [layer.register_forward_pre_hook(look) for layer in layers]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


class _Clock(StoppingCriteria):
    """Called by generate behind each token: notes when the first one was there, and stops nothing but a Stop."""

    def __init__(self, cancellation: CancellationToken, device: torch.device) -> None:
        self._cancellation = cancellation
        self._device = device
        self._first: float | None = None

    def __call__(self, input_ids: torch.Tensor, scores: object, **_options: object) -> torch.Tensor:
        self._cancellation.raise_if_cancelled()
        if self._first is None:
            synchronize(self._device)
            self._first = time.perf_counter()
        return torch.zeros(input_ids.shape[0], dtype=torch.bool, device=input_ids.device)

    def seconds_since_first(self) -> float:
        """Return the time since the first token; the caller has waited for the device."""
        return time.perf_counter() - self._first if self._first is not None else 0.0


def _compile_config(device: torch.device) -> CompileConfig:
    config = CompileConfig()
    if device.type == "cpu":
        # WORKAROUND transformers 5: without it generate compiles on graphics cards only (generation/utils.py)
        config._compile_all_devices = True  # type: ignore[assignment]
        config.mode = "default"
    return config
