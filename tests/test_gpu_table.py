"""What the benchmark for cards found becomes tables, also where it found little."""

from typing import Any

from tests.benchmarks.gpu_table import markdown

SPREAD = {"median": 80.04, "lowest": 79.0, "highest": 81.0, "rounds": 3}
FOUND: dict[str, Any] = {
    "shape": "llama-3.1-8b",
    "machine": {"hardware": {"gpus": [{"name": "NVIDIA H100"}], "versions": {"torch": "2.11.0"}}},
    "decode bf16": {
        "precisions": [
            {
                "decode": [
                    {"context_tokens": 2023, "tokens_per_second": SPREAD, "share_of_bound": 0.87, "skipped": ""},
                    {"context_tokens": 32_000, "tokens_per_second": None, "skipped": "the window is smaller"},
                ],
                "prefill": [],
                "follow_up": None,
            }
        ]
    },
    "ladder bf16": [{"rung": "graph", "rows": []}, {"rung": "compiled", "skipped": "the time was up"}],
    "memory bf16": {"planned_bytes": 2**31, "peak_bytes": 2**30, "peak_against_planned": 0.5},
    "decode int8": {"skipped": "bitsandbytes is not installed."},
    "rivals bf16": {"failed": "RuntimeError: no compiler"},
    "tiers": {"skipped": "the time was up"},
}


def test_numbers_stand_in_tables_and_reasons_below() -> None:
    lines = markdown(FOUND).splitlines()
    assert lines[0] == "llama-3.1-8b with random weights on NVIDIA H100; torch 2.11.0."
    assert "| decode bf16 | 2,023 | 80.0 | 87% |" in lines
    assert "| memory bf16 | 2.00 | 1.00 | 0.500 |" in lines
    assert not any("32,000" in line for line in lines)
    assert lines[-4:] == [
        "- ladder bf16: compiled skipped: the time was up",
        "- decode int8 skipped: bitsandbytes is not installed.",
        "- rivals bf16 failed: RuntimeError: no compiler",
        "- tiers skipped: the time was up",
    ]


def test_what_ran_eagerly_is_not_told_as_a_graph() -> None:
    row = {"context_tokens": 2023, "tokens_per_second": SPREAD, "share_of_bound": 0.2}
    eager = {"decode": "eager", "decode_reason": "recording the step failed: no", "rows": [row]}
    found = {
        "decode bf16": {"precisions": [{"plan": eager, "decode": [row]}]},
        "ladder bf16": [
            {"rung": "own loop", "wanted": "eager", **eager},
            {"rung": "graph", "wanted": "graph", **eager},
            {"rung": "last", "skipped": "the time was up"},
        ],
    }
    lines = markdown(found).splitlines()
    assert "| decode bf16, ran eagerly | 2,023 | 80.0 | 20% |" in lines
    assert "| ladder bf16: own loop | 2,023 | 80.0 | 20% |" in lines
    assert "| ladder bf16: graph, ran eagerly | 2,023 | 80.0 | 20% |" in lines
    assert lines[-3:] == [
        "- decode bf16 ran eagerly: recording the step failed: no",
        "- ladder bf16: graph ran eagerly: recording the step failed: no",
        "- ladder bf16: last skipped: the time was up",
    ]


def test_a_rival_that_failed_says_why() -> None:
    rows = [{"rival": "compiled", "skipped": "no compiler", "tokens_per_second": None}]
    found = {"rivals bf16": {"precisions": [{"rivals": rows}]}}
    assert markdown(found).splitlines()[-1] == "- rivals bf16, compiled: no compiler"


def test_a_file_of_the_first_moment_will_do() -> None:
    assert markdown({"shape": "qwen3-0.6b", "seconds": 0.1}) == "qwen3-0.6b with random weights on no card."
