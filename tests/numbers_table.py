"""Writes the table of numbers in README.md from what `python -m tests.benchmarks.cpu` found.

python -m tests.numbers_table
"""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.benchmarks import cpu, lifecycle

README = Path(__file__).parents[1] / "README.md"
_TABLE = re.compile(r"(?<=<!-- numbers -->\n).*?(?=<!-- end of numbers -->)", re.DOTALL)
_SAME = "the same"
_FEATURES = {"amx_bf16": "AMX BF16", "avx512_bf16": "AVX-512 BF16", "avx512f": "AVX-512", "avx2": "AVX2"}
Found = dict[str, Any]


def rendered() -> str:
    """Return what stands between the marks in the README: the machine, and a row for each number with its command.

    What a stranger hardly asks for (how processes start, stop and end) is folded away behind the rest.
    """
    found = json.loads(cpu.RESULTS.read_text(encoding="utf-8"))
    shown = _table(found["results"], [name for name in _ROWS if name != "lifecycle"])
    folded = _table(found["results"], ["lifecycle"])
    summary = "<details><summary>Starting, stopping and ending, against their budgets</summary>"
    return "\n".join([_machine(found["machine"]), "", *shown, "", summary, "", *folded, "", "</details>", "", ""])


def in_readme() -> str:
    """Return what stands there now. Raises AttributeError where the marks are missing."""
    return _TABLE.search(README.read_text(encoding="utf-8")).group()  # type: ignore[union-attr]


def _table(results: Found, names: list[str]) -> list[str]:
    lines = ["| what | number | command |", "|---|---|---|"]
    for name in names:
        command = f"`{_command(name)}`"
        for what, number in _ROWS[name](results[name]):
            lines.append(f"| {what} | {number} | {command} |")
            command = _SAME
    return lines


def _machine(found: Found) -> str:
    feature = next((words for name, words in _FEATURES.items() if name in found["cpu_features"]), "")
    cores = f"{found['physical_cores']} cores"
    return (
        f"Measured without a GPU on {cores} of an {found['cpu_name']}{f' with {feature}' if feature else ''}, starter "
        f"model, PyTorch {found['versions']['torch']}, transformers {found['versions']['transformers']}, each row in "
        f"one run. All that was found: [{cpu.RESULTS.name}](tests/benchmarks/results/{cpu.RESULTS.name})."
    )


def _command(name: str) -> str:
    module, *rest = cpu.COMMANDS[name]
    return " ".join(("hearth" if module == "app" else f"python -m {module}", *rest))


def _warmth(found: Found) -> Iterator[tuple[str, str]]:
    *_, middle, longest = found["rows"]
    ways = longest["ways"]
    prompt = f"{longest['prompt_tokens']:,}"
    yield f"ids read in a follow-up behind {prompt} ids", f"{ways['warm']['fed']}"
    warm, cold = (ways[way]["seconds"] for way in ("warm", "cold"))
    yield (
        "first token of that follow-up",
        f"{warm:.2f} s against {cold:.1f} s when all is read again: {_times(ways['warm']['ratio'])}",
    )
    yield "after editing an earlier message, or regenerating the answer", _ratios(ways, "edited", "regenerated")
    yield (
        "after another conversation (from RAM), after a restart (from disk)",
        f"{_ratios(ways, 'ram', 'disk')}; {ways['ram']['fed']} and {ways['disk']['fed']} ids read",
    )
    yield (
        f"first token behind {middle['prompt_tokens']:,} ids: follow-up, RAM, disk",
        _ratios(middle["ways"], "warm", "ram", "disk"),
    )


def _generation(found: Found) -> Iterator[tuple[str, str]]:
    rows = found["decode"]
    ids = "the same ids" if all(row["same_ids"] for row in rows) else "not always the same ids"
    ratios = ", ".join(f"{_times(row['ratio'])} behind {row['history']:,} ids" for row in rows)
    yield "decode against transformers' `generate` behind the same KV", f"{ratios}; {ids}"


def _prefill(found: Found) -> Iterator[tuple[str, str]]:
    rows = [row for row in found["precisions"][0]["prefill"] if row["ratio_to_plain"]]
    ratios = ", ".join(f"{_times(row['ratio_to_plain'])} with {row['prompt_tokens']:,} ids" for row in rows)
    yield "reading a prompt against one plain pass", ratios


def _speculation(found: Found) -> Iterator[tuple[str, str]]:
    rows = ", ".join(f"{row['prompt']} {_times(row['ratio'])}" for row in found["prompts"])
    yield "guessing ahead against without, by what is asked", rows


