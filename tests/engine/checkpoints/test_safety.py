"""What is refused before anything is built: each case one clear sentence that names the file, and what to do next."""

import json
import os
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import numpy
import pytest
from safetensors.numpy import load_file, save_file

from engine.api.checkpoint import CheckpointKind
from engine.api.errors import EngineError, ErrorKind, ErrorReport
from engine.checkpoints.files import CheckpointFiles
from engine.checkpoints.safety import check
from tests import tiny_checkpoints

INCOMPLETE, UNSAFE, UNSUPPORTED = (
    ErrorKind.CHECKPOINT_INCOMPLETE, ErrorKind.CHECKPOINT_UNSAFE, ErrorKind.CHECKPOINT_UNSUPPORTED,
)  # fmt: skip
WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
Change = Callable[[Path], object]


@pytest.fixture(scope="module")
def healthy(tiny_folder: Path) -> Path:
    return tiny_checkpoints.make("llama", tiny_folder)


@pytest.fixture
def folder(healthy: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(healthy, tmp_path / "my-model"))


def files_of(folder: Path) -> CheckpointFiles:
    return CheckpointFiles(str(folder), folder.name, CheckpointKind.FOLDER, folder)


def refused(folder: Path) -> ErrorReport:
    with pytest.raises(EngineError) as caught:
        check(files_of(folder))
    report = caught.value.report
    assert report.message.endswith(".")
    assert report.hint.endswith(".")
    assert "my-model" in report.message
    assert "\n" not in report.sentence()
    assert len(report.message) < 300
    return report


def in_two_shards(folder: Path) -> dict[str, str]:
    """Split the weights into two files with an index, and return tensor -> file."""
    tensors = load_file(folder / WEIGHTS)
    (folder / WEIGHTS).unlink()
    names = sorted(tensors)
    halves = {"model-00001-of-00002.safetensors": names[::2], "model-00002-of-00002.safetensors": names[1::2]}
    for file, keys in halves.items():
        save_file({key: tensors[key] for key in keys}, folder / file)
    weight_map = {key: file for file, keys in halves.items() for key in keys}
    (folder / INDEX).write_text(json.dumps({"weight_map": weight_map}))
    return weight_map


# ---- what may be loaded ---------------------------------------------------------------------------------------------


def test_a_healthy_checkpoint(folder: Path, healthy: Path) -> None:
    contents = check(files_of(folder))
    assert contents.parameters == sum(tensor.size for tensor in load_file(healthy / WEIGHTS).values())
    assert contents.weight_bytes == 4 * contents.parameters
    assert contents.published_dtype == "F32"


def test_a_class_of_another_name_that_writes_text(folder: Path) -> None:
    config_changes(architectures=["NemotronH_Omni_Reasoning_V3"])(folder)
    assert check(files_of(folder)).tensors


def test_shards(folder: Path, healthy: Path) -> None:
    in_two_shards(folder)
    assert check(files_of(folder)).tensors == check(files_of(healthy)).tensors


def test_links_into_the_hub_cache_are_followed(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "blobs").mkdir()
    for path in list(folder.iterdir()):
        path.rename(tmp_path / "blobs" / path.name)
        path.symlink_to(Path("..") / "blobs" / path.name)
    assert check(files_of(folder)).tensors


def test_pickle_beside_safetensors_is_no_obstacle(folder: Path) -> None:
    (folder / "pytorch_model.bin").write_bytes(b"cposix\nsystem\n")
    (folder / "training_args.bin").write_bytes(b"cposix\nsystem\n")
    assert check(files_of(folder)).tensors


def test_shards_that_no_index_names_are_left_alone(folder: Path) -> None:
    (folder / "model-00001-of-00009.safetensors").write_bytes(b"left over")
    assert check(files_of(folder)).tensors


def test_the_single_file_is_what_transformers_reads(folder: Path) -> None:
    (folder / INDEX).write_text(json.dumps({"weight_map": {"a": "model-00001-of-00002.safetensors"}}))
    assert "a" not in check(files_of(folder)).tensors


