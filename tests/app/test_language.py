"""Words are looked up when they are shown; without a dictionary they are the code's own."""

from collections.abc import Iterator

import pytest

from app import bidi, language
from tests.app.reading_order import seen_order


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


HEBREW, TURNING = "דוח 2024", "\u202egpj.exe"


@pytest.mark.usefixtures("qapp")
@pytest.mark.parametrize("name", [HEBREW, TURNING, "\u2067open", "\u202b\u202e(a", f"{HEBREW} (1)"])
def test_what_is_put_into_a_sentence_turns_none_of_its_words(name: str) -> None:
    sentence = language.tr("“{name}” was deleted, in {seconds} seconds for good.").format(name=name, seconds=30)

    assert seen_order(sentence, ["was", "30", "seconds", "good"]) == ["was", "30", "seconds", "good"]
    assert seen_order(sentence, ["“", "was"]) == ["“", "was"]  # the sentence still begins on the left
    assert bidi.without_controls(sentence) == f"“{bidi.without_controls(name)}” was deleted, in 30 seconds for good."


@pytest.mark.usefixtures("qapp")
def test_a_sentence_in_a_sentence_stays_whole() -> None:
    inner = language.tr("{name} is missing").format(name=HEBREW)
    outer = language.tr("{what}, so {model} can't be loaded.").format(what=inner, model="Qwen3 8B")

    assert seen_order(outer, ["missing", "so", "Qwen3", "loaded"]) == ["missing", "so", "Qwen3", "loaded"]
    assert seen_order(outer, [HEBREW, "is", "missing"]) == [HEBREW, "is", "missing"]


def test_a_sentence_of_one_direction_has_nothing_in_it_but_words() -> None:
    words = language.tr("{name}: {count:,} of {size}").format(name="Qüen", count=1234, size="5 GB")
    assert words == "Qüen: 1,234 of 5 GB"
    assert language.joined(["5 GB", "", "Fits"]) == "5 GB · Fits"


@pytest.mark.usefixtures("qapp")
def test_pieces_of_a_line_keep_their_order_and_their_numbers() -> None:
    line = language.joined(["Qwen", HEBREW, "5 GB", "31 tokens/s"])
    assert seen_order(line, ["Qwen", HEBREW, "5", "GB", "31"]) == ["Qwen", HEBREW, "5", "GB", "31"]


@pytest.mark.usefixtures("qapp")
def test_a_language_from_right_to_left_takes_latin_values_whole() -> None:
    words = {"{size} free": "{size} פנוי", "Fits": "מתאים"}
    language.use(lambda text, _comment, _number: words.get(text, text), is_right_to_left=True)

    free = language.tr("{size} free").format(size="270 MB")
    assert seen_order(free, ["פנוי", "270", "MB"]) == ["פנוי", "270", "MB"]  # read from the right: 270 MB, then free
    line = language.joined(["270 MB", language.tr("Fits"), "/home/a/b"])
    assert seen_order(line, ["/home", "מתאים", "270", "MB"]) == ["/home", "מתאים", "270", "MB"]


def test_what_is_heard_is_nothing_but_words() -> None:
    by = language.tr("by {publisher}").format(publisher=HEBREW)
    assert language.spoken(["Qwen", "", by, TURNING]) == f"Qwen, by {HEBREW}, gpj.exe"


ENGLISH, GERMAN, FRENCH = (".", ","), (",", "."), (",", "\u202f")


@pytest.mark.parametrize(
    ("signs", "text", "number"),
    [
        (ENGLISH, "1500", "1500"),
        (ENGLISH, "1,500", "1500"),
        (ENGLISH, "1,500,000.25", "1500000.25"),
        (ENGLISH, "1.500", "1.500"),
        (ENGLISH, "0,7", "0.7"),
        (ENGLISH, "0,700", "0.700"),
        (GERMAN, "1.500", "1500"),
        (GERMAN, "-1.500.000,5", "-1500000.5"),
        (GERMAN, "1,500", "1.500"),
        (GERMAN, "0.7", "0.7"),
        (GERMAN, "0.700", "0.700"),
        (FRENCH, "1\u202f500,5", "1500.5"),
        (FRENCH, "1.5", "1.5"),
        (ENGLISH, " 12 000 ", "12000"),
        (ENGLISH, ".5", ".5"),
        (ENGLISH, "1e-3", "1e-3"),
    ],
)
def test_a_number_is_read_as_the_language_writes_it(signs: tuple[str, str], text: str, number: str) -> None:
    language.use(None, *signs)
    assert language.number_in(text) == number


@pytest.mark.parametrize("signs", [ENGLISH, GERMAN])
@pytest.mark.parametrize(
    "text", ["", "one", "1.5.0", "1,5,0", "1.500,00.5", "1_000", "nan", "inf", "0x10", "--1", "e5", ".", "1e999"]
)
def test_what_is_no_number_in_any_language_is_refused(signs: tuple[str, str], text: str) -> None:
    language.use(None, *signs)
    with pytest.raises(ValueError, match="no number"):
        language.number_in(text)


@pytest.mark.parametrize("signs", [ENGLISH, GERMAN, FRENCH])
@pytest.mark.parametrize("value", [0.0, 0.125, 7.0, 1500.0, 1234567.0, 0.00001])
def test_a_number_that_is_shown_is_read_again(signs: tuple[str, str], value: float) -> None:
    language.use(None, *signs)
    assert float(language.number_in(language.grouped(value, 5))) == value
    assert float(language.number_in(language.plain(f"{value:g}"))) == pytest.approx(value, rel=1e-5)
