"""The planner's decisions: whatever it plans fits, says why in sums that add up, and follows the ladder and wishes."""

import re
from dataclasses import replace
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.api.errors import EngineError, ErrorKind
from engine.api.hardware import Gpu, Hardware
from engine.api.plan import Fit, KvLayout, Plan, Precision, PrecisionChoice
from engine.planning.facts import Published
from engine.planning.ladder import Wishes, shape_for
from engine.planning.placement import place
from engine.planning.precision import plan, refusal
from engine.planning.sizes import GIB
from engine.planning.targets import targets_of
from tests.plan_table import facts_for

NAMES = ("llama-3.1-8b", "gemma-3-4b", "qwen3-30b-a3b", "falcon-h1-0.5b", "gpt-oss-20b", "smollm2-135m")
KERNELS = ("cpu int8", "cpu nf4", "cuda int8", "cuda nf4")
_SUMS = re.compile(r"(\d+\.\d\d GiB of weights(?: \+ \d+\.\d\d [^+=]+?)*) = (\d+\.\d\d) of (\d+\.\d\d) GiB free")


def machine(
    *card_gib: float, ram_gib: float = 28, kernels: tuple[str, ...] = KERNELS, capability: tuple[int, int] = (8, 6),
    platform: str = "linux", bf16: bool = True,
) -> Hardware:  # fmt: skip
    cards = tuple(
        Gpu(index, "RTX", capability, int(size * GIB), int(size * GIB), capability >= (8, 0), 5e11, "data sheet")
        for index, size in enumerate(card_gib)
    )
    return Hardware(
        system="x", cpu_name="EPYC", physical_cores=8, cpu_features=(), ram_total_bytes=int(ram_gib * GIB),
        ram_available_bytes=int(ram_gib * GIB), disk_free_bytes=100 * GIB, gpus=cards, quantization_kernels=kernels,
        cpu_computes_bf16=bf16, ram_bandwidth_bytes_per_second=5e10, platform=platform,
        versions={"bitsandbytes": "0.50.2"},
    )  # fmt: skip


def planned(
    name: str, hardware: Hardware, context: int | None = None, choice: PrecisionChoice = PrecisionChoice.AUTO,
    device: str = "auto",
) -> Plan:  # fmt: skip
    facts = replace(facts_for(name), published=None)
    return plan(hardware, facts, Wishes(context, choice, device))


def check_sums(found: Plan) -> None:
    match = _SUMS.search(found.precision_reason)
    assert match is not None, found.precision_reason
    parts = [round(float(number) * 100) for number in re.findall(r"(\d+\.\d\d) ", match[1])]
    assert sum(parts) == round(float(match[2]) * 100)
    assert float(match[2]) <= float(match[3])


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(NAMES), st.lists(st.floats(1, 150), max_size=3), st.floats(1, 200),
    st.one_of(st.none(), st.integers(1, 200_000)), st.sampled_from(["linux", "windows"]),
)  # fmt: skip
def test_whatever_is_planned_fits_and_adds_up(
    name: str, cards: list[float], ram: float, context: int | None, platform: str
) -> None:
    found = planned(name, machine(*cards, ram_gib=ram, platform=platform), context)
    wanted = min(context or 8192, facts_for(name).maximum_context or 10**9)
    assert "  " not in found.precision_reason
    assert "  " not in found.context_reason
    if found.fit is Fit.TOO_BIG:
        assert found.parts.needed_bytes > found.parts.free_bytes or not cards or len(cards) > 1
        return
    assert min(2048, wanted) <= found.context_window <= wanted
    assert found.parts.needed_bytes <= found.parts.free_bytes
    assert found.parts.weights_bytes + found.parts.offloaded_bytes == pytest.approx(found.weight_bytes, abs=4096)
    check_sums(found)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(NAMES), st.floats(1, 100), st.floats(0, 60), st.sampled_from([2048, 8192, 32768]))
def test_more_memory_is_never_worse(name: str, size: float, more: float, context: int) -> None:
    small, large = planned(name, machine(size), context), planned(name, machine(size + more), context)
    assert rank(large) >= rank(small)


