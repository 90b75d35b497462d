import pytest

from app.models.palette_entries import Entry, Kind, asked, best, searched, sectioned


def entries(*titles: str) -> list[tuple[str, Entry]]:
    return [(searched(title), Entry(Kind.CONVERSATION, title, title)) for title in titles]


def titles(found: list[Entry]) -> list[str]:
    return [entry.title for entry in found]


def test_every_word_in_any_order_whatever_its_case_and_accents() -> None:
    known = entries("Crème brûlée for Anna", "Anna's letter", "Other")
    assert titles(best(known, asked("ANNA creme").words, 5)) == ["Crème brûlée for Anna"]
    assert titles(best(known, asked("anna").words, 5)) == ["Anna's letter", "Crème brûlée for Anna"]
    assert best(known, asked("anna nobody").words, 5) == []


def test_beginnings_of_words_come_before_insides_and_newer_before_older() -> None:
    known = entries("undone", "to do", "do it", "done")
    assert titles(best(known, asked("do").words, 9)) == ["do it", "done", "to do", "undone"]


def test_scripts_without_spaces_are_found_inside() -> None:
    assert titles(best(entries("今天天气很好"), asked("天气").words, 5)) == ["今天天气很好"]


@pytest.mark.parametrize(
    ("typed", "kind", "text"),
    [
        ("> theme", Kind.COMMAND, "theme"),
        ("@qwen", Kind.MODEL, "qwen"),
        ("#", Kind.SETTING, ""),
        ("a > b", None, "a > b"),
    ],
)
def test_a_first_character_asks_for_one_kind(typed: str, kind: Kind | None, text: str) -> None:
    found = asked(typed)
    assert (found.kind, found.text) == (kind, text)
    assert found.wants(Kind.MODEL) is (kind in (None, Kind.MODEL))


@pytest.mark.parametrize("typed", ["(", "[a", "\\", "*", "a" * 5000, "\0", "\u202e", "😀"])
def test_nothing_that_is_typed_is_a_pattern(typed: str) -> None:
    words = asked(typed).words
    assert words
    assert best(entries("one", "two"), words, 5) == []
    title = f"a {typed} b"
    is_compared = len(title) <= 200  # what stands further behind in a title isn't
    assert titles(best(entries(title, "two"), words, 5)) == ([title] if is_compared else [])


def test_each_section_has_its_name_once() -> None:
    rows = sectioned(
        [Entry(Kind.CONVERSATION, "a", "A"), Entry(Kind.CONVERSATION, "b", "B"), Entry(Kind.MODEL, "m", "M")]
    )
    assert [row if isinstance(row, str) else row.key for row in rows] == ["Conversations", "a", "b", "Models", "m"]
