"""One sentence for a person: how this machine does with the model, and the setting to use. Pure."""

from dataclasses import dataclass

from engine.api.benchmark import DecodeRow, MachineState, PrecisionReport, Rival
from engine.api.plan import Fit, Plan, Precision
from engine.api.rates import written

# About as fast as people read.
READING_TOKENS_PER_SECOND = 10.0
FLUENT_TOKENS_PER_SECOND = 30.0
# A lower precision must gain so much to be worth its price.
_WORTH_IT = 1.15
_GOOD_SHARE = 0.7
_POOR_SHARE = 0.4
_LABELS = {Precision.FP32: "FP32", Precision.BF16: "BF16", Precision.FP16: "FP16", Precision.INT8: "8 bit",
           Precision.INT4: "4 bit"}  # fmt: skip
_OPTIONS = {Precision.FP16: "bf16"}
# Of the contexts that are measured, the one of about 2,000 tokens: a conversation of an hour.
_USUAL_PLACE = 1
# Best quality first; 32 and 16 bit answer alike, so the faster of them is taken.
_QUALITY = {Precision.FP32: 0, Precision.BF16: 0, Precision.FP16: 0, Precision.INT8: 1, Precision.INT4: 2}
_PRICES = {
    0: "",
    1: ", which costs hardly any quality",
    2: ", which costs some quality, most of all in small models",
}


@dataclass(frozen=True)
class Recommendation:
    """The sentence, and the precision that it advises (None: that can't be told)."""

    sentence: str
    precision: Precision | None = None


@dataclass(frozen=True)
class _Candidate:
    plan: Plan
    row: DecodeRow
    rate: float


def recommend(model: str, precisions: tuple[PrecisionReport, ...], state: MachineState) -> Recommendation:
    """Return what to tell. Without a decode rate there is nothing to advise."""
    candidates = _candidates(precisions)
    if not candidates:
        return Recommendation("How fast this computer writes was not measured; `hearth bench decode` does that.")
    best = _best(candidates)
    told = f"{_speed(model, best)}; {_advice(best, candidates)}"
    return Recommendation(f"{told}{_trouble(best, state)}.", best.plan.precision)


def _best(candidates: list[_Candidate]) -> _Candidate:
    """Return the best quality that people needn't wait for; where all are slow, the fastest that is worth its price."""
    fluent = [each for each in candidates if each.rate >= FLUENT_TOKENS_PER_SECOND]
    if fluent:
        finest = min(_QUALITY[each.plan.precision] for each in fluent)
        return max((each for each in fluent if _QUALITY[each.plan.precision] == finest), key=lambda each: each.rate)
    best = candidates[0]
    for other in candidates[1:]:
        worse = _QUALITY[other.plan.precision] > _QUALITY[best.plan.precision]
        if other.rate / best.rate > (_WORTH_IT if worse else 1.0):
            best = other
    return best


def _candidates(precisions: tuple[PrecisionReport, ...]) -> list[_Candidate]:
    """Return what was measured, best quality first, at the usual context if all of them have it, else their longest."""
    rates = [
        (report.plan, {place: row for place, row in enumerate(_rows(report)) if row.tokens_per_second is not None})
        for report in precisions
        if report.plan is not None
    ]
    measured = [(plan, rows) for plan, rows in rates if rows]
    if not measured:
        return []
    common = set.intersection(*(set(rows) for _, rows in measured))
    found = []
    for plan, rows in measured:
        row = rows[_place(common or set(rows))]
        assert row.tokens_per_second is not None
        found.append(_Candidate(plan, row, row.tokens_per_second.median))
    return sorted(found, key=lambda each: _QUALITY[each.plan.precision])


def _rows(report: PrecisionReport) -> tuple[DecodeRow, ...]:
    """Return what was measured of writing, beside the rivals if nowhere else."""
    beside = (row for row in report.rivals if row.rival is Rival.HEARTH)
    return report.decode or tuple(
        DecodeRow(context_tokens=row.context_tokens, tokens_per_second=row.tokens_per_second) for row in beside
    )


def _place(measured: set[int]) -> int:
    return _USUAL_PLACE if _USUAL_PLACE in measured else max(measured)


def _speed(model: str, best: _Candidate) -> str:
    if best.rate >= FLUENT_TOKENS_PER_SECOND:
        words = "much faster than anyone reads"
    elif best.rate >= READING_TOKENS_PER_SECOND:
        words = "about as fast as people read, or faster"
    else:
        words = "slower than people read"
    device = best.plan.device_name or best.plan.device
    rate, label = f"{written(best.rate)} tokens per second", _LABELS[best.plan.precision]
    return f"{model} writes {rate} in {label} on {device} behind {best.row.context_tokens:,} tokens, {words}"


def _advice(best: _Candidate, candidates: list[_Candidate]) -> str:
    precision = best.plan.precision
    option = f"--precision {_OPTIONS.get(precision, precision.value)}"
    others = [each for each in candidates if each is not best]
    if not others:
        slow = best.rate < READING_TOKENS_PER_SECOND
        lower = ", a smaller model would help" if precision is Precision.INT4 else ", --precision int4 may help"
        return f"the recommended setting is {option}" + (lower if slow else "")
    told = f"the recommended setting is {option}"
    if slower := [each for each in others if each.rate < best.rate]:
        told += f" ({', '.join(f'{best.rate / each.rate:.1f} times as fast as {_label(each)}' for each in slower)})"
    told += _PRICES[_QUALITY[precision]]
    # Only where nobody waits is one not taken that is much faster.
    if faster := [each for each in others if each.rate > best.rate * _WORTH_IT]:
        names = " and ".join(f"{_label(each)} ({each.rate / best.rate:.1f} times as fast)" for each in faster)
        told += f", while {names} would cost quality that nobody has to give up for speed here"
    return told


def _label(candidate: _Candidate) -> str:
    return _LABELS[candidate.plan.precision]


def _trouble(best: _Candidate, state: MachineState) -> str:
    if state.warning:
        return "; but close other programs and measure again, as they took part of the machine meanwhile"
    share = best.row.share_of_bound
    if best.plan.fit is Fit.SLOW and best.plan.parts.offloaded_bytes:
        return "; part of the model lies in main memory, which makes it slow: a lower precision or smaller model helps"
    if not share:
        return ""
    if share >= _GOOD_SHARE:
        return f"; it uses {share:.0%} of what the memory allows, so only a faster memory would help much"
    if share < _POOR_SHARE:
        return f"; that is only {share:.0%} of what the memory allows"
    return f"; that is {share:.0%} of what the memory allows"
