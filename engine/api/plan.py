"""The decision how a checkpoint is loaded on this machine, with the sentence that explains it."""

from enum import StrEnum

import msgspec


class Precision(StrEnum):
    """Number format of the loaded weights."""

    FP32 = "fp32"
    BF16 = "bf16"
    FP16 = "fp16"
    INT8 = "int8"
    INT4 = "int4"


class PrecisionChoice(StrEnum):
    """What the user asked for; AUTO lets the planner decide."""

    AUTO = "auto"
    FP32 = "fp32"
    BF16 = "bf16"
    INT8 = "int8"
    INT4 = "int4"


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was loaded, where, how, and why not better. Bytes are bytes; context_window is in tokens."""

    checkpoint: str
    name: str
    revision: str
    parameters: int
    precision: Precision
    precision_reason: str
    device: str
    device_name: str
    context_window: int
    context_reason: str
    weight_bytes: int
    kv_bytes_per_token: int
    kv_bytes: int
    attention: str = ""
    attention_reason: str = ""
    decode: str = "eager"
    decode_reason: str = ""
    kv_reuse: str = ""
    chat_template: str = "publisher"
    tokenizer_id: str = ""
    load_seconds: float = 0.0
