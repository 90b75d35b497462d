"""`python -m tests.benchmarks.gpu_table results.json`: what `tests.benchmarks.gpu` found, as Markdown tables.

A file of a run that was cut off will do: what is missing is not in the tables, what failed stands below them.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_EAGER = "eager"
Row = tuple[str, ...]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("file", type=Path)
    print(markdown(json.loads(arguments.parse_args().file.read_text(encoding="utf-8"))))


def markdown(found: dict[str, Any]) -> str:
    """Return the machine in a line, what was measured in tables, and what was not with the reason."""
    parts = [_machine(found)]
    for head, rows in (
        (("decode", "behind tokens", "tokens/s", "of the bandwidth's bound"), _decode(found)),
        (("reading", "tokens", "tokens/s", "of the matrix rate"), _prefill(found)),
        (("beside", "behind tokens", "its tokens/s", "Hearth is faster"), _rivals(found)),
        (("follow-up", "history", "warm", "cold", "times faster"), _follow_ups(found)),
        (("a conversation back from", "tokens", "seconds", "faster than reading"), _tiers(found)),
        (("memory", "planned GiB", "peak GiB", "ratio"), _memory(found)),
    ):
        if lines := list(rows):
            parts.append("\n".join(f"| {' | '.join(line)} |" for line in (head, ("---",) * len(head), *lines)))
    if missing := list(_missing(found)):
        parts.append("\n".join(missing))
    return "\n\n".join(part for part in parts if part)


def _machine(found: dict[str, Any]) -> str:
    hardware = found.get("machine", {}).get("hardware", {})
    cards = ", ".join(gpu["name"] for gpu in hardware.get("gpus", []))
    versions = ", ".join(f"{name} {version}" for name, version in hardware.get("versions", {}).items())
    place = "; ".join(part for part in (cards or "no card", versions) if part)
    return f"{found.get('shape', '')} with random weights on {place}."


def _measured(found: dict[str, Any], steps: str, part: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (step, row) of that part of each report whose step's name starts so."""
    for step, report in found.items():
        if step.startswith(steps) and isinstance(report, dict):
            for precision in report.get("precisions", []):
                yield from ((step, row) for row in precision.get(part) or [] if not row.get("skipped"))


def _rungs(found: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (step and name, rung) of each ladder."""
    for step, rungs in found.items():
        if isinstance(rungs, list) and step.startswith(("ladder", "compiled")):
            yield from ((f"{step}: {rung['rung']}", rung) for rung in rungs)


def _ways(found: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield (step, the way its tokens were decoded, why no better one) of what was to be recorded or compiled."""
    for step, report in found.items():
        if step.startswith("decode") and isinstance(report, dict):
            plans = [precision.get("plan") or {} for precision in report.get("precisions", [])]
            yield from ((step, plan.get("decode", ""), plan.get("decode_reason", "")) for plan in plans)
    for name, rung in _rungs(found):
        if rung.get("wanted", _EAGER) != _EAGER:
            yield name, rung["decode"], rung["decode_reason"]


def _decode(found: dict[str, Any]) -> Iterator[Row]:
    rows = list(_measured(found, "decode", "decode"))
    rows += [(name, row) for name, rung in _rungs(found) for row in rung.get("rows", [])]
    eagerly = {step for step, way, _ in _ways(found) if way == _EAGER}
    for step, row in rows:
        if rate := _median(row.get("tokens_per_second")):
            name = f"{step}, ran eagerly" if step in eagerly else step
            yield name, f"{row['context_tokens']:,}", f"{rate:.1f}", f"{row['share_of_bound']:.0%}"


def _prefill(found: dict[str, Any]) -> Iterator[Row]:
    for step, row in _measured(found, "reading", "prefill"):
        if rate := _median(row.get("tokens_per_second")):
            yield step, f"{row['prompt_tokens']:,}", f"{rate:,.0f}", f"{row['share_of_matrix_rate']:.0%}"


def _rivals(found: dict[str, Any]) -> Iterator[Row]:
    for step, row in (*_measured(found, "rivals", "rivals"), *_measured(found, "generate", "rivals")):
        if rate := _median(row.get("tokens_per_second")):
            yield (
                f"{step}: {row['rival']}",
                f"{row['context_tokens']:,}",
                f"{rate:.1f}",
                f"{row['hearth_times_faster']:.2f} x",
            )


def _follow_ups(found: dict[str, Any]) -> Iterator[Row]:
    for step, row in _measured(found, "reading", "follow_up"):
        warm, cold = _median(row.get("warm_seconds")), _median(row.get("cold_seconds"))
        yield step, f"{row['history_tokens']:,}", f"{warm:.3f} s", f"{cold:.3f} s", f"{row['times_faster']:.1f} x"


def _tiers(found: dict[str, Any]) -> Iterator[Row]:
    rows = found.get("tiers")
    for row in rows if isinstance(rows, list) else []:
        for tier in ("device", "ram", "disk"):
            if isinstance(back := row.get(tier), dict):
                yield tier, f"{row['history']:,}", f"{back['seconds']:.4f}", f"{back['faster_than_reading']:.1f} x"


def _memory(found: dict[str, Any]) -> Iterator[Row]:
    for step, row in found.items():
        if step.startswith("memory") and isinstance(row, dict) and "peak_bytes" in row:
            sizes = (f"{row[name] / 2**30:.2f}" for name in ("planned_bytes", "peak_bytes"))
            yield step, *sizes, f"{row['peak_against_planned']:.3f}"


def _missing(found: dict[str, Any]) -> Iterator[str]:
    yield from (f"- {step} ran eagerly: {reason}" for step, way, reason in _ways(found) if way == _EAGER)
    yield from (f"- {name} skipped: {rung['skipped']}" for name, rung in _rungs(found) if rung.get("skipped"))
    for step, outcome in found.items():
        if isinstance(outcome, dict):
            for word in ("skipped", "failed"):
                if reason := outcome.get(word):
                    yield f"- {step} {word}: {reason}"
            for report in outcome.get("precisions", []):
                yield from (
                    f"- {step}, {row['rival']}: {row['skipped']}" for row in report.get("rivals", []) if row["skipped"]
                )


def _median(spread: dict[str, float] | None) -> float:
    return spread["median"] if spread else 0.0


if __name__ == "__main__":
    main()