def rank(found: Plan) -> tuple[int, int, int]:
    order = (Precision.INT4, Precision.INT8, Precision.FP16, Precision.BF16)
    fit = {Fit.TOO_BIG: 0, Fit.SLOW: 1, Fit.LESS_CONTEXT: 2, Fit.FITS: 3}[found.fit]
    # Without the card, or with less context, the fastest way or the lowest precision is taken.
    return (fit, found.context_window if fit > 1 else 0, order.index(found.precision) if found.fit is Fit.FITS else 0)


def test_cards_below_8_0_compute_in_fp16_and_say_so() -> None:
    found = planned("smollm2-135m", machine(8, capability=(7, 5)))
    assert (found.precision, found.compute) == (Precision.FP16, Precision.FP16)
    assert found.precision_reason.startswith("FP16 because RTX has no BF16. ")
    packed = planned("llama-3.1-8b", machine(8, capability=(7, 5)))
    assert (packed.precision, packed.compute) == (Precision.INT4, Precision.FP16)


def test_a_model_that_cannot_be_packed_is_not_called_packed() -> None:
    """An architecture may compute with weights of its own alone, which nothing packs."""
    plain = facts_for("smollm2-135m")
    blocks = tuple(
        replace(block, packed=(), kept_elements=block.kept_elements + sum(one.elements for one in block.packed))
        for block in plain.blocks
    )
    asked = Wishes(precision=PrecisionChoice.INT8)
    found = plan(machine(8), replace(plain, blocks=blocks, packs=False, published=None), asked)
    assert (found.precision, found.quantization) == (Precision.BF16, "")
    assert found.precision_reason.startswith("BF16 because this kind of model can't be packed. ")


def test_a_model_of_which_little_can_be_packed_says_so() -> None:
    """An architecture may have experts of its own, which nothing packs."""
    plain = replace(facts_for("qwen3-30b-a3b"), published=None)
    blocks = tuple(
        replace(block, experts=(), kept_elements=block.kept_elements + sum(one.elements for one in block.experts))
        for block in plain.blocks
    )
    asked = Wishes(precision=PrecisionChoice.INT8)
    found = plan(machine(80), replace(plain, blocks=blocks), asked)
    assert found.precision_reason.startswith(
        "INT8 because you asked for it, though only 5% of this model can be packed"
    )
    assert plan(machine(80), plain, asked).precision_reason.startswith("INT8 because you asked for it. ")


def test_what_overflows_fp16_is_computed_in_32_bit_there() -> None:
    old = planned("gemma-3-4b", machine(24, capability=(7, 5)))
    assert (old.precision, old.compute) == (Precision.FP32, Precision.FP32)
    assert old.precision_reason.startswith("FP32 because RTX has no BF16, and FP16 is too small")
    packed = planned("gemma-3-4b", machine(8, capability=(7, 5)), context=4096)
    assert (packed.precision, packed.compute) == (Precision.INT8, Precision.FP32)
    assert packed.precision_reason.startswith("INT8 because 32 bit would need ")
    asked = planned("gemma-3-4b", machine(24, capability=(7, 5)), choice=PrecisionChoice.BF16)
    assert asked.precision_reason.startswith("FP32 because RTX has no BF16. ")
    assert planned("gemma-3-4b", machine(24)).compute is Precision.BF16


@pytest.mark.parametrize("choice", [PrecisionChoice.BF16, PrecisionChoice.INT8, PrecisionChoice.INT4])
def test_a_wish_is_kept_and_named(choice: PrecisionChoice) -> None:
    found = planned("llama-3.1-8b", machine(24), choice=choice)
    assert found.precision.value == choice.value
    assert found.precision_reason.startswith(f"{choice.value.upper()} because you asked for it. ")
    assert planned("llama-3.1-8b", machine(24), context=3000).context_reason == "3,000 tokens because you asked for it."


def test_a_rung_without_kernels_is_left_out_and_named() -> None:
    found = planned("llama-3.1-8b", machine(10, kernels=("cuda nf4",)), context=4096)
    assert found.precision is Precision.INT4
    assert "8 bit does not work here" in found.precision_reason
    none = planned("llama-3.1-8b", machine(8, ram_gib=2, kernels=()))
    assert none.fit is Fit.TOO_BIG
    assert "8 bit and 4 bit do not work here" in none.precision_reason
    only_int8 = planned("llama-3.1-8b", machine(12, kernels=("cuda int8",)))
    assert only_int8.precision is Precision.INT8
    assert "not work" not in only_int8.precision_reason


