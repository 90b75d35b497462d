"""Tensor headers -> whether they are those of the model that the configuration describes, before a weight is read."""

import logging
from typing import Any

import torch

from engine.api.cancellation import CancellationToken
from engine.api.errors import Cancelled
from engine.checkpoints.building import refuse_random_weights
from engine.checkpoints.inspection import Inspection
from engine.checkpoints.progress import watched
from engine.checkpoints.skeleton import attention_for, class_for

# About a second. Where each expert is a tensor of its own there are tens of thousands, and others wait for this lane.
_MOST_TENSORS = 5_000
_log = logging.getLogger(__name__)


def refuse_other_tensors(inspection: Inspection, cancellation: CancellationToken) -> None:
    """Raise EngineError as a load would, where tensors are missing, have the wrong size or are another model's.

    transformers itself matches them, on the meta device. What is quantised is not compared, nor very many tensors.
    Raises Cancelled.
    """
    tensors = inspection.contents.tensors
    if inspection.published is not None or not 0 < len(tensors) <= _MOST_TENSORS:
        return

    def on_step(description: str, item: object, done: int, total: int) -> None:
        cancellation.raise_if_cancelled()

    model_class: Any = class_for(inspection.config)
    config = inspection.config
    config = config.get_text_config() if model_class.config_class is config.sub_configs.get("text_config") else config
    try:
        with watched(on_step):
            model, found = model_class.from_pretrained(
                None,
                config=config,
                state_dict={name: torch.empty(header.shape, device="meta") for name, header in tensors.items()},
                dtype=torch.bfloat16,
                attn_implementation=attention_for(inspection.config),
                device_map={"": "meta"},
                output_loading_info=True,
                ignore_mismatched_sizes=True,
            )
    except Cancelled:
        raise
    except Exception as error:  # a model that can't be matched without its weights is told by its load
        _log.info("the tensors of %s could not be compared: %r", inspection.files.name, error)
        return
    refuse_random_weights(inspection.files, model, found)
