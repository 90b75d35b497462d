"""Two titles that differ at their end only are told apart, however narrow the list is."""

import pytest
from PySide6.QtGui import QFontMetrics

from app.widgets.basics.elided_title import elided_title
from app.widgets.basics.fonts import text_font

pytestmark = pytest.mark.usefixtures("theme")
LONG = "Three days around Goslar and what there is to see"


@pytest.mark.parametrize("ending", [" (branch)", " (branch 12)", " (Kopie)", " (ענף)"])
def test_the_ending_of_a_branch_or_copy_stays(ending: str) -> None:
    metrics = QFontMetrics(text_font(14))
    shown = elided_title(metrics, LONG + ending, 216)
    assert shown.startswith("Three days")
    assert shown.endswith("…" + ending)
    assert metrics.horizontalAdvance(shown) <= 216


@pytest.mark.parametrize(
    "title", [LONG, "f(x) in words, and why it is (or is not) differentiable at all (as was asked)"]
)
def test_other_titles_end_where_the_room_ends(title: str) -> None:
    metrics = QFontMetrics(text_font(14))
    for room in (40, 120, 216):
        shown = elided_title(metrics, title, room)
        assert metrics.horizontalAdvance(shown) <= room
        assert shown.startswith(title[: shown.index("…")])


def test_a_title_that_fits_is_left_alone() -> None:
    metrics = QFontMetrics(text_font(14))
    assert elided_title(metrics, "Tides (branch)", 216) == "Tides (branch)"
    assert elided_title(metrics, "Tides (branch)", 40).endswith("…")