def test_a_wish_without_kernels_is_refused() -> None:
    with pytest.raises(EngineError) as caught:
        planned("llama-3.1-8b", machine(24, kernels=("cuda int8",)), choice=PrecisionChoice.INT4)
    assert caught.value.report.kind is ErrorKind.PRECISION_UNAVAILABLE
    bare = msgspec.structs.replace(machine(24, kernels=()), versions={})
    with pytest.raises(EngineError, match="bitsandbytes is not installed"):
        planned("llama-3.1-8b", bare, choice=PrecisionChoice.INT8)


def test_windows_keeps_more_in_reserve() -> None:
    linux, windows = (planned("llama-3.1-8b", machine(24, platform=name)) for name in ("linux", "windows"))
    assert windows.parts.reserve_bytes == linux.parts.reserve_bytes + GIB // 2


def test_one_card_if_it_fits_else_all_of_them() -> None:
    one = planned("llama-3.1-8b", machine(8, 24))
    assert (one.device, one.device_map, one.precision) == ("cuda:1", {}, Precision.BF16)
    assert "take turns" not in one.speed_reason
    for cards in ((12, 12), (8, 16), (16, 8)):
        hardware = machine(*cards)
        found = planned("llama-3.1-8b", hardware)
        assert found.precision is Precision.BF16
        assert set(found.device_map.values()) == {"cuda:0", "cuda:1"}
        assert "take turns" in found.speed_reason
        assert set(found.device_map) == {block.name for block in facts_for("llama-3.1-8b").blocks}
        assert found.parts.free_bytes == sum(gpu.free_bytes for gpu in hardware.gpus)
        assert found.device_name == "2 x RTX"
        check_sums(found)


def test_a_device_that_is_not_there_is_told_with_those_that_are() -> None:
    for hardware, there in ((machine(), "auto, cpu."), (machine(24, 24), "auto, cpu, cuda:0, cuda:1.")):
        with pytest.raises(EngineError, match="no device “cuda:7”") as refused:
            planned("llama-3.1-8b", hardware, device="cuda:7")
        assert refused.value.report.hint == f"There are: {there}"


def test_where_all_is_slow_a_short_window_comes_before_a_refusal() -> None:
    found = planned("llama-3.1-8b", machine(3, ram_gib=24), choice=PrecisionChoice.BF16, device="cuda:0")
    assert (found.fit, found.context_window) == (Fit.SLOW, 2048)
    assert found.context_reason == "2,048 tokens is what fits into the memory that is left."
    check_sums(found)


def test_a_card_that_holds_nothing_is_not_counted() -> None:
    found = planned("llama-3.1-8b", machine(3, 4, 1, ram_gib=9), 131_072)  # one has no room even to work in
    assert {*found.device_map.values()} == {"cuda:0", "cuda:1"}
    assert found.device_name == "2 x RTX"
    assert found.parts.needed_bytes <= found.parts.free_bytes
    check_sums(found)


def test_cards_that_hold_too_little_together_say_that_one_is_used_with_main_memory() -> None:
    found = planned("llama-3.1-70b", machine(40, 8, ram_gib=40), choice=PrecisionChoice.INT8)
    assert found.offloaded
    assert found.precision_reason.endswith("GiB are in main memory; the other cards can't help with that.")
    check_sums(found)


def test_a_tied_head_stays_beside_its_embedding() -> None:
    facts = facts_for("gemma-3-4b")
    for first in (6, 2.5):  # the smaller has room for what looks at pictures, whose places are an embedding too
        small, large = (targets_of(machine(size), "auto")[0] for size in (first, 20))
        targets = (small, replace(large, device="cuda:1"))
        found = place(facts, shape_for(facts, small, Precision.BF16, KvLayout.FULL), targets, 4096)
        assert found is not None
        assert found.device_map["lm_head"] == found.device_map["model.language_model.embed_tokens"]
        assert found.device_map["model.vision_tower"] == "cuda:0"
        assert len(set(found.device_map.values())) == 2


