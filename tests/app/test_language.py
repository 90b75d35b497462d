"""Words are looked up when they are shown; without a dictionary they are the code's own."""

from collections.abc import Iterator

import pytest

from app import language


@pytest.fixture(autouse=True)
def english_again() -> Iterator[None]:
    yield
    language.use(None)


def test_without_a_dictionary_the_words_are_those_of_the_code() -> None:
    assert language.tr("Copy") == "Copy"
    assert language.tr("Messages: %n", None, 3) == "Messages: 3"


def test_a_dictionary_is_asked_with_all_that_tells_words_apart() -> None:
    asked: list[tuple[str, str | None, int]] = []
    language.use(lambda text, comment, number: asked.append((text, comment, number)) or "Kopieren")

    assert language.tr("Copy", "of a file", 2) == "Kopieren"
    assert language.mark("Copy") == "Copy"
    assert asked == [("Copy", "of a file", 2)]