def test_weights_under_a_name_that_the_configuration_gives(folder: Path) -> None:
    (folder / WEIGHTS).rename(folder / "other.safetensors")
    tiny_checkpoints.edit_config(folder, transformers_weights="other.safetensors")
    assert check(files_of(folder)).tensors


def test_packed_tensors_count_as_the_weights_that_they_hold(folder: Path, healthy: Path) -> None:
    tensors = load_file(folder / WEIGHTS)
    packed: dict[str, numpy.ndarray] = {}
    for name, tensor in tensors.items():
        module = name.rpartition(".")[0]
        if not module.endswith("_proj"):
            packed[name] = tensor
            continue
        rows, columns = tensor.shape
        packed[f"{module}.qweight"] = numpy.zeros((columns // 8, rows), numpy.int32)
        packed[f"{module}.qzeros"] = numpy.zeros((1, rows // 8), numpy.int32)
        packed[f"{module}.scales"] = numpy.ones((1, rows), numpy.float16)
        packed[f"{module}.g_idx"] = numpy.zeros(columns, numpy.int32)
    save_file(packed, folder / WEIGHTS)
    tiny_checkpoints.edit_config(folder, quantization_config={"quant_method": "gptq", "bits": 4, "group_size": 128})
    contents = check(files_of(folder))
    assert contents.parameters == check(files_of(healthy)).parameters
    assert contents.weight_bytes < check(files_of(healthy)).weight_bytes / 2


# ---- damaged and missing files --------------------------------------------------------------------------------------


def put(name: str, content: str | bytes) -> Change:
    return lambda folder: (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())


def cut(name: str, length: int) -> Change:
    return lambda folder: os.truncate(folder / name, length)


def remove(name: str) -> Change:
    return lambda folder: (folder / name).unlink()


def header(content: bytes, length: int | None = None) -> bytes:
    return struct.pack("<Q", len(content) if length is None else length) + content


def many_tensors(folder: Path) -> None:
    entry = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
    content = json.dumps(dict.fromkeys(map(str, range(10_000)), entry)).encode()
    (folder / WEIGHTS).write_bytes(header(content) + b"\0\0\0\0")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (cut(WEIGHTS, 5_000), "was not downloaded completely"),
        (cut(WEIGHTS, 8), "was not downloaded completely"),
        (put(WEIGHTS, b""), "is empty"),
        (put(WEIGHTS, "version https://git-lfs.github.com/spec/v1\noid sha256:0\n"), "Git LFS"),
        (put(WEIGHTS, "\n<!DOCTYPE html><html>Log in</html>"), "web page"),
        (put(WEIGHTS, header(b"{}", 2**60)), "damaged"),
        (put(WEIGHTS, header(b"[" * 10_000)), "damaged"),
        (put(WEIGHTS, header(b'{"__metadata__":' + b'{"a":' * 5_000 + b"}" * 5_001)), "damaged"),
        (put(WEIGHTS, header(b'{"a":{"dtype":"Q9","shape":[1],"data_offsets":[0,4]}}') + b"0000"), "damaged"),
        (put(WEIGHTS, header(b'{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}') + b"0000"), "damaged"),
        (put(WEIGHTS, header(b"{}")), "empty"),
        (many_tensors, "damaged"),
    ],
)
def test_damaged_weights(folder: Path, change: Change, words: str) -> None:
    change(folder)
    report = refused(folder)
    assert report.kind is INCOMPLETE
    assert words in report.message
    assert WEIGHTS in report.message or words == "empty"


def test_missing_shard(folder: Path) -> None:
    in_two_shards(folder)
    (folder / "model-00002-of-00002.safetensors").unlink()
    report = refused(folder)
    assert report.kind is INCOMPLETE
    assert "model-00002-of-00002.safetensors is missing" in report.message


def test_truncated_shard(folder: Path) -> None:
    in_two_shards(folder)
    cut("model-00002-of-00002.safetensors", 5_000)(folder)
    assert "model-00002-of-00002.safetensors" in refused(folder).message


def test_missing_index(folder: Path) -> None:
    in_two_shards(folder)
    (folder / INDEX).unlink()
    report = refused(folder)
    assert report.kind is INCOMPLETE
    assert INDEX in report.message


def test_index_with_parts_that_no_file_holds(folder: Path) -> None:
    weight_map = in_two_shards(folder)
    extra = {f"model.layers.{number}.gone": "model-00001-of-00002.safetensors" for number in range(5)}
    (folder / INDEX).write_text(json.dumps({"weight_map": weight_map | extra}))
    report = refused(folder)
    assert report.kind is INCOMPLETE
    assert "model.layers.0.gone" in report.message
    assert "and 2 more" in report.message
    assert "model.layers.4.gone" in report.details


def test_a_part_in_two_files(folder: Path) -> None:
    in_two_shards(folder)
    shutil.copy(folder / "model-00001-of-00002.safetensors", folder / "model-00002-of-00002.safetensors")
    report = refused(folder)
    assert report.kind is INCOMPLETE
    assert "both hold" in report.message


@pytest.mark.parametrize(
    "index",
    [
        "", "[]", "{}", "[" * 100_000, '{"weight_map": 3}', '{"weight_map": {"a": "../secret.safetensors"}}',
        '{"weight_map": {"a": "/etc/passwd"}}', '{"weight_map": {"a": "pytorch_model.bin"}}',
        '{"weight_map": {"a": 3}}', '{"weight_map": {"a": null}}', r'{"weight_map": {"a": "a\u0000.safetensors"}}',
        r'{"weight_map": {"a": "\ud800.safetensors"}}', r'{"weight_map": {"a": "..\\a.safetensors"}}',
        '{"weight_map": {"a": "' + "a" * 5_000 + '.safetensors"}}', r'{"weight_map": {"a": "\u001b[2J.safetensors"}}',
    ],
)  # fmt: skip
def test_damaged_index(folder: Path, index: str) -> None:
    in_two_shards(folder)
    (folder / INDEX).write_text(index)
    report = refused(folder)
    assert report.kind is INCOMPLETE
    assert INDEX in report.message


@pytest.mark.parametrize("name", ["config.json", WEIGHTS, "tokenizer.json", "tokenizer_config.json", "merges.txt"])
@pytest.mark.parametrize("odd", ["pipe", "device", "loop", "nowhere"])
def test_pipes_devices_and_loops_are_never_opened(folder: Path, name: str, odd: str) -> None:
    path = folder / name
    path.unlink(missing_ok=True)
    if odd == "pipe":
        os.mkfifo(path)
    else:
        targets = {"device": Path("/dev/zero"), "loop": path, "nowhere": folder / "gone"}
        path.symlink_to(targets[odd])
    if odd in ("loop", "nowhere") and name == "merges.txt":
        assert check(files_of(folder)).tensors  # nothing that could be opened, and nobody needs it
        return
    report = refused(folder)
    assert report.kind is INCOMPLETE
    assert name in report.message


def test_a_pipe_among_the_templates(folder: Path) -> None:
    (folder / "additional_chat_templates").mkdir()
    os.mkfifo(folder / "additional_chat_templates" / "tools.jinja")
    assert "tools.jinja" in refused(folder).message


def test_without_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()
    assert "tokenizer" in refused(folder).message


# ---- configurations that make no sense ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    ["", "nonsense", "{}", "[]", "null", "3", '"llama"', "[" * 100_000, '{"a":' * 2_000 + "1" + "}" * 2_000, "\0\xff"],
)
def test_garbage_config(folder: Path, content: str) -> None:
    (folder / "config.json").write_text(content, encoding="latin-1")
    report = refused(folder)
    assert report.kind is INCOMPLETE
    assert "config.json" in report.message


def test_a_config_far_too_large(folder: Path) -> None:
    tiny_checkpoints.edit_config(folder, extra=" " * 17 * 2**20)
    assert "config.json is far too large" in refused(folder).message


def test_a_config_nested_too_deeply(folder: Path) -> None:
    deep: object = {"auto_map": {"AutoConfig": "evil.Config"}}
    for _ in range(60):
        deep = {"a": deep}
    tiny_checkpoints.edit_config(folder, extra=deep)
    assert refused(folder).kind in (INCOMPLETE, UNSAFE)


@pytest.mark.parametrize("part", [None, "text_config"])
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("num_hidden_layers", -1), ("num_hidden_layers", 0), ("num_hidden_layers", 10**9), ("num_hidden_layers", 900),
        ("num_hidden_layers", True), ("num_hidden_layers", 2.5), ("num_hidden_layers", "3"), ("n_layer", 10**9),
        ("hidden_size", float("nan")), ("hidden_size", float("inf")), ("hidden_size", -64), ("hidden_size", 999_984),
        ("hidden_size", {}), ("num_attention_heads", 10**6), ("intermediate_size", -3), ("intermediate_size", [64, -1]),
        ("num_key_value_heads", [2, 10**9]), ("vocab_size", 10**12), ("vocab_size", 99_999_999), ("vocab_size", False),
        ("num_experts", 99_000), ("num_local_experts", -8), ("n_routed_experts", 10**9), ("num_experts_per_tok", 10**6),
        ("max_position_embeddings", 10**9), ("max_position_embeddings", -8), ("n_positions", 10**9),
        ("head_dim", 10**6), ("kv_lora_rank", 10**9), ("layer_types", ["full_attention"] * 20_000),
        ("num_hidden_layers", 10**4000),
    ],
)  # fmt: skip
def test_sizes_that_no_model_has(folder: Path, part: str | None, key: str, value: object) -> None:
    changes: dict[str, object] = {key: value} if part is None else {part: {key: value}}
    tiny_checkpoints.edit_config(folder, **changes)
    report = refused(folder)
    assert report.kind is INCOMPLETE
    assert "config.json" in report.message