@pytest.mark.parametrize("choice", [PrecisionChoice.BF16, PrecisionChoice.INT8, PrecisionChoice.INT4])
def test_layers_wait_in_main_memory_in_any_precision_with_all_kv_on_the_card(choice: PrecisionChoice) -> None:
    found = planned("qwen3-14b", machine(7, ram_gib=64), choice=choice, device="cuda:0")
    assert (found.fit, found.precision, found.device) == (Fit.SLOW, Precision(choice.value), "cuda:0")
    assert set(found.device_map.values()) == {"cuda:0", "cpu"}
    assert set(found.device_map) == {block.name for block in facts_for("qwen3-14b").blocks}
    assert found.parts.kv_bytes == found.kv_bytes_per_token * found.context_window
    assert "partly from main memory" in found.precision_reason
    assert "GiB are in main memory." in found.precision_reason
    assert re.search(r"\d GiB of them by way of main memory at 12 GB/s \(taken for granted\)\.", found.speed_reason)
    check_sums(found)


def test_what_waits_is_the_table_and_as_few_layers_as_will_do_far_from_each_other() -> None:
    few = planned("qwen3-14b", machine(8.25, ram_gib=64), choice=PrecisionChoice.INT4)
    many = planned("qwen3-14b", machine(4.25, ram_gib=64), choice=PrecisionChoice.INT4)
    for found in (few, many):
        table, *layers = found.offloaded
        assert table == "model.embed_tokens"
        places = [int(name.rpartition(".")[2]) for name in layers]
        gaps = {after - before for before, after in pairwise(places)}
        assert max(gaps) - min(gaps) <= 1
        assert {"lm_head", "model.norm"}.isdisjoint(found.offloaded)
    assert len(few.offloaded) < len(many.offloaded)
    assert few.expected_tokens_per_second > 2 * many.expected_tokens_per_second


def test_what_waits_never_needs_more_than_there_is() -> None:
    for size in (3.0, 4.5, 5.0, 6.25, 8.0, 9.5, 11.0):
        for ram_gib in (8, 12, 24):
            for name in ("qwen3-14b", "phi-4", "gemma-3-12b", "mixtral-8x7b"):
                found = planned(name, machine(size, ram_gib=ram_gib), context=16384)
                if found.fit is not Fit.TOO_BIG:
                    assert found.parts.needed_bytes <= found.parts.free_bytes
                    assert found.parts.offloaded_bytes < ram_gib * GIB


def test_a_table_in_main_memory_comes_before_all_that_is_slow() -> None:
    found = planned("llama-3.1-8b", machine(5.55), context=4096)
    assert (found.fit, found.precision, found.context_window) == (Fit.FITS, Precision.INT4, 4096)
    assert found.offloaded == ("model.embed_tokens",)
    assert found.precision_reason.endswith(" 0.48 GiB of tables are in main memory, where a token looks up one row.")
    assert "by way of main memory" not in found.speed_reason
    check_sums(found)
    longer = planned("llama-3.1-8b", machine(5.55), context=32768)
    assert (longer.fit, longer.offloaded) == (Fit.LESS_CONTEXT, found.offloaded)
    assert 4096 < longer.context_window < 8192
    tied = planned("gemma-3-4b", machine(4), context=4096)
    assert "model.language_model.embed_tokens" not in tied.offloaded


def test_a_card_whose_memory_is_the_processors_leaves_nothing_there() -> None:
    hardware = machine(5)
    gpu = msgspec.structs.replace(hardware.gpus[0], is_integrated=True)
    shared = msgspec.structs.replace(hardware, gpus=(gpu,))
    for name in ("llama-3.1-8b", "qwen3-14b"):
        assert planned(name, hardware).offloaded
        assert not planned(name, shared).offloaded


