"""The report of a benchmark as aligned lines for a person. Pure."""

from collections.abc import Iterator, Sequence

from app.terminal.wrapping import wrapped
from engine.api.benchmark import (
    BenchmarkReport,
    CardState,
    HardwareRates,
    MachineState,
    PrecisionReport,
    Rival,
    Spread,
)
from engine.api.hardware import Hardware
from engine.api.plan import Plan, Precision
from engine.api.rates import written
from engine.api.warmth import Tier

_WIDTH = 110
_INDENT = "  "
_RIVALS = {
    Rival.HEARTH: "Hearth",
    Rival.GENERATE: "generate",
    Rival.COMPILED: "generate, compiled",
}
_TIERS = {Tier.DEVICE: "graphics card", Tier.RAM: "RAM", Tier.DISK: "disk"}
_VERSIONS = ("python", "torch", "transformers", "bitsandbytes")

Row = Sequence[str]


def lines(report: BenchmarkReport) -> Iterator[str]:
    """Yield the whole report; its last line is the recommendation."""
    yield f"{report.model}: measured for {report.seconds:,.0f} s; medians, with the slowest and the fastest round"
    yield from _indented(*_machine(report.hardware, report.state))
    for measured in report.precisions:
        yield ""
        yield from _precision(measured)
    yield ""
    if report.state.warning:
        yield from wrapped(report.state.warning, _WIDTH)
    yield from wrapped(report.recommendation, _WIDTH)


def _machine(hardware: Hardware, state: MachineState) -> Iterator[str]:
    yield f"{hardware.cpu_name}, {state.threads} of {state.logical_cores} threads"
    yield from (_card(card) for card in state.cards)
    yield ", ".join(f"{name} {hardware.versions[name]}" for name in _VERSIONS if name in hardware.versions)


def _card(card: CardState) -> str:
    clocks = ""
    if card.highest_graphics_clock_mhz:
        clocks = f", {card.graphics_clock_mhz:,} of {card.highest_graphics_clock_mhz:,} MHz"
    if card.highest_memory_clock_mhz:
        clocks += f", memory {card.memory_clock_mhz:,} of {card.highest_memory_clock_mhz:,} MHz"
    state = f", {card.performance_state}" if card.performance_state else ""
    return f"{card.name}, driver {card.driver}{state}{clocks}"


def _precision(measured: PrecisionReport) -> Iterator[str]:
    if measured.plan is None:
        yield f"{measured.choice.value.upper()}: not measured"
        yield from _indented(measured.failure)
        return
    yield _heading(measured.plan)
    yield from _indented(*_ways(measured.plan))
    if measured.hardware is not None:
        yield from _table("Hardware", (), [_hardware(measured.hardware)])
    for title, heads, rows in _parts(measured):
        if rows:
            yield from _table(title, heads, rows)
    if measured.decode_against_bf16 and measured.plan.precision is not Precision.BF16:
        yield from _indented(f"writes {measured.decode_against_bf16:.2f} times as fast as BF16")


def _heading(plan: Plan) -> str:
    return (
        f"{plan.precision.value.upper()} on {plan.device_name or plan.device}, context window of "
        f"{plan.context_window:,} tokens"
    )


def _ways(plan: Plan) -> Iterator[str]:
    yield f"attention: {plan.attention}" + (f" ({plan.attention_reason})" if plan.attention_reason else "")
    yield f"decode: {plan.decode}" + (f" ({plan.decode_reason})" if plan.decode_reason else "")


def _hardware(rates: HardwareRates) -> Row:
    copies = rates.copy_bytes_per_second
    copied = f"copies {written(copies.median / 1e9)} GB/s ({_ends(copies, 1e9)})"
    if rates.bandwidth_bytes_per_second != copies.median:
        copied += f", at best {written(rates.bandwidth_bytes_per_second / 1e9)}"
    matrices = rates.matrix_operations_per_second
    if matrices is None:
        return (copied,)
    return (copied, f"multiplies {_big(matrices.median)} {rates.dtype} operations/s ({rates.matrix_rows:,} rows)")


def _parts(measured: PrecisionReport) -> Iterator[tuple[str, Row, list[Row]]]:
    yield "Decode", ("context", "tokens/s", "from .. to", "of bound", "bound"), _decode(measured)
    yield "Prefill", ("tokens", "tokens/s", "from .. to", "plain pass", "against it", "of matrices"), _prefill(measured)
    yield "Follow-up", ("history", "warm", "cold", "faster", "read"), _follow_up(measured)
    yield "Tiers", ("from", "tokens", "time", "tokens/s", "rate", "against reading"), _tiers(measured)
    if measured.load is not None:
        first, second = measured.load.first_seconds, measured.load.second_seconds
        yield "Load", ("first", "second"), [(_seconds(first), _seconds(second))]
    yield "Rivals", ("", "context", "tokens/s", "from .. to", "Hearth is", "same text"), _rivals(measured)