def _quantization(found: Found) -> Iterator[tuple[str, str]]:
    def both(name: str) -> str:
        return " and ".join(f"{found[each][name] / found['bf16'][name]:.2f} x" for each in ("int8", "int4"))

    yield "8-bit and 4-bit against 16-bit: decode", both("decoded_per_second")
    yield "the same: reading a prompt", both("read_per_second")
    values = ", ".join(f"{found[each]['perplexity']:.2f}" for each in ("bf16", "int8", "int4"))
    yield "perplexity of a fixed text in 16, 8 and 4 bit (a model this small suffers most from 4 bit)", values
    yield "8-bit and 4-bit against 16-bit: weights in memory", both("weight_bytes")


def _loading(found: Found) -> Iterator[tuple[str, str]]:
    for name, words in (("large", "a model of 1 GB"), ("starter", "the starter model")):
        rows = {row["precision"]: row for row in found["rows"] if row["model"] == name}
        weights, whole, ready = (
            " and ".join(_times(rows[precision][f"{part}_ratio"]) for precision in ("int8", "int4"))
            for part in ("weights", "whole", "ready")
        )
        yield (
            f"loading {words} the second time in 8 and 4 bit, against the first",
            f"the weights {weights} as fast, with tokenizer and all {whole}, until it can be asked {ready}",
        )


def _download(found: Found) -> Iterator[tuple[str, str]]:
    yield (
        f"a download of {found['megabytes']} MB into the cache, hashed and on the disk, against a GET with SHA-256",
        _times(found["ratio"]),
    )


def _faults(found: Found) -> Iterator[tuple[str, str]]:
    yield (
        f"{found['megabytes']} MB under {found['faults']} kills, drops, stalls and wrong answers",
        f"{found['what_arrived']}, {found['sent_twice_share']:.1%} fetched twice",
    )


def _window(found: Found) -> Iterator[tuple[str, str]]:
    memory = " and ".join(f"{found[name] / 2**20:.0f}" for name in ("start_memory", "prepared_memory"))
    yield (
        "window on screen after start; memory of its process, then and when all is prepared",
        f"{found['start']:.2f} s; {memory} MiB",
    )
    yield "a conversation of 10,000 messages, opened and drawn", f"{found['open']:.2f} s"
    yield "longest stall of the window while streaming into 1,000 messages", _ms(found["stall"])
    for words, name in (
        ("a message of a million characters", "a million characters"),
        ("a table of 10,000 rows in one message", "table of 10,000 rows"),
    ):
        yield (
            f"{words}, opened and drawn; longest stall while it streams",
            f"{found[f'{name} opened']:.2f} s; {_ms(found[f'{name} stall'])}",
        )
    yield "a key press until its character is painted, while streaming (worst of 20)", _ms(found["key"])
    yield (
        "find in the 10,000 messages; longest stall meanwhile",
        f"{found['find']:.2f} s; {_ms(found['find_stall'])}",
    )
    yield "Stop to idle while answering", _ms(found["stop"])
    theme, larger = (_ms(max(found["turns"][name])) for name in ("theme", "larger text"))
    yield "another theme, larger text: the longest turn of the window", f"{theme}, {larger}"


def _lifecycle(found: Found) -> Iterator[tuple[str, str]]:
    for what in lifecycle.BUDGETS:
        row = found[what]
        yield f"{what} (budget {row['budget']:g} s, median of 3)", _seconds(row["median"])


def _store(found: Found) -> Iterator[tuple[str, str]]:
    longest = max(found["search_seconds"].values())
    yield f"search in {found['searched_messages']:,} messages, the slowest of five", _ms(longest)


def _times(ratio: float) -> str:
    return f"{ratio:.0f} x" if ratio >= 10 else f"{ratio:.2f} x"


def _ratios(ways: Found, *names: str) -> str:
    return ", ".join(_times(ways[name]["ratio"]) for name in names)


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"


def _seconds(seconds: float) -> str:
    return _ms(seconds) if seconds < 0.1 else f"{seconds:.2f} s"


_ROWS: dict[str, Callable[[Found], Iterator[tuple[str, str]]]] = {
    "warmth": _warmth,
    "generation": _generation,
    "prefill": _prefill,
    "speculation": _speculation,
    "quantization": _quantization,
    "loading": _loading,
    "download": _download,
    "faults": _faults,
    "window": _window,
    "lifecycle": _lifecycle,
    "store": _store,
}


def main() -> None:
    text = README.read_text(encoding="utf-8")
    README.write_text(_TABLE.sub(lambda _: rendered(), text), encoding="utf-8")


if __name__ == "__main__":
    main()
