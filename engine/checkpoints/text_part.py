"""A model that also looks at pictures or listens -> its text part alone, where the whole can't be built here."""

from collections.abc import Mapping
from dataclasses import replace

from transformers import AutoModelForCausalLM, PreTrainedConfig

from engine.checkpoints.files import CheckpointContents, TensorHeader
from engine.checkpoints.skeleton import skeleton_of

NOTE = "Only its text part is loaded; its parts for pictures and sounds are left out."
_PREFIX = "model.language_model."
_OWN_PREFIX = "model."
_HEAD = "lm_head."
# As from_pretrained takes it; where transformers itself takes the prefix off as well, nothing is left to do for it.
KEY_MAPPING: Mapping[str, str] = {r"^model\.language_model\.": _OWN_PREFIX}


def alone(config: PreTrainedConfig, contents: CheckpointContents) -> tuple[PreTrainedConfig, CheckpointContents] | None:
    """Return both for the text part if the whole needs a library that isn't there; None for all others.

    Gemma 3n, for one: its part for pictures comes from timm. The contents have the text part's tensors only, each
    under the name that the class of the text part has for it.
    """
    text: PreTrainedConfig = config.get_text_config(decoder=True)
    if text is config or type(text) not in AutoModelForCausalLM._model_mapping:
        return None
    is_named = not contents.tensors or any(name.startswith(_PREFIX) for name in contents.tensors)
    if not is_named or _is_buildable(config):
        return None
    text.tie_word_embeddings = config.tie_word_embeddings  # the head is the whole model's
    return text, replace(contents, tensors=_tensors_of(contents.tensors))


def _tensors_of(tensors: Mapping[str, TensorHeader]) -> dict[str, TensorHeader]:
    found = {name: header for name, header in tensors.items() if name.startswith((_PREFIX, _HEAD))}
    return {name.replace(_PREFIX, _OWN_PREFIX, 1): header for name, header in found.items()}


def _is_buildable(config: PreTrainedConfig) -> bool:
    try:
        skeleton_of(config)
    except ImportError:
        return False
    except Exception:  # told where the skeleton is needed
        return True
    return True