def test_parts_for_pictures_wait_in_main_memory_wherever_a_card_computes_alone() -> None:
    parts = ("model.vision_tower", "model.multi_modal_projector")
    found = planned("gemma-3-4b", machine(4), context=4096)
    assert (found.fit, found.precision, found.other_parts) == (Fit.FITS, Precision.INT4, parts)
    assert (found.device_map, found.offloaded) == ({}, ())
    assert found.parts.weights_bytes + found.parts.offloaded_bytes == found.weight_bytes
    check_sums(found)
    held = f"{found.parts.offloaded_bytes / GIB:.2f}"
    assert found.precision_reason.endswith(f" {held} GiB of parts for pictures or sound are in main memory, as no text "
                                           "needs them.")  # fmt: skip
    large = planned("gemma-3-4b", machine(24), context=4096)
    assert (large.precision, large.other_parts) == (Precision.BF16, parts)
    slow = planned("gemma-3-12b", machine(8), context=4096)
    assert slow.other_parts == parts
    assert slow.offloaded
    assert not {*slow.device_map} & {*parts}
    few = planned("gemma-3-4b", machine(24, ram_gib=2), context=4096)
    gpu = msgspec.structs.replace(machine(24).gpus[0], is_integrated=True)
    shared = planned("gemma-3-4b", msgspec.structs.replace(machine(24), gpus=(gpu,)), context=4096)
    both = planned("gemma-3-12b", machine(8, 8), context=4096, choice=PrecisionChoice.INT8)
    assert {*both.device_map.values()} == {"cuda:0", "cuda:1"}
    for whole in (few, shared, both, planned("gemma-3-4b", machine()), planned("llama-3.1-8b", machine(24))):
        assert whole.other_parts == ()
        assert whole.parts.weights_bytes == whole.weight_bytes
        assert "pictures" not in whole.precision_reason


def test_what_waits_leaves_something_of_main_memory() -> None:
    """It is pinned: the system can give it to nobody else."""
    rams = (4, 5, 6, 8, 12)
    plans = [planned("qwen3-14b", machine(5, ram_gib=ram), choice=PrecisionChoice.INT4) for ram in rams]
    waiting = {ram: found.parts.offloaded_bytes for ram, found in zip(rams, plans, strict=True) if found.offloaded}
    assert 0 < len(waiting) < len(rams)
    assert all(size <= (ram - 2) * GIB for ram, size in waiting.items())


def test_a_measured_way_to_the_card_is_believed() -> None:
    hardware = machine(9, ram_gib=64)
    gpu = msgspec.structs.replace(hardware.gpus[0], transfer_bytes_per_second=50e9)
    usual = planned("qwen3-14b", hardware, choice=PrecisionChoice.INT8)
    quick = planned("qwen3-14b", msgspec.structs.replace(hardware, gpus=(gpu,)), choice=PrecisionChoice.INT8)
    assert quick.device == "cuda:0"
    assert quick.expected_tokens_per_second > usual.expected_tokens_per_second
    assert "at 50 GB/s (measured here)" in quick.speed_reason


def test_the_processor_alone_where_it_is_faster() -> None:
    found = planned("qwen3-30b-a3b", machine(2, ram_gib=64))
    assert (found.fit, found.device) == (Fit.SLOW, "cpu")
    assert "on the processor alone, which is slower. 4 bit would need" in found.precision_reason
    only = planned("llama-3.1-8b", machine())
    assert (only.device, only.fit, only.precision) == ("cpu", Fit.FITS, Precision.BF16)
    old = planned("llama-3.2-1b", machine(bf16=False))
    assert old.precision is Precision.FP32
    assert "no BF16 instructions" in old.precision_reason


def test_a_refusal_says_the_arithmetic() -> None:
    found = planned("llama-3.1-70b", machine(8, ram_gib=16))
    assert (found.fit, found.context_window) == (Fit.TOO_BIG, 0)
    error = refusal(found).report
    assert error.kind is ErrorKind.OUT_OF_MEMORY
    assert re.fullmatch(
        r"Llama 3.1 70B Instruct does not fit: 4 bit would need \d\d\.\d\d GiB and 8\.00 are free on RTX, even with "
        r"only 2,048 tokens\. Main memory has 16\.00 GiB free and can't take the rest\.",
        error.message,
    )
    alone = planned("llama-3.1-70b", machine(ram_gib=16))
    assert alone.precision_reason.endswith("GiB and 16.00 of main memory are free, even with only 2,048 tokens.")


def test_published_packed_checkpoints_are_loaded_as_they_are_or_unpacked() -> None:
    facts = replace(
        facts_for("llama-3.1-8b"), published=Published(Precision.INT4, "GPTQ, 4-bit", False, "float16"),
        published_bytes=5 * GIB,
    )  # fmt: skip
    kept = plan(machine(12), facts, Wishes(None, PrecisionChoice.BF16))
    assert (kept.precision, kept.compute, kept.quantization) == (Precision.INT4, Precision.FP16, "GPTQ, 4-bit")
    assert not kept.packed_here
    assert re.match(r"INT4, as published in GPTQ, 4-bit: 5\.\d\d GiB of weights", kept.precision_reason)
    unpacked = replace(facts, published=Published(Precision.INT4, "MXFP4", True))
    assert plan(machine(24), unpacked, Wishes()).precision_reason.startswith("BF16, unpacked from MXFP4: 14.9")


