"""Reports of benchmarks that nobody ran, for the tests of what is said about them."""

from engine.api.benchmark import DecodeRow, MachineState, PrecisionReport, Spread
from engine.api.plan import Fit, MemoryParts, Plan, Precision, PrecisionChoice

QUIET = MachineState(threads=2, logical_cores=2, busy_cores_of_others=0.0)
BUSY = MachineState(threads=2, logical_cores=2, busy_cores_of_others=1.0, warning="Other programs were busy.")


def spread(value: float) -> Spread:
    return Spread(value, value * 0.9, value * 1.1, 3)


def plan(precision: Precision, offloaded_bytes: int = 0) -> Plan:
    return Plan(
        checkpoint="m", name="A model", revision="", parameters=8, precision=precision, precision_reason="",
        device="cuda:0", device_name="A card", context_window=4096, context_reason="", weight_bytes=16,
        kv_bytes_per_token=1, kv_bytes=1, attention="sdpa", parts=MemoryParts(offloaded_bytes=offloaded_bytes),
        fit=Fit.SLOW if offloaded_bytes else Fit.FITS,
    )  # fmt: skip


def report(precision: Precision, *rates: float, share: float = 0.5, offloaded_bytes: int = 0) -> PrecisionReport:
    """Return one with these rates at 100, 2,000, ... tokens; a rate of 0 was skipped."""
    rows = [
        DecodeRow(context_tokens=context, tokens_per_second=spread(rate), share_of_bound=share)
        if rate
        else DecodeRow(context_tokens=context, skipped="it does not fit")
        for context, rate in zip((100, 2000, 8000), rates, strict=False)
    ]
    choice = PrecisionChoice(precision.value)
    return PrecisionReport(choice=choice, plan=plan(precision, offloaded_bytes), decode=tuple(rows))
