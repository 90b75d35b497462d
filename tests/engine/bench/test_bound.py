"""The bytes a token reads, against a count by hand."""

from engine.api.plan import KvLayout, Precision
from engine.bench.bound import bytes_per_token, operations_per_token
from engine.planning.facts import CheckpointFacts
from engine.planning.loading import Shape
from tests.benchmarks.working_space import facts_from, text_config

BF16 = Shape(Precision.BF16, Precision.BF16)


def facts(name: str) -> CheckpointFacts:
    return facts_from(text_config(name))


def test_llama_reads_its_weights_but_the_embedding_and_all_of_the_context() -> None:
    llama = facts("llama-3.1-8b")
    embedding = 128_256 * 4096
    weights = (8_030_261_248 - embedding) * 2
    kv = 32 * 2 * 8 * 128 * 2  # layers, K and V, heads, width, bytes
    rotations = 2 * 64 * 4  # buffers of the rotary embedding
    assert bytes_per_token(llama, BF16, 0) == weights + rotations
    assert bytes_per_token(llama, BF16, 1000) == weights + rotations + 1000 * kv
    assert operations_per_token(llama) == 2 * 32 * (4096 * 4096 * 2 + 4096 * 1024 * 2 + 3 * 4096 * 14336)


def test_packed_weights_read_less_and_the_kv_stays() -> None:
    llama = facts("llama-3.1-8b")
    int4 = Shape(Precision.INT4, Precision.BF16)
    assert bytes_per_token(llama, int4, 0) < 0.4 * bytes_per_token(llama, BF16, 0)
    grown = [bytes_per_token(llama, shape, 500) - bytes_per_token(llama, shape, 0) for shape in (int4, BF16)]
    assert grown[0] == grown[1] == 500 * 131_072


def test_of_a_sliding_window_only_the_window_is_read_however_it_is_kept() -> None:
    gemma = facts("gemma-3-4b")
    for layout in KvLayout:
        shape = Shape(Precision.BF16, Precision.BF16, layout)
        per_layer = 2 * 4 * 256 * 2
        grown = bytes_per_token(gemma, shape, 4000) - bytes_per_token(gemma, shape, 2000)
        assert grown == 5 * per_layer * 2000  # of 34 layers every sixth sees all


def test_of_experts_only_the_chosen_ones_are_read() -> None:
    mixture = facts("qwen3-30b-a3b")
    assert bytes_per_token(mixture, BF16, 0) < 8e9  # of 61 GB
    assert operations_per_token(mixture) < 7e9
