"""`hearth bench` on the real engine, in a process of its own, and its table."""

import json
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from app.terminal.bench_table import lines
from engine.api.benchmark import BenchmarkPart, BenchmarkReport, HardwareRates
from engine.api.plan import Precision
from tests import tiny_checkpoints
from tests.app.terminal.conftest import Run
from tests.engine.bench.reports import BUSY, report, spread
from tests.engine_scripts import HARDWARE

ROOT = Path(__file__).resolve().parents[3]


def test_a_small_run_as_json(tiny_folder: Path, tmp_path: Path) -> None:
    model = tiny_checkpoints.make("llama", tiny_folder)
    done = subprocess.run(
        [sys.executable, "-m", "app.cli", "bench", "hardware", "decode", "--json", "--model", str(model)],
        cwd=ROOT, env=os.environ | {"HF_HUB_OFFLINE": "1"}, capture_output=True, text=True, timeout=240,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    found = msgspec.json.decode(done.stdout, type=BenchmarkReport)
    assert json.loads(done.stdout)["parts"] == ["hardware", "decode"]
    assert (found.model, found.has_random_weights) == (model.name, False)
    (measured,) = found.precisions
    assert measured.plan is not None
    assert measured.hardware is not None
    first, *longer = measured.decode
    assert first.tokens_per_second is not None
    assert first.tokens_per_second.rounds >= 2
    bandwidth = measured.hardware.bandwidth_bytes_per_second
    assert first.bound_tokens_per_second == pytest.approx(bandwidth / first.read_bytes_per_token)
    assert first.share_of_bound == pytest.approx(first.tokens_per_second.median / first.bound_tokens_per_second)
    told = "it takes 2,128 tokens, and the context window holds 2,048"  # which 2,000 alone would seem to fit
    assert longer[0].skipped.startswith(told)
    assert all("tokens, and the context window holds 2,048" in row.skipped for row in longer)
    assert (measured.prefill, measured.rivals, measured.load) == ((), (), None)
    assert found.recommendation.startswith(f"{model.name} writes ")
    assert found.recommended is measured.plan.precision
    assert list((tmp_path / "hearth-home" / "data").glob("benchmark-*")) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("decoding",), "hardware, decode, prefill, follow-up, tiers, load, rivals"),
        (("--shape", "llama-3.1-8b"), "--random-weights"),
        (("--random-weights",), "--shape"),
        (("--shape", "a", "--model", "b", "--random-weights"), "not allowed"),
        (("--precision", "bf16,int3"), "auto, fp32, bf16, int8, int4 and all"),
        (("--context", "0"), "--context"),
    ],
)
def test_wrong_usage_ends_with_status_2(
    arguments: tuple[str, ...], said: str, hearth: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        hearth("bench", *arguments)
    assert ended.value.code == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert said in captured.err
    assert captured.err.count("error:") == 1


def test_the_table_is_aligned_and_ends_with_the_advice() -> None:
    rates = HardwareRates(
        device="cuda:0", dtype="bfloat16", copy_bytes_per_second=spread(3e12), bandwidth_bytes_per_second=3e12,
        matrix_operations_per_second=spread(6e14), matrix_rows=8192,
    )  # fmt: skip
    measured = msgspec.structs.replace(report(Precision.BF16, 120, 0), hardware=rates)
    faster = msgspec.structs.replace(report(Precision.INT4, 1240, 980), decode_against_bf16=2.25)
    failed = msgspec.structs.replace(report(Precision.INT8), plan=None, failure="It does not fit.")
    shown = list(
        lines(
            BenchmarkReport(
                model="A model", has_random_weights=False, parts=tuple(BenchmarkPart), hardware=HARDWARE, state=BUSY,
                precisions=(measured, failed, faster), recommendation="Do this.",
            )
        )
    )  # fmt: skip
    text = "\n".join(shown)
    assert shown[-2:] == ["Other programs were busy.", "Do this."]
    assert "copies 3,000.0 GB/s" in text
    assert "600.0 T bfloat16 operations/s" in text
    assert "INT8: not measured\n  It does not fit." in text
    assert "      2,000  skipped: it does not fit" in text
    assert "writes 2.25 times as fast as BF16" in text
    rows = [line for line in shown if line.strip().startswith(("100 ", "2,000  9"))]
    assert len({line.index(" .. ") for line in rows[1:]}) == 1
