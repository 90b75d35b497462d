import pytest

from app.widgets.basics.foreign_text import breakable


@pytest.mark.parametrize("text", ["", "Qwen3-8B", "It frees 21.1 GB, see /data/models.", "a " * 200])
def test_short_words_stay_as_they_are(text: str) -> None:
    assert breakable(text) == text


@pytest.mark.parametrize(
    "word", ["x" * 500, "/a/very/long/path/to/a/model-of-somebody", "https://hub.example/" + "y" * 90]
)
def test_long_words_may_end_a_line_and_lose_nothing(word: str) -> None:
    broken = breakable(f"See {word} there.")
    assert broken.replace("\u200b", "") == f"See {word} there."
    assert max(len(part) for part in broken.split("\u200b")) <= 24
