"""How a publisher packed the weights of a model, told from its configuration or its tags, in words."""

import re
from collections.abc import Iterable, Mapping

from engine.hub.answers import count, items, mapping, text

_METHODS = {
    "gptq": "GPTQ", "awq": "AWQ", "bitsandbytes": "bitsandbytes", "fp8": "FP8", "mxfp4": "MXFP4", "hqq": "HQQ",
    "compressed-tensors": "compressed-tensors", "fbgemm_fp8": "FP8", "finegrained_fp8": "FP8", "modelopt": "ModelOpt",
    "aqlm": "AQLM", "quanto": "Quanto", "eetq": "EETQ", "torchao": "torchao", "auto-round": "AutoRound", "exl2": "EXL2",
    "exl3": "EXL3", "higgs": "HIGGS", "bitnet": "BitNet", "quark": "Quark", "vptq": "VPTQ", "spqr": "SpQR",
}  # fmt: skip
_BITS_OF = {
    "fp8": 8, "fbgemm_fp8": 8, "finegrained_fp8": 8, "mxfp4": 4, "awq": 4, "gptq": 4, "eetq": 8, "aqlm": 2, "bitnet": 2,
}  # fmt: skip
_BITS_IN_TEXT = re.compile(r"(?:int|fp|nf|uint|w)-?([2-8])(?![0-9])", re.IGNORECASE)
_BITS_TAG = re.compile(r"([2-8])-bit")
_MOST_BITS = 8


def packed_bits(config: Mapping[str, object], tags: Iterable[str]) -> int:
    """Return how many bits most weights have, 0 for 16 and more. config: config.json, or what the Hub repeats of it."""
    settings = _settings(config)
    if settings:
        if settings.get("load_in_4bit") is True or settings.get("_load_in_4bit") is True:
            return 4
        if settings.get("load_in_8bit") is True or settings.get("_load_in_8bit") is True:
            return 8
        bits = count(settings, "bits", "w_bit", "nbits", "num_bits") or _bits_of_groups(settings)
        named = _BITS_IN_TEXT.search(text(settings, "weights", "quant_type", "quant_algo", "format"))
        bits = bits or _BITS_OF.get(_method(settings), 0) or (int(named[1]) if named else 0)
        return bits if bits <= _MOST_BITS else 0
    found = [int(match[1]) for tag in tags if (match := _BITS_TAG.fullmatch(tag.casefold()))]
    return min(found, default=0)


def packing_words(config: Mapping[str, object], tags: Iterable[str]) -> str:
    """Return how the weights are packed, such as `4-bit GPTQ`, empty if they are not."""
    settings, tags = _settings(config), list(tags)
    method = _method(settings) or next((tag for tag in map(str.casefold, tags) if tag in _METHODS), "")
    bits = packed_bits(config, tags)
    words = _METHODS.get(method, method)
    if not words:
        return f"{bits}-bit" if bits else ""
    return words if not bits or words[-1].isdigit() else f"{bits}-bit {words}"


def _settings(config: Mapping[str, object]) -> Mapping[str, object]:
    return (
        mapping(config, "quantization_config")
        or mapping(config, "text_config", "quantization_config")
        or mapping(config, "compression_config")
    )


def _method(settings: Mapping[str, object]) -> str:
    named = text(settings, "quant_method").casefold()
    by_flags = any(key.startswith(("load_in_", "_load_in_")) for key in settings)
    return named or ("bitsandbytes" if by_flags else "")


def _bits_of_groups(settings: Mapping[str, object]) -> int:
    """Return the bits of compressed-tensors' first group of weights."""
    groups = settings.get("config_groups")
    for group in list(groups.values()) if isinstance(groups, dict) else items(groups):
        if bits := count(mapping(group, "weights"), "num_bits"):
            return bits
    return 0
