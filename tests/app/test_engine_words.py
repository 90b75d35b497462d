"""What the engine says is found among the patterns of its own code, and said in another language."""

from collections.abc import Iterator

import pytest

from app import language
from app.engine_words import said
from tests import engine_sentences
from tests.app.reading_order import seen_order
from tests.work import work_of

GERMAN = {
    "No model is loaded.": "Kein Modell ist geladen.",
    "Choose a model first.": "Wählen Sie zuerst ein Modell.",
    "The models need {0} GB, but only {1} GB are free in {2}.": "In {2} sind nur {1} GB frei, nötig sind {0} GB.",
    "The model {0} is incomplete: {1}.": "Das Modell {0} ist unvollständig: {1}.",
    "{0} is missing": "{0} fehlt",
    "GiB of weights": "GiB Gewichte",
    "The model {0}": "Das Modell {0}",
    "The draft model can't be used. {0}": "Das Hilfsmodell geht nicht. {0}",
    "for {0} tokens": "für {0} Token",
    "{0} = {1} of {2} GiB free on {3}": "{0} = {1} von {2} GiB frei auf {3}",
    "Download {0} again to repair it.": "Laden Sie {0} noch einmal, um es zu reparieren.",
    " and {0} more": " und {0} weitere",
}


@pytest.fixture
def german() -> Iterator[None]:
    language.use(lambda text, _comment, _number: GERMAN.get(text, text), ",", ".")
    yield
    language.use(None)


def test_in_english_everything_stays_as_the_engine_said_it() -> None:
    assert said("No model is loaded.") == "No model is loaded."


@pytest.mark.usefixtures("german")
def test_a_sentence_is_found_by_its_pattern_and_its_values_take_their_new_places() -> None:
    sentence = "The models need 3.2 GB, but only 1.0 GB are free in /big {0} disk."

    assert said(sentence) == "In /big {0} disk sind nur 1,0 GB frei, nötig sind 3,2 GB."


@pytest.mark.usefixtures("german")
def test_what_was_filled_in_is_translated_as_well() -> None:
    said_now = said("The model a/b is incomplete: model.safetensors is missing. Download a/b again to repair it.")

    assert said_now == (
        "Das Modell a/b ist unvollständig: model.safetensors fehlt. Laden Sie a/b noch einmal, um es zu reparieren."
    )


@pytest.mark.usefixtures("german")
def test_sentences_are_translated_one_by_one_and_unknown_ones_stay() -> None:
    assert said("No model is loaded. The cat sat down. Choose a model first.") == (
        "Kein Modell ist geladen. The cat sat down. Wählen Sie zuerst ein Modell."
    )


@pytest.mark.usefixtures("german")
def test_arithmetic_is_translated_word_by_word() -> None:
    sums = "INT8: 4.98 GiB of weights + 1.00 for 8,192 tokens = 5.98 of 8.00 GiB free on RTX 4090."

    assert said(sums) == "INT8: 4,98 GiB Gewichte + 1,00 für 8.192 Token = 5,98 von 8,00 GiB frei auf RTX 4090."


@pytest.mark.usefixtures("german")
def test_two_languages_are_not_mixed_in_one_sentence() -> None:
    assert said("The model was made for long texts.") == "The model was made for long texts."
    assert said("The draft model can't be used. No model is loaded.") == (
        "Das Hilfsmodell geht nicht. Kein Modell ist geladen."
    )


@pytest.mark.usefixtures("german")
def test_another_dictionary_is_asked_again() -> None:
    assert said("No model is loaded.") == "Kein Modell ist geladen."
    language.use(lambda text, _comment, _number: "Aucun modèle." if text == "No model is loaded." else text)

    assert said("No model is loaded.") == "Aucun modèle."


@pytest.mark.usefixtures("german")
@pytest.mark.parametrize(
    "text",
    [
        "is missing " * 170, "(" * 1_900, "{0} " * 450, ". ".join(["A b"] * 15), ". ".join(["A b"] * 400), "x: " * 600,
        "x" * 10**6,
    ],
)  # fmt: skip
@pytest.mark.timeout(60)  # a pattern that goes back and forth takes minutes
def test_no_text_is_compared_with_the_patterns_too_often(text: str) -> None:
    assert work_of(lambda: said(text))["_find"] < 200  # each is one look at each pattern


def test_the_patterns_are_those_of_the_engine_as_it_is() -> None:
    written = {path.name: path.read_text(encoding="utf-8") for path in engine_sentences.TARGET.glob("*.py")}
    assert written == engine_sentences.module_texts(), "python -m tests.engine_sentences writes them anew"


@pytest.mark.usefixtures("qapp")
def test_a_folder_in_hebrew_turns_no_word_of_the_engine() -> None:
    sentence = said("The models need 4.5 GB, but only 1.2 GB are free in /home/דוד/12.")

    assert seen_order(sentence, ["need", "4.5", "free", "home"]) == ["need", "4.5", "free", "home"]
    assert sentence.replace("\u2068", "").replace("\u2069", "").endswith("in /home/דוד/12.")
    begun = said("The model \u202egpj.exe is incomplete: config.json is missing.")
    assert seen_order(begun, ["is incomplete", "config"]) == ["is incomplete", "config"]
