import pytest

from app.models.context_use import ContextUse, Room


def use(used: int, **changes: int) -> ContextUse:
    return ContextUse(used_tokens=used, window_tokens=8192, answer_tokens=2048, **changes)


@pytest.mark.parametrize(
    ("used", "room"),
    [(0, Room.ENOUGH), (7371, Room.ENOUGH), (7372, Room.LITTLE), (8191, Room.LITTLE), (8192, Room.NONE)],
)
def test_less_than_a_tenth_is_little_and_the_answer_needs_a_token(used: int, room: Room) -> None:
    assert use(used, leaves_out=False).room is room
    assert use(used, has_history=False).room is room


@pytest.mark.parametrize(
    ("used", "room"), [(5324, Room.ENOUGH), (5326, Room.LITTLE), (6144, Room.LITTLE), (6145, Room.NONE)]
)
def test_messages_give_way_while_there_is_room_for_an_answer(used: int, room: Room) -> None:
    assert use(used).room is room


def test_enough_room_is_told_in_numbers_only() -> None:
    assert (use(1240).numbers, use(1240).words) == ("1,240 / 8,192", "")
    assert use(1240).sentence == "This conversation takes 1,240 of the 8,192 tokens that the model can hold."
    assert "takes about 1,240" in use(1240, is_exact=False).sentence


@pytest.mark.parametrize(
    ("used", "changes", "words", "consequence"),
    [
        (9000, {}, "Oldest messages will be left out", "the oldest messages will be left out; they stay on screen."),
        (5800, {}, "Oldest messages will soon be left out", "the oldest messages will soon be left out;"),
        (9000, {"leaves_out": False}, "Does not fit", "Conversation > When the conversation is full lets it leave"),
        (8000, {"leaves_out": False}, "Nearly full", "Conversation > When the conversation is full lets"),
        (
            9000,
            {"lasting_tokens": 8192},
            "Does not fit",
            "The model will not answer. Shorten it, or load the model with a larger context.",
        ),
        (9000, {"has_history": False}, "Does not fit", "Shorten it, or load the model with a larger context."),
        (8000, {"has_history": False}, "Nearly full", "Nearly full: this conversation takes 8,000 of the 8,192"),
        (
            9000,
            {"leaves_out": False, "has_draft": False},
            "Full",
            "This conversation is full: the conversation takes 9,000",
        ),
    ],
)
def test_what_will_happen_is_told_before_it_does(
    used: int, changes: dict[str, int], words: str, consequence: str
) -> None:
    assert use(used, **changes).words == words
    assert consequence in use(used, **changes).sentence
    assert use(used, **changes).sentence.endswith(("hold.", "screen.", "messages.", "context."))


def test_thinking_that_counts_is_named() -> None:
    thought = use(1240, counts_thinking=True).sentence
    assert thought.startswith("This conversation takes 1,240 of")
    assert thought.endswith("The newest answer's thinking is part of it; most models don't read it again.")