@pytest.mark.parametrize(
    "changes",
    [
        {"rms_norm_eps": float("nan")}, {"rms_norm_eps": float("inf")}, {"rope_theta": float("-inf")},
        {"rope_parameters": {"rope_type": "yarn", "factor": float("nan")}}, {"short_factor": [1.0, float("nan")]},
        {"sliding_window": 10**30}, {"rope_parameters": {"rope_type": "yarn", "factor": -(10**30)}},
        {"num_labels": 10**9}, {"num_labels": "many"}, {"vision_config": {"num_labels": 10**9}},
        {"vision_config": {"num_hidden_layers": 10**6}}, {"attention_types": [[["global", "local"], 10**9]]},
        {"pretraining_tp": 10**9}, {"mamba_chunk_size": 10**9},
        {"id2label": {str(number): "" for number in range(600_000)}}, {"a": [[[]] * 300_000, [[]] * 300_000]},
    ],
)  # fmt: skip
def test_numbers_that_are_none_or_that_no_model_has(folder: Path, changes: dict[str, object]) -> None:
    tiny_checkpoints.edit_config(folder, **changes)
    assert "config.json is damaged" in refused(folder).message


def test_a_length_without_end_is_as_some_publish_it(folder: Path) -> None:
    tiny_checkpoints.edit_config(
        folder, model_max_length=10**30, num_labels=None, attention_types=[[["global", "local"], 12]]
    )
    assert check(files_of(folder)).tensors


