from datetime import datetime

import msgspec
import pytest

from app.conversations.records import MessageState
from app.widgets.transcript.statistics_text import (
    rate,
    sampling_words,
    shortened,
    statistics_details,
    statistics_line,
)
from engine.api.events import FinishReason, Statistics
from engine.api.sampling import Sampling, ThinkingChoice
from engine.api.warmth import Tier
from tests.app.widgets.demo_conversation import STATISTICS, answer


def test_the_quiet_line() -> None:
    assert (
        statistics_line(answer(1, "Hi"))
        == "SmolLM2 135M Instruct · BF16 · 42 tokens · 31 tokens/s · first token 0.40 s · reused 6,412, read 38"
    )


def test_what_is_not_known_is_left_out() -> None:
    message = msgspec.structs.replace(answer(1, "Hi"), statistics=None)
    assert statistics_line(message) == "SmolLM2 135M Instruct · BF16"
    assert statistics_line(msgspec.structs.replace(message, model="", precision="")) == ""


def test_one_token_is_not_many() -> None:
    one = msgspec.structs.replace(STATISTICS, generated_tokens=1)
    line = statistics_line(msgspec.structs.replace(answer(1, "Hi"), statistics=one))
    assert "1 token ·" in line
    assert "tokens/s" not in line, "the first one comes in no time"


def test_a_narrow_line_keeps_what_matters_most() -> None:
    message = answer(1, "Hi")
    assert shortened(message, lambda line: len(line) < 80) == (
        "SmolLM2 135M Instruct · 42 tokens · 31 tokens/s · reused 6,412, read 38"
    )
    assert shortened(message, lambda line: len(line) < 50) == "42 tokens · 31 tokens/s · reused 6,412, read 38"
    assert shortened(message, lambda line: False) == "reused 6,412, read 38"


def test_an_answer_that_was_edited_and_then_continued_has_all_of_it() -> None:
    message = msgspec.structs.replace(answer(1, "Hi"), is_edited=True)
    assert shortened(message, lambda line: True) == statistics_line(message)
    assert shortened(message, lambda line: len(line) < 65) == (
        "edited by you · 42 tokens · 31 tokens/s · reused 6,412, read 38"
    )
    unknown = msgspec.structs.replace(message, statistics=None)
    assert shortened(unknown, lambda line: len(line) < 40) == "SmolLM2 135M Instruct · edited by you"


@pytest.mark.parametrize(
    ("value", "text"), [(0.042, "0.042"), (0.42, "0.4"), (9.94, "9.9"), (31.1, "31"), (1234.0, "1,234")]
)
def test_rates(value: float, text: str) -> None:
    assert rate(value) == text


@pytest.mark.parametrize("reason", list(FinishReason))
def test_details_say_why_it_ended(reason: FinishReason) -> None:
    message = msgspec.structs.replace(answer(1, "Hi"), finish_reason=reason)
    rows = dict(statistics_details(message))
    assert rows["Still in memory"] == "6,412 tokens"
    assert rows["Ended because"].endswith(".")


def test_details_of_an_interrupted_answer() -> None:
    assert dict(statistics_details(answer(1, "Hi", MessageState.INTERRUPTED)))["Ended because"] == "It was interrupted."


def test_what_was_brought_back_is_told_with_where_from() -> None:
    restored = msgspec.structs.replace(
        STATISTICS, restored_tokens=6412, restored_from=Tier.DISK, restore_seconds=0.2134
    )
    message = msgspec.structs.replace(answer(1, "Hi"), statistics=restored)
    assert statistics_line(message).endswith("reused 6,412 (from disk in 0.21 s), read 38")
    rows = dict(statistics_details(message))
    assert rows["Back from disk"] == "6,412 tokens in 0.21 s"
    assert "Still in memory" not in rows
    part = msgspec.structs.replace(restored, restored_tokens=400, restored_from=Tier.RAM)
    message = msgspec.structs.replace(message, statistics=part)
    assert statistics_line(message).endswith("reused 6,412 (400 from RAM in 0.21 s), read 38")
    rows = dict(statistics_details(message))
    assert (rows["Still in memory"], rows["Back from RAM"]) == ("6,012 tokens", "400 tokens in 0.21 s")


