from hypothesis import given
from hypothesis import strategies as st

from app.models.row_changes import MOST_STEPS, Insertion, Move, Removal, steps_between

KEYS = st.lists(st.sampled_from("abcdefghijklmnop"), unique=True)


def taken(old: list[str], new: list[str]) -> list[str]:
    """Return what the steps make of the old list, as a model would take them."""
    rows = list(old)
    for step in steps_between(old, new) or []:
        if isinstance(step, Removal):
            del rows[step.first : step.last + 1]
        elif isinstance(step, Move):
            rows.insert(step.target, rows.pop(step.source))
        else:
            rows[step.first : step.first] = new[step.first : step.last + 1]
    return rows


@given(KEYS, KEYS)
def test_the_steps_lead_from_one_list_to_the_other(old: list[str], new: list[str]) -> None:
    assert taken(old, new) == new


def test_a_row_that_moves_is_one_step() -> None:
    rows = [str(number) for number in range(1000)]
    assert steps_between(rows, ["700", *rows[:700], *rows[701:]]) == [Move(700, 0)]
    assert steps_between(rows, [*rows[1:501], "0", *rows[501:]]) == [Move(0, 500)]


def test_neighbours_come_and_go_in_one_step() -> None:
    rows = [str(number) for number in range(1000)]
    assert steps_between(rows, rows[:10] + rows[900:]) == [Removal(10, 899)]
    assert steps_between(rows[:10] + rows[900:], rows) == [Insertion(10, 899)]


def test_too_many_steps_are_none() -> None:
    rows = [str(number) for number in range(4 * MOST_STEPS)]
    assert steps_between(rows, rows[::-1]) is None
    assert steps_between(rows, rows[::2]) is None
