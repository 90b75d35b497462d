"""What `hearth bench` measures and how it is told: rates in tokens, bytes or operations per second, never formatted."""

from enum import StrEnum

import msgspec

from engine.api.hardware import Hardware
from engine.api.plan import Plan, Precision, PrecisionChoice
from engine.api.warmth import Tier


class BenchmarkPart(StrEnum):
    """What can be measured, in the order of the report."""

    HARDWARE = "hardware"
    DECODE = "decode"
    PREFILL = "prefill"
    FOLLOW_UP = "follow-up"
    TIERS = "tiers"
    LOAD = "load"
    RIVALS = "rivals"


class BenchmarkStep(StrEnum):
    """What a benchmark is busy with."""

    PREPARING = "preparing"
    MAKING_WEIGHTS = "making_weights"
    LOADING = "loading"
    HARDWARE = "hardware"
    PREFILL = "prefill"
    DECODE = "decode"
    FOLLOW_UP = "follow_up"
    TIERS = "tiers"
    RIVALS = "rivals"
    COMPILING = "compiling"


class Spread(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The median of so many rounds and what lies at their ends."""

    median: float
    lowest: float
    highest: float
    rounds: int


class CardState(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a graphics card told of itself behind the measurements; 0 and empty where it doesn't tell.

    performance_state: `P0` is the fastest. Clocks are those of that moment and the highest that the card has.
    """

    name: str
    driver: str = ""
    performance_state: str = ""
    graphics_clock_mhz: int = 0
    highest_graphics_clock_mhz: int = 0
    memory_clock_mhz: int = 0
    highest_memory_clock_mhz: int = 0
    temperature_celsius: int = 0
    power_watts: float = 0.0


class MachineState(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Under what conditions was measured. busy_cores_of_others: cores that other programs used, on average."""

    threads: int
    logical_cores: int
    busy_cores_of_others: float
    cards: tuple[CardState, ...] = ()
    warning: str = ""


class HardwareRates(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the model's device reaches in this process. A copy reads and writes: both are counted.

    bandwidth_bytes_per_second is the one that bounds are made of. dtype: of the matrices, which have so many rows.
    """

    device: str
    dtype: str
    copy_bytes_per_second: Spread
    bandwidth_bytes_per_second: float
    matrix_operations_per_second: Spread | None
    matrix_rows: int


class DecodeRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Writing behind a context of so many tokens. skipped says why it was not measured; then only the wish is told.

    The bound is the bandwidth over the bytes that a token has to read: weights, and the KV of the context (of a
    sliding window only the window). 0 where that is not known.
    """

    context_tokens: int
    tokens_per_second: Spread | None = None
    read_bytes_per_token: int = 0
    bound_tokens_per_second: float = 0.0
    share_of_bound: float = 0.0
    skipped: str = ""


class PrefillRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Reading so many new tokens. plain: one forward pass over the same ids that computes the last logits only.

    share_of_matrix_rate counts two operations for each weight that a token uses, attention left out.
    """

    prompt_tokens: int
    tokens_per_second: Spread | None = None
    plain_tokens_per_second: Spread | None = None
    ratio_to_plain: float = 0.0
    plain_skipped: str = ""
    share_of_matrix_rate: float = 0.0
    skipped: str = ""


class FollowUpRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """First token behind a history of so many tokens: of a follow-up, and when all has to be read (cold)."""

    history_tokens: int
    warm_seconds: Spread | None = None
    cold_seconds: Spread | None = None
    read_tokens: int = 0
    times_faster: float = 0.0
    skipped: str = ""


class TierRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Bringing a conversation back from a tier, and how many times faster that is than reading it was."""

    tier: Tier
    restored_tokens: int = 0
    restore_seconds: Spread | None = None
    bytes_per_second: float = 0.0
    tokens_per_second: float = 0.0
    times_faster_than_reading: float = 0.0
    skipped: str = ""


class LoadTimes(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Seconds until the model was in memory, the check of its KV included. first: packs weights that are to be packed,
    second: reads the packed copy."""

    first_seconds: float
    second_seconds: float


class Rival(StrEnum):
    """Ways to write with the same weights in the same process."""

    HEARTH = "hearth"
    GENERATE = "generate"
    COMPILED = "compiled"


class RivalRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One way of writing behind the same prompt. hearth_times_faster: Hearth's rate over this one.

    same_tokens: how many of the compared_tokens were Hearth's before the first that wasn't.
    """

    rival: Rival
    context_tokens: int
    tokens_per_second: Spread | None = None
    hearth_times_faster: float = 0.0
    same_tokens: int = 0
    compared_tokens: int = 0
    compile_seconds: float = 0.0
    skipped: str = ""


class PrecisionReport(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """All that was measured in one precision. failure: why nothing was. plan: how it was loaded, as completed then.

    decode_against_bf16: at the longest context that both have; 0 where it can't be told.
    """

    choice: PrecisionChoice
    failure: str = ""
    plan: Plan | None = None
    hardware: HardwareRates | None = None
    decode: tuple[DecodeRow, ...] = ()
    prefill: tuple[PrefillRow, ...] = ()
    follow_up: tuple[FollowUpRow, ...] = ()
    tiers: tuple[TierRow, ...] = ()
    load: LoadTimes | None = None
    rivals: tuple[RivalRow, ...] = ()
    decode_against_bf16: float = 0.0


class BenchmarkReport(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The whole run. recommended: the precision that is advised, None where that can't be told."""

    model: str
    has_random_weights: bool
    parts: tuple[BenchmarkPart, ...]
    hardware: Hardware
    state: MachineState
    precisions: tuple[PrecisionReport, ...]
    recommendation: str
    recommended: Precision | None = None
    seconds: float = 0.0
