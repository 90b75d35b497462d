import msgspec
import pytest

from app.models.plan_words import (
    device_lines,
    fit_label,
    fit_of,
    memory_rows,
    memory_together,
    parameters_text,
    speed_text,
)
from engine.api.plan import Fit, MemoryParts, Plan, Precision
from tests.engine_scripts import PLAN, plan_for

GIB = 2**30


def changed(**fields: object) -> Plan:
    return msgspec.structs.replace(PLAN, **fields)


@pytest.mark.parametrize(
    ("fields", "label"),
    [
        ({"precision": Precision.BF16}, "Fits (BF16)"),
        ({"precision": Precision.INT8}, "Fits (INT8)"),
        ({"precision": Precision.INT4}, "Fits (INT4)"),
        ({"precision": Precision.INT4, "fit": Fit.LESS_CONTEXT}, "Fits with less context"),
        ({"fit": Fit.SLOW, "parts": MemoryParts(offloaded_bytes=1)}, "Slow (offload)"),
        ({"fit": Fit.SLOW}, "Slow (processor)"),
        ({"device": "cpu", "expected_tokens_per_second": 0.1}, "Slow (processor)"),
        ({"device": "cpu", "expected_tokens_per_second": 9.0}, "Fits (BF16)"),
        ({"device": "cpu", "expected_tokens_per_second": 0.0}, "Fits (BF16)"),
        ({"device": "cuda:0", "expected_tokens_per_second": 0.1}, "Fits (BF16)"),
        ({"device": "cpu", "expected_tokens_per_second": 0.1, "fit": Fit.TOO_BIG}, "Too big"),
        ({"fit": Fit.TOO_BIG}, "Too big"),
    ],
)
def test_every_fit_has_a_label(fields: dict[str, object], label: str) -> None:
    assert fit_label(changed(**fields)) == label


def test_memory_adds_up_to_the_digit() -> None:
    parts = MemoryParts(int(4.984 * GIB), int(1.004 * GIB), int(0.094 * GIB), int(0.404 * GIB), int(0.644 * GIB))
    rows = memory_rows(changed(device="cuda:0", parts=parts))
    assert [words for words, _ in rows] == ["weights", "conversation", "working space", "CUDA", "reserve", "needed"]
    *values, total = [round(100 * float(value)) for _, value in rows]
    assert sum(values) == total == int(100 * parts.needed_bytes / GIB)


def test_model_and_draft_model_add_up_to_the_digit() -> None:
    parts = MemoryParts(weights_bytes=GIB * 13799 // 10000, free_bytes=4 * GIB)
    plan = changed(device="cuda:0", parts=parts, draft_bytes=GIB * 5177 // 10000)
    rows = memory_together(plan, changed(name="Small"))
    assert rows == [(PLAN.name, "1.37"), ("Small", "0.52"), ("needed", "1.89")]
    assert rows[0][1] == memory_rows(plan)[-1][1]


def test_layers_are_gathered_by_device() -> None:
    layers = {f"model.layers.{index}": "cuda:0" if index < 16 else "cuda:1" for index in range(32)}
    plan = changed(device_map={"model.embed_tokens": "cuda:0", **layers, "model.norm": "cuda:1"})
    assert device_lines(plan) == [
        "model.embed_tokens, layers 0-15 on cuda:0",
        "layers 16-31, model.norm on cuda:1",
    ]
    assert device_lines(changed(device_map={"h.7": "cuda:0"})) == ["layer 7 on cuda:0"]
    assert device_lines(PLAN) == []


@pytest.mark.parametrize(
    ("tables", "waiting", "line"),
    [
        (1, 0, "In main memory: embedding table."),
        (2, 0, "In main memory: embedding tables."),
        (1, 38, "In main memory: embedding table and 38 of 80 layers."),
        (0, 38, "In main memory: 38 of 80 layers."),
        (0, 80, "In main memory: all 80 layers."),
    ],
)
def test_what_waits_in_main_memory_is_counted(tables: int, waiting: int, line: str) -> None:
    places = {f"model.embed_{index}": "cpu" for index in range(tables)}
    places |= {f"model.layers.{index}": "cpu" if index < waiting else "cuda:0" for index in range(80)}
    assert device_lines(changed(device="cuda:0", device_map={**places, "lm_head": "cuda:0"})) == [line]


@pytest.mark.parametrize(("waiting", "words"), [(33, "33 of 48 layers"), (48, "all 48 layers")])
def test_experts_that_wait_are_counted_by_their_layers(waiting: int, words: str) -> None:
    places = {"model.embed_tokens": "cpu"}
    for index in range(48):
        layer = f"model.layers.{index}"
        places |= {layer: "cuda:0"} | ({f"{layer}.mlp.experts": "cpu"} if index < waiting else {})
    plan = changed(device="cuda:0", device_map=places)
    assert device_lines(plan) == [f"In main memory: embedding table and the experts of {words}."]


def test_parts_that_no_text_needs_are_said_beside_what_else_waits() -> None:
    line = "In main memory: parts for pictures or sound, which no text needs."
    plan = changed(device="cuda:0", other_parts=("model.vision_tower",))
    assert device_lines(plan) == [line]
    both = msgspec.structs.replace(plan, device_map={"model.embed_tokens": "cpu", "lm_head": "cuda:0"})
    assert device_lines(both) == ["In main memory: embedding table.", line]


def test_speed_is_a_bound_with_its_reason_or_nothing() -> None:
    plan = changed(expected_tokens_per_second=23.4, speed_reason="the card moves 500 GB/s.")
    assert speed_text(plan) == "At most 23 tokens per second: the card moves 500 GB/s."
    assert speed_text(changed(expected_tokens_per_second=0.043)) == "At most 0.043 tokens per second."
    assert speed_text(changed(expected_tokens_per_second=0.0)) == ""
    assert speed_text(msgspec.structs.replace(plan, fit=Fit.TOO_BIG)) == ""


@pytest.mark.parametrize(
    ("count", "text"), [(512, "512"), (134_515_008, "135 million"), (8_030_261_248, "8.0 billion")]
)
def test_parameters(count: int, text: str) -> None:
    assert parameters_text(count) == text


def test_a_model_that_was_published_packed_is_not_called_16_bit() -> None:
    plan = plan_for("openai/gpt-oss-120b")
    fit = fit_of(plan)
    assert fit.label == "Fits (INT4)"
    assert "as published in MXFP4" in fit.details
    assert fit_label(plan_for("Qwen/Qwen3-8B")) == "Fits (BF16)"