def test_an_endless_limit_in_a_list_is_as_mamba_publishes_it(folder: Path) -> None:
    tiny_checkpoints.edit_config(folder, time_step_limit=[0.0, float("inf")])
    assert check(files_of(folder)).tensors


def test_no_chunks_are_as_phi_4_multimodal_publishes_them(folder: Path) -> None:
    tiny_checkpoints.edit_config(folder, audio_config={"chunk_size": -1})
    assert check(files_of(folder)).tensors


@pytest.mark.parametrize("value", [[], {}, "gptq", 3, {"bits": 4}, {"quant_method": "gptq", "bits": 10**9}])
def test_a_quantization_config_that_makes_no_sense(folder: Path, value: object) -> None:
    tiny_checkpoints.edit_config(folder, quantization_config=value)
    assert refused(folder).kind is INCOMPLETE


def test_unknown_quantization_is_named(folder: Path) -> None:
    tiny_checkpoints.edit_config(folder, quantization_config={"quant_method": "of-tomorrow"})
    report = refused(folder)
    assert report.kind is UNSUPPORTED
    assert "of-tomorrow" in report.message


def test_quantized_weights_without_a_word_in_the_config(folder: Path) -> None:
    tensors = load_file(folder / WEIGHTS)
    name = "model.layers.0.mlp.down_proj.weight"
    tensors[name] = tensors[name].astype(numpy.int8)
    save_file(tensors, folder / WEIGHTS)
    report = refused(folder)
    assert report.kind is UNSUPPORTED
    assert name in report.message


