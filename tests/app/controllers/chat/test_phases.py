import pytest

from app.controllers import phases
from app.rendering.thinking import is_thinking
from engine.api.events import LoadPhase, LoadProgress, PrefillProgress


def load(phase: LoadPhase, done: int, total: int) -> str:
    return phases.load_phase(LoadProgress(command_id="c", phase=phase, done=done, total=total))


def read(prompt: int, reused: int, done: int) -> str:
    event = PrefillProgress(
        command_id="c",
        conversation_id="v",
        message_id="m",
        prompt_tokens=prompt,
        reused_tokens=reused,
        done_tokens=done,
    )
    return phases.reading_phase(event)


def test_a_load_is_told_in_percent_and_bytes() -> None:
    assert load(LoadPhase.LOADING, 1_247_000_000, 2_900_000_000) == "Loading the model: 43 % (1.2 of 2.9 GB)"
    assert load(LoadPhase.CONVERTING, 135_000_000, 270_000_000).endswith(": 50 % (135 of 270 MB)")


def test_a_disk_that_hangs_is_told() -> None:
    assert load(LoadPhase.WAITING, 0, 0) == "Waiting for a disk or file server that does not answer"


def test_steps_are_not_told_as_bytes() -> None:
    assert load(LoadPhase.LOADING, 3, 12) == "Loading the model: 25 %"


def test_an_unknown_total_gives_words_alone() -> None:
    assert load(LoadPhase.IMPORTING, 0, 0) == "Starting the engine"


@pytest.mark.parametrize("phase", list(LoadPhase))
def test_every_phase_has_words(phase: LoadPhase) -> None:
    assert load(phase, 0, 0)


def test_more_than_everything_is_still_one_hundred_percent() -> None:
    assert load(LoadPhase.LOADING, 3_100_000_000, 2_900_000_000) == "Loading the model: 100 % (2.9 of 2.9 GB)"


def test_only_what_is_read_is_counted() -> None:
    assert read(prompt=6_500, reused=100, done=3_200) == "Reading 3,200 of 6,400 tokens"
    assert read(prompt=7, reused=6, done=1) == "Reading 1 of 1 token"
    assert read(prompt=7, reused=7, done=0) == "Reading"


def test_thinking_lasts_until_its_block_is_closed() -> None:
    assert is_thinking("<think>")
    assert is_thinking("\n<think>So, Paris")
    assert not is_thinking("<think>So, Paris</think>\n")
    assert not is_thinking("The tag <think> opens a block")
    assert not is_thinking("")
    assert is_thinking("So, Paris", opened=True)
    assert not is_thinking("So, Paris</think>\n", opened=True)
