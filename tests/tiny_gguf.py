"""Writes a tiny Llama checkpoint as a GGUF file with the gguf package, to be read back by the product."""

import json
from pathlib import Path

import gguf
from safetensors.torch import load_file


def write_gguf(checkpoint: Path, path: Path) -> Path:
    """Write the tiny Llama checkpoint (see tests.tiny_checkpoints) as float32 GGUF and return the path."""
    config = json.loads((checkpoint / "config.json").read_text())
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("Tiny")
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_key_length(config["head_dim"])
    writer.add_value_length(config["head_dim"])
    writer.add_rope_dimension_count(config["head_dim"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_freq_base(config["rope_parameters"]["rope_theta"])
    writer.add_vocab_size(config["vocab_size"])
    _add_tokenizer(writer, checkpoint)
    _add_tensors(writer, checkpoint, config)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _add_tokenizer(writer: gguf.GGUFWriter, checkpoint: Path) -> None:
    content = json.loads((checkpoint / "tokenizer.json").read_text())
    vocabulary = content["model"]["vocab"]
    tokens = sorted(vocabulary, key=vocabulary.__getitem__)
    special = {item["content"] for item in content["added_tokens"]}
    merges = [" ".join(pair) if isinstance(pair, list) else pair for pair in content["model"]["merges"]]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    types = [gguf.TokenType.CONTROL if token in special else gguf.TokenType.NORMAL for token in tokens]
    writer.add_token_types(types)
    writer.add_token_merges(merges)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_pad_token_id(0)
    writer.add_chat_template((checkpoint / "chat_template.jinja").read_text())


def _add_tensors(writer: gguf.GGUFWriter, checkpoint: Path, config: dict[str, int]) -> None:
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config["num_hidden_layers"])
    heads = {"q_proj": config["num_attention_heads"], "k_proj": config["num_key_value_heads"]}
    for name, tensor in load_file(checkpoint / "model.safetensors").items():
        for part, count in heads.items():
            if f"{part}.weight" in name:  # llama.cpp keeps rotary pairs interleaved
                rows, width = tensor.shape
                tensor = tensor.view(count, 2, rows // count // 2, width).transpose(1, 2).reshape(rows, width)
        renamed = names.get_name(name, try_suffixes=(".weight",))
        assert renamed is not None, name
        writer.add_tensor(renamed, tensor.contiguous().numpy())