@pytest.mark.parametrize(
    "content",
    [
        "[]", '"x"', '{"temperature": "warm"}', '{"temperature": NaN}', '{"temperature": [1]}', '{"top_k": Infinity}',
        '{"eos_token_id": 1.5}', '{"eos_token_id": [[1]]}', '{"eos_token_id": "</s>"}',
        '{"eos_token_id": [' + "1, " * 20_000 + "1]}",
    ],
)  # fmt: skip
def test_recommendations_that_no_answer_could_be_written_with(folder: Path, content: str) -> None:
    (folder / "generation_config.json").write_text(content)
    report = refused(folder)
    assert report.kind is INCOMPLETE
    assert "generation_config.json is damaged" in report.message


@pytest.mark.parametrize("content", ["{}", '{"temperature": null, "top_k": 20, "eos_token_id": [1, 2]}'])
def test_recommendations_may_be_left_out(folder: Path, content: str) -> None:
    (folder / "generation_config.json").write_text(content)
    assert check(files_of(folder)).tensors


# ---- code -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("file", ["config.json", "tokenizer_config.json", "generation_config.json"])
@pytest.mark.parametrize(
    "changes",
    [
        {"auto_map": {"AutoConfig": "evil.Config"}},
        {"_attn_implementation_internal": "evil/kernel"},
        {"_experts_implementation_internal": "evil/kernel"},
        {"trust_remote_code": False},
        {"custom_generate": "evil/generate"},
        {"text_config": {"auto_map": {}}},
        {"a": [[{"b": {"trust_remote_code": True}}]]},
        {"quantization_config": {"quant_method": "gptq", "trust_remote_code": True}},
        {"quantization_config": {"quant_method": "fp8", "kernel": "evil/kernel"}},
        {"quantization_config": {"quant_method": "fp8", "a": [{"repo_id": "evil/kernel"}]}},
        {"quantization_config": {"quant_method": "torchao", "_attn_implementation_internal": "evil/kernel"}},
    ],
)
def test_code_is_refused_wherever_it_is_named(folder: Path, file: str, changes: dict[str, object]) -> None:
    content = json.loads((folder / file).read_text()) | changes
    (folder / file).write_text(json.dumps(content))
    report = refused(folder)
    assert report.kind is UNSAFE
    assert file in report.details


@pytest.mark.parametrize("named", ["pytorch_model.bin", "../other.safetensors", "a/b.safetensors", 3, ["x"], "x.pt"])
def test_weights_from_another_file(folder: Path, named: object) -> None:
    tiny_checkpoints.edit_config(folder, transformers_weights=named)
    assert refused(folder).kind is UNSAFE