PACKED_ELSEWHERE = Published(Precision.INT8, "FP8", unpacked=True, packs_again=True)


@pytest.mark.parametrize(
    ("card_gib", "choice", "words"),
    [
        (24, PrecisionChoice.AUTO, "BF16, unpacked from FP8: "),
        (12, PrecisionChoice.AUTO, "INT8, packed again from FP8 because 16 bit would need "),
        (8, PrecisionChoice.AUTO, "INT4, packed again from FP8 because 8 bit would need "),
        (24, PrecisionChoice.INT4, "INT4, packed again from FP8 because you asked for it. "),
        (24, PrecisionChoice.BF16, "BF16, unpacked from FP8 because you asked for it. "),
    ],
)
def test_what_was_published_in_another_form_is_packed_again(card_gib: int, choice: PrecisionChoice, words: str) -> None:
    facts = replace(facts_for("llama-3.1-8b"), published=PACKED_ELSEWHERE)
    found = plan(machine(card_gib), facts, Wishes(4096, choice))
    assert found.precision_reason.startswith(words)
    check_sums(found)
    plain = planned("llama-3.1-8b", machine(card_gib), 4096, choice)
    assert (found.parts, found.packed_here) == (plain.parts, found.precision is not Precision.BF16)
    old = plan(machine(card_gib, capability=(7, 5)), facts, Wishes(4096))
    assert card_gib < 24 or old.precision_reason.startswith("FP16, unpacked from FP8 because RTX has no BF16. ")


def test_what_was_published_in_another_form_says_so_where_it_is_slow_and_where_it_is_too_big() -> None:
    facts = replace(facts_for("llama-3.1-8b"), published=PACKED_ELSEWHERE)
    slow = plan(machine(4), facts, Wishes(4096))
    assert (slow.fit, slow.device, slow.precision) == (Fit.SLOW, "cuda:0", Precision.INT4)
    assert slow.precision_reason.endswith(" It is packed again from FP8.")
    refused = plan(machine(4, ram_gib=1), facts, Wishes(4096))
    assert (refused.fit, refused.precision) == (Fit.TOO_BIG, Precision.INT4)


def test_what_only_the_library_can_unpack_stays_unpacked() -> None:
    published = Published(Precision.INT4, "MXFP4", unpacked=True)
    facts = replace(facts_for("llama-3.1-8b"), published=published, packs=False)
    wished = plan(machine(24), facts, Wishes(None, PrecisionChoice.INT8))
    assert wished.precision_reason.startswith("BF16, unpacked from MXFP4 because this kind of model can't be packed. ")


def test_apples_gpu_shares_main_memory() -> None:
    mac = msgspec.structs.replace(
        machine(ram_gib=24, kernels=("mps int8",)), has_mps=True, mps_memory_bytes=16 * GIB, platform="darwin"
    )
    found = planned("llama-3.1-8b", mac)
    assert (found.device, found.precision, found.parts.free_bytes) == ("mps", Precision.INT8, 16 * GIB)


def test_windows_of_sliding_layers_come_before_a_lower_precision() -> None:
    found = planned("gemma-3-4b", machine(12), context=65536)
    assert (found.precision, found.kv_layout) == (Precision.BF16, KvLayout.WINDOWED)
    roomy = planned("gemma-3-4b", machine(24), context=8192)
    assert roomy.kv_layout is KvLayout.FULL


def test_models_without_kv_or_maximum_are_planned() -> None:
    facts = replace(
        facts_for("smollm2-135m"), maximum_context=None,
        blocks=tuple(replace(block, memory=None) for block in facts_for("smollm2-135m").blocks),
    )  # fmt: skip
    found = plan(machine(8), facts, Wishes(500_000))
    assert (found.context_window, found.kv_bytes, found.kv_bytes_per_token) == (500_000, 0, 0)
    assert plan(machine(8), facts, Wishes()).context_window == 8192


