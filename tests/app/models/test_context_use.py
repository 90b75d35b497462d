import pytest

from app.models.context_use import ContextUse, Room


def use(used: int, **changes: bool) -> ContextUse:
    return ContextUse(used_tokens=used, window_tokens=8192, **changes)


@pytest.mark.parametrize(
    ("used", "room"),
    [(0, Room.ENOUGH), (7372, Room.ENOUGH), (7373, Room.LITTLE), (8191, Room.LITTLE), (8192, Room.NONE)],
)
def test_less_than_a_tenth_is_little_and_the_answer_needs_a_token(used: int, room: Room) -> None:
    assert use(used).room is room


def test_enough_room_is_told_in_numbers_only() -> None:
    assert (use(1240).numbers, use(1240).words) == ("1,240 / 8,192", "")
    assert use(1240).sentence == "This conversation takes 1,240 of the 8,192 tokens that the model can hold."
    assert "about 1,240" in use(1240, is_exact=False).sentence


@pytest.mark.parametrize(
    ("changes", "words", "consequence"),
    [
        ({}, "Oldest messages will be left out", "The oldest messages will be left out for it; they stay on screen."),
        ({"leaves_out": False}, "Does not fit", "The model will not answer."),
        ({"has_history": False}, "Does not fit", "Shorten it, or load the model with a larger context."),
        ({"leaves_out": False, "has_draft": False}, "Full", "This conversation is full: it needs 9,000 tokens"),
    ],
)
def test_what_will_happen_is_told_before_it_does(changes: dict[str, bool], words: str, consequence: str) -> None:
    assert use(9000, **changes).words == words
    assert consequence in use(9000, **changes).sentence
    assert "9,000 tokens, and the model can hold 8,192" in use(9000, **changes).sentence


def test_little_room_says_what_comes_after() -> None:
    assert use(8000).sentence.startswith("Nearly full: 192 tokens are left. After that the oldest messages")
    assert "the model stops" in use(8000, leaves_out=False).sentence