# ---- something else than a chat model -------------------------------------------------------------------------------


def only(*names: str) -> Change:
    """Leave nothing in the folder but files of these names."""

    def change(folder: Path) -> None:
        kept = {name: (folder / name).read_bytes() for name in names if (folder / name).exists()}
        for path in folder.iterdir():
            path.unlink()
        for name in names:
            (folder / name).write_bytes(kept.get(name, b"content"))

    return change


def adapter(folder: Path) -> None:
    only("adapter_model.safetensors", "tokenizer.json", "training_args.bin")(folder)
    (folder / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": "publisher/base-model"}))


def config_changes(**changes: object) -> Change:
    return lambda folder: tiny_checkpoints.edit_config(folder, **changes)


@pytest.mark.parametrize(
    ("change", "kind", "words"),
    [
        (adapter, UNSUPPORTED, "adapter (LoRA)"),
        (only("config.json", "adapter_model.safetensors"), UNSUPPORTED, "adapter (LoRA)"),
        (only("params.json", "consolidated.safetensors", "tekken.json"), UNSUPPORTED, "Mistral's own format"),
        (only("config.json", "consolidated.safetensors"), UNSUPPORTED, "Mistral's own format"),
        (only("model_index.json", "README.md"), UNSUPPORTED, "makes pictures"),
        (put("modules.json", "[]"), UNSUPPORTED, "sentence-transformers"),
        (config_changes(architectures=["BertForMaskedLM"]), UNSUPPORTED, "BertForMaskedLM"),
        (config_changes(architectures=["Qwen2ForSequenceClassification"]), UNSUPPORTED, "does not write text"),
        (config_changes(architectures=["ViTForImageClassification"]), UNSUPPORTED, "does not write text"),
        (config_changes(architectures=["Wav2Vec2ForCTC"]), UNSUPPORTED, "does not write text"),
        (config_changes(is_encoder_decoder=True), UNSUPPORTED, "translates"),
        (config_changes(model_type="gemma4_assistant"), UNSUPPORTED, "proposes words"),
        (config_changes(model_type=3), UNSUPPORTED, "what kind of model"),
        (only("config.json", "pytorch_model.bin"), UNSAFE, "pytorch_model.bin"),
        (only("config.json", "consolidated.00.pth"), UNSAFE, "consolidated.00.pth"),
        (only("config.json", "model.ckpt", "tokenizer.json"), UNSAFE, "model.ckpt"),
        (only("config.json", "model-q4.gguf"), UNSUPPORTED, "GGUF"),
        (only("config.json", "tf_model.h5"), UNSUPPORTED, "TensorFlow"),
        (only("config.json", "model.onnx"), UNSUPPORTED, "ONNX"),
        (only("config.json", "model.safetensors.part"), INCOMPLETE, "has not finished"),
        (only("config.json", "tokenizer.json"), INCOMPLETE, "no weights"),
        (only("tokenizer.json", WEIGHTS), INCOMPLETE, "config.json is missing"),
        (only("README.md"), ErrorKind.CHECKPOINT_NOT_FOUND, "holds no model"),
        (only("some.gguf"), ErrorKind.CHECKPOINT_NOT_FOUND, "GGUF"),
    ],
)
def test_other_folders(folder: Path, change: Change, kind: ErrorKind, words: str) -> None:
    change(folder)
    report = refused(folder)
    assert report.kind is kind
    assert words in report.message


def test_the_adapters_base_is_named(folder: Path) -> None:
    adapter(folder)
    assert "publisher/base-model" in refused(folder).hint


@pytest.mark.parametrize("content", ["", "[]", '{"base_model_name_or_path": 3}', "[" * 100_000])
def test_a_damaged_adapter_is_still_an_adapter(folder: Path, content: str) -> None:
    adapter(folder)
    (folder / "adapter_config.json").write_text(content)
    assert "adapter" in refused(folder).message