def _decode(measured: PrecisionReport) -> list[Row]:
    rows: list[Row] = []
    for row in measured.decode:
        if row.tokens_per_second is None:
            rows.append((f"{row.context_tokens:,}", f"skipped: {row.skipped}"))
            continue
        share = f"{row.share_of_bound:.0%}" if row.share_of_bound else "not known"
        bound = written(row.bound_tokens_per_second) if row.bound_tokens_per_second else ""
        rate = row.tokens_per_second
        rows.append((f"{row.context_tokens:,}", written(rate.median), _ends(rate), share, bound))
    return rows


def _prefill(measured: PrecisionReport) -> list[Row]:
    rows: list[Row] = []
    for row in measured.prefill:
        rate, plain = row.tokens_per_second, row.plain_tokens_per_second
        if rate is None:
            rows.append((f"{row.prompt_tokens:,}", f"skipped: {row.skipped}"))
            continue
        against = (written(plain.median, 0), f"{row.ratio_to_plain:.2f} x") if plain else (row.plain_skipped, "")
        share = f"{row.share_of_matrix_rate:.0%}" if row.share_of_matrix_rate else ""
        rows.append((f"{row.prompt_tokens:,}", written(rate.median, 0), _ends(rate, digits=0), *against, share))
    return rows


def _follow_up(measured: PrecisionReport) -> list[Row]:
    rows: list[Row] = []
    for row in measured.follow_up:
        if row.warm_seconds is None or row.cold_seconds is None:
            rows.append((f"{row.history_tokens:,}", f"skipped: {row.skipped}"))
            continue
        warm, cold = _seconds(row.warm_seconds.median), _seconds(row.cold_seconds.median)
        rows.append((f"{row.history_tokens:,}", warm, cold, f"{row.times_faster:.0f} x", f"{row.read_tokens:,}"))
    return rows


def _tiers(measured: PrecisionReport) -> list[Row]:
    rows: list[Row] = []
    for row in measured.tiers:
        if row.restore_seconds is None:
            rows.append((_TIERS[row.tier], f"skipped: {row.skipped}"))
            continue
        rows.append(
            (
                _TIERS[row.tier],
                f"{row.restored_tokens:,}",
                _seconds(row.restore_seconds.median),
                written(row.tokens_per_second, 0),
                f"{written(row.bytes_per_second / 1e9, 2)} GB/s",
                f"{row.times_faster_than_reading:.0f} x faster",
            )
        )
    return rows


def _rivals(measured: PrecisionReport) -> list[Row]:
    rows: list[Row] = []
    for row in measured.rivals:
        name, rate = _RIVALS[row.rival], row.tokens_per_second
        if rate is None:
            rows.append((name, f"skipped: {row.skipped}"))
            continue
        is_own = row.rival is Rival.HEARTH
        faster = "" if is_own else f"{row.hearth_times_faster:.2f} x as fast"
        same = "" if is_own else f"{row.same_tokens} of {row.compared_tokens} tokens"
        rows.append((name, f"{row.context_tokens:,}", written(rate.median), _ends(rate), faster, same))
    return rows


def _table(title: str, heads: Row, rows: list[Row]) -> Iterator[str]:
    """Yield a title and aligned rows; a row of fewer cells than heads ends in words that may be long."""
    yield f"{_INDENT}{title}"
    whole = [row for row in rows if len(row) == len(heads)]
    widths = [max(len(row[place]) for row in (heads, *whole)) for place in range(len(heads))]
    if heads:
        widths[0] = max(widths[0], *(len(row[0]) for row in rows))
        yield _aligned(heads, widths)
    for row in rows:
        yield _aligned(row, widths) if len(row) == len(heads) else _worded(row, widths)


def _aligned(cells: Row, widths: list[int]) -> str:
    first, *rest = cells
    padded = (f"{cell:>{width}}" for cell, width in zip(rest, widths[1:], strict=True))
    return f"{_INDENT * 2}{first:>{widths[0]}}  {'  '.join(padded)}".rstrip()


def _worded(cells: Row, widths: list[int]) -> str:
    first, *rest = cells
    return f"{_INDENT * 2}{first:>{widths[0] if widths else 0}}  {'; '.join(rest)}"


def _indented(*paragraphs: str) -> Iterator[str]:
    for paragraph in paragraphs:
        yield from wrapped(paragraph, _WIDTH, _INDENT)


def _ends(spread: Spread, unit: float = 1.0, digits: int = 1) -> str:
    return f"{written(spread.lowest / unit, digits)} .. {written(spread.highest / unit, digits)}"


def _big(operations: float) -> str:
    return f"{operations / 1e12:,.1f} T" if operations >= 1e12 else f"{operations / 1e9:,.0f} G"


def _seconds(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 0.1 else f"{seconds * 1000:.1f} ms"
