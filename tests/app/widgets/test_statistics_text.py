import msgspec
import pytest

from app.conversations.records import MessageState
from app.widgets.statistics_text import rate, seconds, shortened, statistics_details, statistics_line, statistics_parts
from engine.api.events import FinishReason
from tests.app.widgets.demo_conversation import STATISTICS, answer


def test_the_quiet_line() -> None:
    assert (
        statistics_line(answer(1, "Hi"))
        == "SmolLM2 135M Instruct · BF16 · 42 tokens · 31 tokens/s · first token 0.4 s · reused 6,412, read 38"
    )


def test_what_is_not_known_is_left_out() -> None:
    message = msgspec.structs.replace(answer(1, "Hi"), statistics=None)
    assert statistics_line(message) == "SmolLM2 135M Instruct · BF16"
    assert statistics_line(msgspec.structs.replace(message, model="", precision="")) == ""


def test_one_token_is_not_many() -> None:
    one = msgspec.structs.replace(STATISTICS, generated_tokens=1)
    assert "1 token ·" in statistics_line(msgspec.structs.replace(answer(1, "Hi"), statistics=one))


def test_a_narrow_line_keeps_what_matters_most() -> None:
    parts = statistics_parts(answer(1, "Hi"))
    assert shortened(parts, lambda line: len(line) < 80) == (
        "SmolLM2 135M Instruct · 42 tokens · 31 tokens/s · reused 6,412, read 38"
    )
    assert shortened(parts, lambda line: len(line) < 50) == "42 tokens · 31 tokens/s · reused 6,412, read 38"
    assert shortened(parts, lambda line: False) == "reused 6,412, read 38"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0412, "0.04 s"), (0.4, "0.4 s"), (9.94, "9.9 s"), (12.3, "12 s"), (125.0, "2 min 5 s")],
)
def test_durations(value: float, text: str) -> None:
    assert seconds(value) == text


@pytest.mark.parametrize(("value", "text"), [(0.42, "0.4"), (9.94, "9.9"), (31.1, "31"), (1234.0, "1,234")])
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
