"""What from_pretrained has to be given for a checkpoint that was published quantised. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from engine.quantization.published.config import PublishedQuantization
from engine.quantization.published.environment import Environment, unpacks
from engine.quantization.published.kinds import KEPT_MXFP4, KINDS


@dataclass(frozen=True)
class LoadOptions:
    """What from_pretrained has to be given.

    quantization_config: goes onto the model's configuration in place of the published one. dtype: `float16` or
    `bfloat16` if the layers compute in nothing else, else empty. unpacks: the weights will be plain 16 bit.
    """

    quantization_config: Mapping[str, object]
    dtype: str = ""
    unpacks: bool = False

    @property
    def keeps_mxfp4(self) -> bool:
        """Whether mxfp4_quantizer.register() has to run before."""
        return self.quantization_config.get("quant_method") == KEPT_MXFP4


def load_options(
    published: PublishedQuantization, environment: Environment, compute_dtype: str = "bfloat16"
) -> LoadOptions:
    """Return how to load it; compute_dtype (`bfloat16`, `float16`, `float32`) is what the rest of the model uses."""
    settings = dict(published.settings)
    unpacking = unpacks(published, environment)
    if published.compressed:
        settings.pop("run_compressed", None)
        settings["dequantize"] = unpacking and published.compressed.is_uniform
        settings["use_optimized_inference"] = not unpacking
    elif unpacking:
        settings["dequantize"] = True
    elif published.keeps_mxfp4:
        settings["quant_method"] = KEPT_MXFP4
    if published.kind == "bitsandbytes_4bit":
        settings["bnb_4bit_compute_dtype"] = compute_dtype  # as published it may be one that this device lacks
    wanted = KINDS[published.kind].dtype if environment.device == "cuda" else ""
    return LoadOptions(settings, wanted, unpacking)
