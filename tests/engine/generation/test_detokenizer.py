"""Text that is safe to show: no half character on the way, the full decode in the end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models
from transformers import PreTrainedTokenizerFast

from engine.bench import byte_tokenizer
from engine.generation.detokenizer import Detokenizer

tokenizer = byte_tokenizer.tokenizer()


def run(ids: list[int], before: list[int] | None = None) -> tuple[list[str], str]:
    detokenizer = Detokenizer(tokenizer, before or [])
    pieces = [detokenizer.push(token_id) for token_id in ids]
    rest, whole = detokenizer.finish()
    return [*pieces, rest], whole


def ids_of(text: str) -> list[int]:
    # Hypothesis tries the strings of the code as well, such as the control token.
    return list(tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"])


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_valid_text_never_shows_a_half_character(text: str) -> None:
    pieces, whole = run(ids_of(text))
    assert whole == text
    assert "".join(pieces) == text
    assert all(piece.count("\ufffd") <= text.count("\ufffd") for piece in pieces)


@given(st.lists(st.integers(min_value=3, max_value=len(tokenizer) - 1), max_size=60))
def test_any_ids_end_in_their_full_decode(ids: list[int]) -> None:
    pieces, whole = run(ids)
    assert whole == tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
    assert whole.startswith("".join(pieces[:-1])) or "\ufffd" in whole


def test_an_emoji_appears_at_once_when_its_last_byte_is_there() -> None:
    ids = ids_of("👩‍🚀")
    pieces, _ = run(ids)
    assert len(ids) > 3
    assert not any("\ufffd" in piece for piece in pieces)


def test_an_id_is_decoded_with_few_of_those_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long the answer is already: else each word would take longer than the one before."""
    decode, decoded = tokenizer.decode, []

    def counting(ids: list[int], **options: bool) -> object:
        decoded.append(len(ids))
        return decode(ids, **options)

    monkeypatch.setattr(tokenizer, "decode", counting)
    detokenizer = Detokenizer(tokenizer, ids_of("word " * 50))
    decoded.clear()
    for token_id in ids_of("word 🙂" * 50):
        detokenizer.push(token_id)
    assert 0 < max(decoded) < 50


def test_a_continued_answer_gives_only_what_is_new() -> None:
    pieces, whole = run(ids_of(" world"), before=ids_of("Hello"))
    assert "".join(pieces) == whole == " world"


def test_an_answer_continued_in_mid_character_is_not_told_twice() -> None:
    ids = ids_of("abcé fine")
    cut = next(n for n in range(1, len(ids)) if str(tokenizer.decode(ids[:n])).endswith("\ufffd"))
    _, whole = run(ids[cut:], before=ids[:cut])
    assert whole == "é fine"


def byte_fallback_tokenizer() -> PreTrainedTokenizerFast:
    """A tokenizer of the Llama-2 kind: a run of byte tokens with one bad byte becomes U+FFFD as a whole."""
    pieces = ["<unk>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁", "fine"]
    model = models.BPE(vocab={piece: i for i, piece in enumerate(pieces)}, merges=[], byte_fallback=True)
    made = Tokenizer(model)
    made.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    return PreTrainedTokenizerFast(tokenizer_object=made, unk_token="<unk>")


def test_bytes_that_change_how_shown_ones_read_dont_stop_the_stream() -> None:
    other = byte_fallback_tokenizer()
    ids = [1 + 0x2D, 1 + 0xC8, 1 + 0x07, 1 + 0xFD, *[257, 258] * 40]
    detokenizer = Detokenizer(other)
    pieces = [detokenizer.push(token_id) for token_id in ids]
    rest, whole = detokenizer.finish()
    assert whole == other.decode(ids, clean_up_tokenization_spaces=False)
    assert "".join(pieces).count("fine") > 30
    assert ("".join(pieces) + rest).count("fine") == 40
