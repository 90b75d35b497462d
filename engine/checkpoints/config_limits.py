"""What a configuration may ask for: sizes that some published model comes near, and that the weights bear out.

transformers would allocate what the configuration says and fill it with random numbers.
"""

import math
from collections.abc import Iterator, Mapping

from engine.checkpoints.files import CONFIG_NAME, CheckpointFiles, TensorHeader, incomplete

_LAYERS, _WIDTHS, _HEADS, _EXPERTS = (1, 1_000), (1, 1_000_000), (1, 10_000), (0, 100_000)
_INNER, _POSITIONS = (0, 10_000_000), (0, 100_000_000)
# Smallest and largest value, by the names that the architectures have for them.
_LIMITS = {
    **dict.fromkeys(("num_hidden_layers", "n_layer", "n_layers", "num_layers"), _LAYERS),
    **dict.fromkeys(("hidden_size", "n_embd", "d_model"), _WIDTHS),
    **dict.fromkeys(("num_attention_heads", "n_head", "n_heads"), _HEADS),
    **dict.fromkeys(("num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts"), _EXPERTS),
    **dict.fromkeys(("intermediate_size", "moe_intermediate_size", "ffn_dim", "ffn_hidden_size"), _INNER),
    **dict.fromkeys(("max_position_embeddings", "n_positions", "n_ctx", "max_seq_len"), _POSITIONS),
    **dict.fromkeys(("head_dim", "kv_lora_rank", "q_lora_rank", "qk_rope_head_dim", "qk_nope_head_dim"), (0, 100_000)),
    **dict.fromkeys(("v_head_dim", "state_size", "d_state", "conv_kernel", "d_conv"), (0, 100_000)),
    "num_key_value_heads": (0, 10_000),
    "num_experts_per_tok": (0, 10_000),
    "vocab_size": (1, 100_000_000),
}
_WIDTH_KEYS = ("hidden_size", "n_embd", "d_model")
_EXPERT_KEYS = ("num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts")
# Per layer, so a list may stand for one number.
_LONGEST_LIST = 10_000
# At any depth, the parts for pictures too: where transformers makes as many of something as the number says, before a
# tensor is asked for (labels with names, layers, kinds of attention, slices of a product, blocks of a scan).
_LAYER_KEYS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers")
_COUNTS = {
    **dict.fromkeys((*_LAYER_KEYS, "attention_types", "pretraining_tp"), (0, 1_000)),
    **dict.fromkeys(("num_labels", "mamba_chunk_size"), (0, 100_000)),
    "chunk_size": (-1, 100_000),  # -1: the part of Phi-4 Multimodal that listens has none
}
# No tensor and no loop can count further. Lengths "without end" are published as 10^30, and nobody counts those.
_LARGEST_WHOLE = 2**63 - 1
_ENDLESS = "max_length"
_SAMPLING = ("temperature", "top_k", "top_p", "min_p", "repetition_penalty")
_ENDS = "eos_token_id"
# Many times what any published file lists, each packed product by its name included.
_MOST_ENTRIES = 500_000
_DEEPEST_NESTING = 50
_LONGEST_SHOWN = 40


def refuse_odd_structure(files: CheckpointFiles, name: str, content: object) -> None:
    """Raise EngineError(CHECKPOINT_INCOMPLETE) for JSON that would take long to walk through: too deep or too long."""
    entries, waiting = 0, [(content, 0)]
    while waiting:
        item, depth = waiting.pop()
        if depth > _DEEPEST_NESTING:
            raise incomplete(files, f"{name} is damaged (nested too deeply)")
        inner = item.values() if isinstance(item, dict) else item if isinstance(item, list) else ()
        entries += len(inner)
        if entries > _MOST_ENTRIES:
            raise incomplete(files, f"{name} is damaged (it has more than {_MOST_ENTRIES:,} entries)")
        waiting += [(value, depth + 1) for value in inner if isinstance(value, dict | list)]


def refuse_odd_sizes(files: CheckpointFiles, config: Mapping[str, object]) -> None:
    """Raise EngineError(CHECKPOINT_INCOMPLETE) for sizes that no model has: negative, huge, no whole numbers.

    Numbers that are none are refused wherever they stand: a norm with one answers nothing.
    """
    for part in parts(config):
        for key, limits in _LIMITS.items():
            for value in _each(part.get(key)):
                if value is not None and not _is_within(value, limits):
                    raise _damaged(files, key, value)
        for key, value in part.items():
            if isinstance(value, list) and len(value) > _LONGEST_LIST:
                raise incomplete(files, f"{CONFIG_NAME} is damaged ({_shown(key)} has {len(value):,} entries)")
    for key, value, is_listed in _entries("", config):
        if _is_no_number(value, is_listed) or _is_endless(key, value):
            raise _damaged(files, key, value)
        is_name = is_listed and isinstance(value, str)  # kinds of attention, each list of them with its number
        if value is not None and not is_name and key in _COUNTS and not _is_within(value, _COUNTS[key]):
            raise _damaged(files, key, value)


