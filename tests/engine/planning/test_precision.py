"""Which precision and window come out for which machine, and that the sentence's arithmetic is right."""

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.api.errors import EngineError, ErrorKind
from engine.api.plan import Precision, PrecisionChoice
from engine.planning.memory import LayerMemory
from engine.planning.precision import CheckpointFacts, DeviceKind, Target, decide
from engine.planning.sizes import GIB, in_gib

CPU = Target(DeviceKind.CPU, "AMD EPYC", 16 * GIB, GIB // 2)
GPU = Target(DeviceKind.CUDA, "NVIDIA RTX 4090", 22 * GIB, GIB, (8, 9))
OLD_GPU = Target(DeviceKind.CUDA, "Tesla T4", 14 * GIB, GIB, (7, 5))
# 8 billion parameters, 32 layers with 8 key-value heads of 128 values: 128 KiB per token in 16 bit.
LLAMA_8B = CheckpointFacts("Llama 8B", 8_030_261_248, "BF16", 16_060_522_496, (LayerMemory(2048),) * 32, 131_072)
TINY = CheckpointFacts("Tiny", 100_000, "F32", 400_000, (LayerMemory(96),) * 3, 2048)


@pytest.mark.parametrize(
    ("target", "facts", "choice", "expected"),
    [
        (GPU, LLAMA_8B, PrecisionChoice.AUTO, Precision.BF16),
        (GPU, LLAMA_8B, PrecisionChoice.BF16, Precision.BF16),
        (GPU, TINY, PrecisionChoice.AUTO, Precision.BF16),
        (GPU, TINY, PrecisionChoice.FP32, Precision.FP32),
        (replace(OLD_GPU, free_bytes=24 * GIB), LLAMA_8B, PrecisionChoice.AUTO, Precision.FP16),
        (replace(OLD_GPU, free_bytes=24 * GIB), LLAMA_8B, PrecisionChoice.BF16, Precision.FP16),
        (replace(CPU, free_bytes=32 * GIB), LLAMA_8B, PrecisionChoice.AUTO, Precision.BF16),
        (CPU, TINY, PrecisionChoice.AUTO, Precision.FP32),
        (CPU, TINY, PrecisionChoice.BF16, Precision.BF16),
        (
            replace(CPU, computes_bf16=False),
            replace(TINY, published_dtype="BF16"),
            PrecisionChoice.AUTO,
            Precision.FP32,
        ),
        (replace(CPU, computes_bf16=False, free_bytes=24 * GIB), LLAMA_8B, PrecisionChoice.AUTO, Precision.BF16),
        (replace(CPU, computes_bf16=False, free_bytes=64 * GIB), LLAMA_8B, PrecisionChoice.AUTO, Precision.FP32),
        (CPU, replace(TINY, published_dtype="BF16"), PrecisionChoice.AUTO, Precision.BF16),
        (CPU, replace(TINY, published_bytes=GIB), PrecisionChoice.AUTO, Precision.BF16),
    ],
)
def test_precision(target: Target, facts: CheckpointFacts, choice: PrecisionChoice, expected: Precision) -> None:
    decision = decide(target, facts, None, choice)
    assert decision.precision is expected
    assert decision.precision_reason.startswith(expected.value.upper())
    assert decision.precision_reason.endswith(".")


@pytest.mark.parametrize("choice", [PrecisionChoice.INT8, PrecisionChoice.INT4])
def test_formats_of_later_versions_are_refused_clearly(choice: PrecisionChoice) -> None:
    with pytest.raises(EngineError) as caught:
        decide(CPU, TINY, None, choice)
    report = caught.value.report
    assert report.kind is ErrorKind.PRECISION_UNAVAILABLE
    assert choice.value.upper() in report.message
    assert "not available yet" in report.message
    assert "bf16" in report.hint


@pytest.mark.parametrize(
    ("wanted", "maximum", "expected", "words"),
    [
        (None, 131_072, 8192, "usual"),
        (None, 2048, 2048, "made for"),
        (4096, 131_072, 4096, "asked"),
        (100, 131_072, 100, "asked"),
        (1, 131_072, 1, "asked"),
        (4096, 2048, 2048, "made for"),
        (20_000, None, 20_000, "asked"),
        (None, None, 8192, "usual"),
        (None, 8192, 8192, "made for"),
    ],
)
def test_context_window(wanted: int | None, maximum: int | None, expected: int, words: str) -> None:
    decision = decide(GPU, replace(LLAMA_8B, maximum_context=maximum), wanted, PrecisionChoice.AUTO)
    assert decision.context_window == expected
    assert words in decision.context_reason
    assert f"{expected:,}" in decision.context_reason


def test_context_shrinks_to_what_fits() -> None:
    target = replace(GPU, free_bytes=GIB + LLAMA_8B.published_bytes + 5000 * 128 * 1024)
    decision = decide(target, LLAMA_8B, None, PrecisionChoice.AUTO)
    assert decision.context_window == 5000
    assert "fits" in decision.context_reason
    assert decision.kv_bytes == 5000 * 128 * 1024
    assert decide(target, LLAMA_8B, 3000, PrecisionChoice.AUTO).context_window == 3000


def test_refusal_shows_arithmetic_that_adds_up() -> None:
    with pytest.raises(EngineError) as caught:
        decide(replace(GPU, free_bytes=8 * GIB), LLAMA_8B, None, PrecisionChoice.AUTO)
    report = caught.value.report
    assert report.kind is ErrorKind.OUT_OF_MEMORY
    weights, conversation, reserve, free = map(float, re.findall(r"([\d.]+) GiB", report.message))
    assert weights == pytest.approx(LLAMA_8B.published_bytes / GIB, abs=0.1)
    assert (reserve, free) == (1.0, 8.0)
    assert weights + conversation + reserve > free
    assert report.hint


def test_a_model_without_kv_takes_any_window() -> None:
    recurrent = replace(TINY, layers=(LayerMemory(0, constant_bytes=4608),) * 3, maximum_context=None)
    decision = decide(CPU, recurrent, 100_000, PrecisionChoice.AUTO)
    assert (decision.context_window, decision.kv_bytes_per_token) == (100_000, 0)
    assert decision.kv_bytes == 3 * 4608 * 4


@given(
    free=st.integers(0, 200 * GIB),
    wanted=st.none() | st.integers(1, 10**7),
    maximum=st.none() | st.integers(1, 10**7),
)
def test_what_is_planned_always_fits(free: int, wanted: int | None, maximum: int | None) -> None:
    target = replace(GPU, free_bytes=free)
    facts = replace(LLAMA_8B, maximum_context=maximum)
    try:
        decision = decide(target, facts, wanted, PrecisionChoice.AUTO)
    except EngineError:
        return  # its sentence is checked above
    assert decision.weight_bytes + decision.kv_bytes + target.reserve_bytes <= free
    assert 1 <= decision.context_window <= min(wanted or 8192, maximum or 10**9)


@pytest.mark.parametrize(("size", "text"), [(0, "0.00"), (GIB, "1.00"), (GIB * 3 // 2, "1.50"), (16 * GIB, "16.0")])
def test_in_gib(size: int, text: str) -> None:
    assert in_gib(size) == text
