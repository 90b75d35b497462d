"""A draft model's bytes are taken before the model is planned: both fit together, and the plan says so."""

from dataclasses import replace

import pytest

from engine.api.hardware import Gpu, Hardware
from engine.api.plan import Fit, PrecisionChoice
from engine.planning import precision
from engine.planning.drafts import plan_with_draft, taken_bytes, without
from engine.planning.ladder import Wishes
from engine.planning.sizes import GIB
from tests.plan_table import facts_for

MODEL, DRAFT = (replace(facts_for(name), published=None) for name in ("llama-3.1-8b", "smollm2-135m"))


def machine(*card_gib: float, ram_gib: float = 28) -> Hardware:
    cards = tuple(
        Gpu(index, "RTX", (8, 6), int(size * GIB), int(size * GIB), True, 5e11, "data sheet")
        for index, size in enumerate(card_gib)
    )
    return Hardware(
        system="x", cpu_name="EPYC", physical_cores=8, cpu_features=(), ram_total_bytes=int(ram_gib * GIB),
        ram_available_bytes=int(ram_gib * GIB), disk_free_bytes=100 * GIB, gpus=cards, cpu_computes_bf16=True,
        quantization_kernels=("cpu int8", "cpu nf4", "cuda int8", "cuda nf4"), ram_bandwidth_bytes_per_second=5e10,
        platform="linux", versions={"bitsandbytes": "0.50.2"},
    )  # fmt: skip


@pytest.mark.parametrize("hardware", [machine(24), machine(12), machine(10), machine()])
def test_both_fit_together(hardware: Hardware) -> None:
    found, drafted = plan_with_draft(hardware, MODEL, Wishes(), DRAFT)
    alone = precision.plan(hardware, MODEL, Wishes())
    assert drafted is not None
    free = hardware.gpus[0].free_bytes if hardware.gpus else hardware.ram_available_bytes
    assert found.draft == drafted.name
    assert found.draft_bytes == taken_bytes(drafted) > drafted.weight_bytes
    assert found.parts.needed_bytes + found.draft_bytes <= free
    assert found.parts.free_bytes == free - found.draft_bytes
    assert (found.device, drafted.device) == (alone.device, alone.device)
    assert drafted.context_window == min(found.context_window, DRAFT.maximum_context)
    assert f"{found.draft_bytes / GIB:.2f} GiB for its weights" in found.draft_reason


def test_without_a_draft_the_plan_is_the_usual_one() -> None:
    found, drafted = plan_with_draft(machine(12), MODEL, Wishes(), None)
    assert drafted is None
    assert found == precision.plan(machine(12), MODEL, Wishes())


def test_a_draft_that_does_not_fit_is_no_plan() -> None:
    _, drafted = plan_with_draft(machine(4, ram_gib=4), DRAFT, Wishes(), MODEL)
    assert drafted is not None
    assert drafted.fit is Fit.TOO_BIG


def test_other_cards_keep_what_they_have() -> None:
    found, _ = plan_with_draft(machine(24, 24), MODEL, Wishes(device="cuda:1", precision=PrecisionChoice.BF16), DRAFT)
    assert found.device == "cuda:1"
    assert found.parts.free_bytes == 24 * GIB - found.draft_bytes


def test_what_waits_for_the_draft_is_missing_from_main_memory() -> None:
    rest = without(machine(24, ram_gib=28), "cuda:0", 3 * GIB, 2 * GIB)
    assert (rest.gpus[0].free_bytes, rest.ram_available_bytes) == (21 * GIB, 26 * GIB)
    alone = without(machine(ram_gib=28), "cpu", 3 * GIB, 0)
    assert alone.ram_available_bytes == 25 * GIB