def test_experts_that_stay_as_published_run_on_the_processor_too() -> None:
    packed = replace(facts_for("gpt-oss-20b"), published=Published(Precision.INT4, "MXFP4", on_processor=True))
    found = plan(machine(8), packed, Wishes(4096))
    assert (found.fit, found.device, found.precision) == (Fit.SLOW, "cpu", Precision.INT4)
    assert found.precision_reason.startswith("INT4, as published in MXFP4, on the processor alone, which is slower. ")
    check_sums(found)
    elsewhere = replace(packed, published=Published(Precision.INT4, "GPTQ, 4-bit"))
    assert plan(machine(8), elsewhere, Wishes(4096)).fit is Fit.TOO_BIG


def test_a_processor_that_unpacks_says_so() -> None:
    found = planned("gemma-3-27b", machine(ram_gib=24), context=4096)
    assert (found.device, found.precision) == ("cpu", Precision.INT4)
    unpacks = r"EPYC unpacks (\d+\.\d) billion 4-bit weights per second"
    match = re.fullmatch(unpacks + r", and a token needs (\d+\.\d)\.", found.speed_reason)
    assert match is not None, found.speed_reason
    assert found.expected_tokens_per_second == pytest.approx(float(match[1]) / float(match[2]), abs=0.06)
    assert "moves 50 GB/s" in planned("qwen3-30b-a3b", machine(2, ram_gib=64), context=4096).speed_reason


def test_a_speed_of_less_than_a_token_in_ten_seconds_is_no_unknown_one() -> None:
    crawling = msgspec.structs.replace(machine(), ram_bandwidth_bytes_per_second=5e8)
    found = planned("llama-3.1-8b", crawling, choice=PrecisionChoice.BF16)
    assert 0 < found.expected_tokens_per_second < 0.05
    assert "moves 0.50 GB/s" in found.speed_reason


def test_a_card_that_nobody_knows_the_bandwidth_of_is_not_taken_for_slow_main_memory() -> None:
    hardware = machine(8, ram_gib=64)
    unknown = msgspec.structs.replace(hardware.gpus[0], bandwidth_bytes_per_second=0.0, bandwidth_source="")
    for name in ("phi-4", "qwen3-14b"):
        found = planned(name, msgspec.structs.replace(hardware, gpus=(unknown,)), context=4096)
        assert (found.device, found.expected_tokens_per_second) == ("cuda:0", 0.0)


def test_a_card_that_streams_has_a_longer_window_where_that_costs_little() -> None:
    near = planned("qwen3-14b", machine(8, ram_gib=64), context=8192, choice=PrecisionChoice.INT4)
    assert (near.fit, near.context_window) == (Fit.SLOW, 8192)
    far = planned("qwen3-14b", machine(8, ram_gib=64), context=40960, choice=PrecisionChoice.INT4)
    assert (far.fit, far.device) == (Fit.SLOW, "cuda:0")
    assert 4096 < far.context_window < 40960
    assert "as more would be slower still" in far.context_reason


def test_a_window_that_is_short_as_all_is_slow_does_not_blame_the_memory() -> None:
    found = planned("qwen3-30b-a3b", machine(2, ram_gib=64), context=16384)
    assert (found.fit, found.device, found.context_window) == (Fit.SLOW, "cpu", 4096)
    assert found.context_reason.startswith("4,096 tokens is the most where main memory has to help")
    assert planned("llama-3.1-8b", machine(4, ram_gib=64), context=4096).context_reason.endswith("you asked for it.")


@pytest.mark.parametrize("size", [4.5, 9.75, 13.25, 14.0, 14.75, 17.0, 21.5])
def test_the_tables_of_4_bit_weights_are_counted_before_all_is_full(size: float) -> None:
    found = planned("deepseek-v2-lite", machine(size), context=131072)
    assert found.parts.needed_bytes <= found.parts.free_bytes or found.fit is Fit.TOO_BIG


def test_who_asked_for_a_precision_that_does_not_fit_is_led_back() -> None:
    found = planned("llama-3.1-70b", machine(8, ram_gib=8), choice=PrecisionChoice.INT8)
    error = refusal(found, PrecisionChoice.INT8).report
    assert "auto" in error.hint
    assert [one.precision for one in error.remedies] == [PrecisionChoice.AUTO]
    assert refusal(found).report.remedies == ()
