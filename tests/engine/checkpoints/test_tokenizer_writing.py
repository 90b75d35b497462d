"""A tokenizer that Hearth writes: the same one, in the form that is read soonest."""

import json
from pathlib import Path

import pytest
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers
from transformers import AutoTokenizer, GemmaTokenizer, LlamaTokenizer, PreTrainedTokenizerFast, Qwen2Tokenizer

from engine.checkpoints import tokenizer_writing

TEXT = "a b<end> ab  ab"


def saved(folder: Path, vocabulary: list[str], merges: list[tuple[str, str]]) -> PreTrainedTokenizerFast:
    backend = Tokenizer(models.BPE({word: number for number, word in enumerate(vocabulary)}, merges))
    backend.pre_tokenizer = pre_tokenizers.Split("<", "isolated")
    backend.add_special_tokens([AddedToken("<end>", special=True), AddedToken("<pad>", special=True)])
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<end>", pad_token="<pad>")
    tokenizer.save_pretrained(folder)
    return tokenizer


def read(folder: Path) -> object:
    return AutoTokenizer.from_pretrained(str(folder), local_files_only=True)


def test_it_is_the_same_and_merges_are_short(tmp_path: Path) -> None:
    tokenizer = saved(tmp_path, ["a", "b", " ", "ab", "\u00e9"], [("a", "b")])
    before = read(tmp_path)
    tokenizer_writing.make_quick_to_read(tmp_path, tokenizer.backend_tokenizer)
    after = read(tmp_path)
    assert json.loads((tmp_path / "tokenizer.json").read_text("utf-8"))["model"]["merges"] == ["a b"]
    assert after.backend_tokenizer.to_str() == before.backend_tokenizer.to_str()
    assert after.added_tokens_decoder == before.added_tokens_decoder
    assert after.special_tokens_map == before.special_tokens_map
    assert after(TEXT).input_ids == before(TEXT).input_ids


@pytest.mark.parametrize("kind", [LlamaTokenizer, GemmaTokenizer, Qwen2Tokenizer])
def test_classes_that_put_it_together_by_themselves_make_the_same_of_it(kind: type, tmp_path: Path) -> None:
    words = ["<unk>", "<s>", "</s>", "\u2581", "a", "b", "ab", "\u2581ab", "c"]
    tokenizer = kind(vocab={word: number for number, word in enumerate(words)}, merges=[("a", "b"), ("\u2581", "ab")])
    tokenizer.save_pretrained(tmp_path)
    before = read(tmp_path)
    tokenizer_writing.make_quick_to_read(tmp_path, tokenizer.backend_tokenizer)
    after = read(tmp_path)
    assert type(after) is kind
    assert json.loads((tmp_path / "tokenizer.json").read_text("utf-8"))["model"]["merges"] == ["a b", "\u2581 ab"]
    assert after.backend_tokenizer.to_str() == before.backend_tokenizer.to_str()
    assert after.added_tokens_decoder == before.added_tokens_decoder
    assert after("ab c<s>").input_ids == before("ab c<s>").input_ids


def test_a_merge_with_a_space_in_it_stays_as_it_is(tmp_path: Path) -> None:
    tokenizer = saved(tmp_path, ["a", " ", "b", "a ", "a b"], [("a", " "), ("a ", "b")])
    tokenizer_writing.make_quick_to_read(tmp_path, tokenizer.backend_tokenizer)
    assert json.loads((tmp_path / "tokenizer.json").read_text("utf-8"))["model"]["merges"][1] == ["a ", "b"]
    assert read(tmp_path)("a b").input_ids == [4]


def test_the_vocabulary_is_not_searched_for_added_tokens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer = saved(tmp_path, ["a", "b", "ab"], [("a", "b")])
    tokenizer_writing.make_quick_to_read(tmp_path, tokenizer.backend_tokenizer)
    parsed: list[str] = []
    load = json.load

    def noting(file: object, **options: object) -> object:
        parsed.append(Path(file.name).name)
        return load(file, **options)

    monkeypatch.setattr(json, "load", noting)
    read(tmp_path)
    assert "tokenizer.json" not in parsed
