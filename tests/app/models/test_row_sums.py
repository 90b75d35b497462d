from hypothesis import given
from hypothesis import strategies as st

from app.models.row_sums import RowSums

VALUES = st.lists(st.integers(0, 500), min_size=1, max_size=60)


def test_nothing_has_no_sum() -> None:
    sums = RowSums()
    assert sums.total == 0
    assert sums.row_at(0) == -1


@given(VALUES, st.data())
def test_sums_and_rows_agree_with_plain_sums(values: list[int], data: st.DataObject) -> None:
    sums = RowSums()
    sums.replace_from(0, values)
    row = data.draw(st.integers(0, len(values) - 1))
    changed = data.draw(st.integers(0, 500))
    assert sums.set_value(row, changed) == changed - values[row]
    values[row] = changed
    assert sums.total == sum(values)
    assert [sums.before(n) for n in range(len(values) + 1)] == [sum(values[:n]) for n in range(len(values) + 1)]
    position = data.draw(st.integers(-10, sum(values) + 10))
    expected = next((n for n in range(len(values)) if sum(values[: n + 1]) > position), len(values) - 1)
    assert sums.row_at(position) == expected


@given(VALUES, VALUES, st.data())
def test_rows_can_be_replaced_from_any_place(old: list[int], new: list[int], data: st.DataObject) -> None:
    sums = RowSums()
    sums.replace_from(0, old)
    first = data.draw(st.integers(0, len(old)))
    sums.replace_from(first, new)
    assert [sums[n] for n in range(len(sums))] == old[:first] + new
    assert sums.total == sum(old[:first]) + sum(new)
