"""Tied weights of which the files hold the other one: the head, where the model's code ties it to the embedding."""

from collections.abc import Sequence

from transformers import PreTrainedModel

from engine.quantization.opened_files import opened


def tie_as_stored(model: PreTrainedModel, files: Sequence[str]) -> None:
    """Tie the weights to those that the files hold.

    transformers turns such ties around by itself, but only after it has drawn what no file holds, and the places of
    packed weights can't be drawn into.
    """
    ties = model.all_tied_weights_keys
    if not ties or not all(file.endswith(".safetensors") for file in files):
        return
    with opened(files) as sources:
        endings = {_ending(name) for name in sources}
    shared = list(ties.values())
    for target, source in list(ties.items()):
        is_other = _ending(target) in endings and _ending(source) not in endings
        if is_other and shared.count(source) == 1:
            del ties[target]
            ties[source] = target


def _ending(name: str) -> str:
    """Return the part of a name that is the same where file and model have another prefix."""
    return ".".join(name.split(".")[-2:])