def test_what_was_guessed_is_told_in_the_details_only() -> None:
    guessed = msgspec.structs.replace(STATISTICS, proposed_tokens=90, accepted_tokens=60, speculation="prompt lookup")
    message = msgspec.structs.replace(answer(1, "Hi"), statistics=guessed)
    assert dict(statistics_details(message))["Guessed ahead"] == "60 of 90 right (prompt lookup)"
    assert "Guessed ahead" not in dict(statistics_details(answer(1, "Hi")))
    assert statistics_line(message) == statistics_line(answer(1, "Hi"))


def test_numbers_that_an_older_version_stored_are_read() -> None:
    stored = msgspec.to_builtins(STATISTICS)
    added = ("restored_tokens", "restored_from", "restore_seconds", "proposed_tokens", "accepted_tokens", "speculation")
    for name in added:
        del stored[name]
    assert msgspec.json.decode(msgspec.json.encode(stored), type=Statistics) == STATISTICS


def test_an_answer_that_was_stopped_before_its_first_word_has_no_speed() -> None:
    none = msgspec.structs.replace(STATISTICS, generated_tokens=0, tokens_per_second=0.0)
    message = msgspec.structs.replace(answer(1, ""), statistics=none)
    assert statistics_line(message) == "SmolLM2 135M Instruct · BF16 · reused 6,412, read 38"
    assert not {"Written", "Speed", "First token after"} & dict(statistics_details(message)).keys()


def test_how_ids_were_chosen_and_computed_is_among_the_details() -> None:
    statistics = msgspec.structs.replace(
        STATISTICS,
        sampling=Sampling(temperature=0.7, top_k=0, top_p=0.95, min_p=0.0, repetition_penalty=1.0, seed=5),
        attention="sdpa",
        decode="graph",
    )
    rows = dict(statistics_details(msgspec.structs.replace(answer(1, "Hi"), statistics=statistics)))
    assert rows["Sampling"] == "temperature 0.7 · top-p 0.95 · seed 5"
    assert (rows["Attention"], rows["Decoding"]) == ("sdpa", "graph")
    assert sampling_words(Sampling(temperature=0.0, seed=5)) == "always the likeliest token"
    assert sampling_words(Sampling(temperature=1.0, seed=123456789)).endswith("seed 123456789")


def test_what_was_chosen_about_thinking_is_named_with_the_sampling() -> None:
    off = Sampling(temperature=0.7, thinking=ThinkingChoice.OFF)
    assert sampling_words(off) == "temperature 0.7 · without thinking"
    greedy = Sampling(temperature=0.0, thinking=ThinkingChoice.LOW)
    assert sampling_words(greedy) == "always the likeliest token · thinking: low"
    assert all(sampling_words(Sampling(thinking=choice)) for choice in ThinkingChoice)


def test_an_edited_answer_says_so() -> None:
    message = msgspec.structs.replace(answer(1, "Hi"), statistics=None, is_edited=True)
    assert statistics_line(message) == "SmolLM2 135M Instruct · BF16 · edited by you"
    assert "Edited by you" in dict(statistics_details(message))["Text"]


CREATED = datetime(2026, 3, 5, 14, 32).timestamp()


def test_the_details_say_when_as_people_write_it() -> None:
    message = msgspec.structs.replace(answer(1, "Hi"), created_at=CREATED)
    assert dict(statistics_details(message))["Time"] == "5 March 2026, 14:32"


@pytest.mark.usefixtures("german")
def test_dates_and_numbers_of_the_details_are_those_of_the_language() -> None:
    statistics = msgspec.structs.replace(STATISTICS, sampling=Sampling(temperature=0.7, top_p=0.95, seed=5))
    message = msgspec.structs.replace(answer(1, "Hi"), created_at=CREATED, statistics=statistics)
    rows = dict(statistics_details(message))
    assert rows["Zeit"] == "5. März 2026, 14:32 Uhr"
    assert "0,7 · top-p 0,95 ·" in " ".join(rows.values())


def test_an_answer_in_parts_is_counted_whole() -> None:
    """After "Continue" and "Answer now" the statistics are those of the last part."""
    whole = answer(1, "Hi")
    assert whole.statistics is not None
    last = msgspec.structs.replace(whole.statistics, generated_tokens=12)
    message = msgspec.structs.replace(whole, statistics=last, token_ids=tuple(range(340)))
    assert "340 tokens" in statistics_line(message)
    rows = dict(statistics_details(message))
    assert rows["Whole answer"] == "340 tokens"
    assert rows["Written"].startswith("12 tokens")
    assert "Whole answer" not in dict(statistics_details(answer(1, "Hi")))
