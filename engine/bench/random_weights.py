"""Checkpoints with the shape of well-known models and random weights: as fast as the real ones, without a download.

What is made lies in the folder that the caller names; removing it is the caller's work.
"""

import json
import zlib
from collections.abc import Callable
from pathlib import Path

import torch
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedConfig, PreTrainedModel

from engine.api.cancellation import CancellationToken
from engine.bench import byte_tokenizer
from engine.checkpoints.progress import watched
from engine.planning import shapes
from engine.quantization.undrawn import Undrawn

_STD = 0.02
# Drawn and written in pieces, between which a Stop is looked at.
_DRAWN_AT_ONCE = 2**24
_SHARD = "100MB"  # written without a pause, in which nothing else of the process runs

Report = Callable[[int, int], None]
"""(weights drawn, weights in all)"""


def config_of(name: str, **changes: object) -> PreTrainedConfig:
    """Return transformers' configuration of the shape; changes replace keys, such as num_hidden_layers."""
    content = {**shapes.config_of(name), **changes}
    kind = content.pop("model_type")
    return AutoConfig.for_model(str(kind), **content)


def make(
    name: str,
    folder: Path,
    device: str = "cpu",
    cancellation: CancellationToken | None = None,
    report: Report = lambda done, total: None,
    **changes: object,
) -> Path:
    """Save random bf16 weights of the shape into folder, unless they are there, and return their path.

    Of a model that also sees, only the part that writes is made; published packed weights become bf16 as well.
    Raises Cancelled. What was written by then stays.
    """
    stamp = json.dumps(changes, sort_keys=True, default=str).encode()
    path = folder / (f"{name}-{zlib.crc32(stamp):08x}" if changes else name)
    if (path / "complete").exists():
        return path
    stop = cancellation or CancellationToken()
    config = config_of(name, **changes).get_text_config(decoder=True)
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    stop.raise_if_cancelled()
    with torch.device(device), Undrawn(_is_drawn_here):
        model: PreTrainedModel = AutoModelForCausalLM.from_config(  # type: ignore[no-untyped-call]
            config, dtype=torch.bfloat16
        )
    _draw(model, device, stop, report)
    model.generation_config.eos_token_id = byte_tokenizer.EOS_ID
    with watched(lambda *_step: stop.raise_if_cancelled()):
        model.save_pretrained(path, max_shard_size=_SHARD)
    byte_tokenizer.tokenizer().save_pretrained(path)
    (path / "complete").touch()
    return path


def _is_drawn_here(tensor: torch.Tensor) -> bool:
    """Norms, decays and biases keep what the architecture begins with; matrices are drawn."""
    return tensor.dim() > 1


@torch.no_grad()
def _draw(model: PreTrainedModel, device: str, stop: CancellationToken, report: Report) -> None:
    generator = torch.Generator(device).manual_seed(0)
    total, done = sum(parameter.numel() for parameter in model.parameters()), 0
    for parameter in model.parameters():
        pieces = torch.split(parameter.view(-1), _DRAWN_AT_ONCE) if _is_drawn_here(parameter) else ()
        for piece in pieces:
            stop.raise_if_cancelled()
            piece.normal_(0.0, _STD, generator=generator)
            done += piece.numel()
            report(done, total)