def refuse_other_weights(
    files: CheckpointFiles, config: Mapping[str, object], tensors: Mapping[str, TensorHeader]
) -> None:
    """Raise EngineError(CHECKPOINT_INCOMPLETE) if the tensors are not those of the model that is described.

    Counts layers, words, width and experts only, so that packed tensors of any kind will do.
    """
    lengths = {length for header in tensors.values() for length in header.shape}
    for part in parts(config):
        for layers in _numbers(part, _LAYER_KEYS):
            if layers > len(tensors):
                raise incomplete(files, f"{CONFIG_NAME} speaks of {layers} layers, the weights hold fewer")
        for words in _numbers(part, ("vocab_size",)):
            if words > max(lengths, default=0):
                raise incomplete(files, f"{CONFIG_NAME} speaks of {words} words, the weights hold fewer")
        for width in _numbers(part, _WIDTH_KEYS):
            if width not in lengths:
                raise incomplete(files, f"{CONFIG_NAME} speaks of a width of {width}, the weights have another")
        for experts in _numbers(part, _EXPERT_KEYS):
            if experts > len(tensors) and experts not in lengths:
                raise incomplete(files, f"{CONFIG_NAME} speaks of {experts} experts, the weights hold fewer")


def refuse_odd_sampling(files: CheckpointFiles, name: str, content: Mapping[str, object]) -> None:
    """Raise EngineError(CHECKPOINT_INCOMPLETE) if what is recommended for writing can't be used.

    transformers hands on whatever stands there, and the first answer would fail by it.
    """
    for key in _SAMPLING:
        value = content.get(key)
        if value is not None and not (isinstance(value, int | float) and abs(value) < math.inf):
            raise _damaged(files, key, value, name)
    ends = content.get(_ENDS)
    ends = [] if ends is None else ends if isinstance(ends, list) else [ends]
    if len(ends) > _LONGEST_LIST:
        raise incomplete(files, f"{name} is damaged ({_ENDS} has {len(ends):,} entries)")
    for value in ends:
        if not isinstance(value, int):
            raise _damaged(files, _ENDS, value, name)


def is_number_of_layers(value: object) -> bool:
    """Whether a model may have as many, none included: transformers makes each of them before a tensor is asked for."""
    return _is_within(value, _COUNTS["num_hidden_layers"])


def parts(config: Mapping[str, object]) -> Iterator[Mapping[str, object]]:
    """Yield the configuration and the one of the text model inside it, if there is one."""
    yield config
    text = config.get("text_config")
    if isinstance(text, dict):
        yield text


def _entries(key: str, value: object, is_listed: bool = False) -> Iterator[tuple[str, object, bool]]:
    """Yield whatever is no list or dictionary at any depth, with its key and whether it is in a list."""
    if isinstance(value, dict):
        for inner, each in value.items():
            yield from _entries(str(inner), each)
    elif isinstance(value, list):
        for each in value:
            yield from _entries(key, each, True)
    else:
        yield key, value, is_listed


def _is_no_number(value: object, is_listed: bool) -> bool:
    """Whether it is none, or an endless one outside of a list: Mamba publishes endless limits in one."""
    return isinstance(value, float) and (math.isnan(value) or (math.isinf(value) and not is_listed))


def _is_endless(key: str, value: object) -> bool:
    return isinstance(value, int) and abs(value) > _LARGEST_WHOLE and not key.endswith(_ENDLESS)


def _each(value: object) -> list[object]:
    return value[:_LONGEST_LIST] if isinstance(value, list) else [value]


def _is_within(value: object, limits: tuple[int, int]) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return limits[0] <= value <= limits[1] and value == int(value)  # not a number fails the comparison


def _numbers(part: Mapping[str, object], keys: tuple[str, ...]) -> Iterator[int]:
    values = (part.get(key) for key in keys)
    return (value for value in values if isinstance(value, int) and not isinstance(value, bool))


def _damaged(files: CheckpointFiles, key: str, value: object, name: str = CONFIG_NAME) -> Exception:
    return incomplete(files, f"{name} is damaged ({_shown(key)} is {_shown(value)})")


def _shown(value: object) -> str:
    text = str(value)
    printable = "".join(character for character in text[:_LONGEST_SHOWN] if character.isprintable())
    return printable + ("..." if len(text) > _LONGEST_SHOWN else "")
