from hypothesis import given
from hypothesis import strategies as st

from app.widgets.transcript.row_heights import RowHeights

HEIGHTS = st.lists(st.integers(1, 500), min_size=1, max_size=60)


def test_nothing_has_no_height() -> None:
    heights = RowHeights()
    assert heights.total == 0
    assert heights.row_at(0) == -1


@given(HEIGHTS, st.data())
def test_tops_and_rows_agree_with_plain_sums(values: list[int], data: st.DataObject) -> None:
    heights = RowHeights()
    heights.replace_from(0, values)
    row = data.draw(st.integers(0, len(values) - 1))
    changed = data.draw(st.integers(1, 500))
    assert heights.set_height(row, changed) == changed - values[row]
    values[row] = changed
    assert heights.total == sum(values)
    assert [heights.top(n) for n in range(len(values) + 1)] == [sum(values[:n]) for n in range(len(values) + 1)]
    position = data.draw(st.integers(-10, sum(values) + 10))
    expected = next((n for n in range(len(values)) if sum(values[: n + 1]) > position), len(values) - 1)
    assert heights.row_at(position) == expected


@given(HEIGHTS, HEIGHTS, st.data())
def test_rows_can_be_replaced_from_any_place(old: list[int], new: list[int], data: st.DataObject) -> None:
    heights = RowHeights()
    heights.replace_from(0, old)
    first = data.draw(st.integers(0, len(old)))
    heights.replace_from(first, new)
    assert [heights[n] for n in range(len(heights))] == old[:first] + new
    assert heights.total == sum(old[:first]) + sum(new)
