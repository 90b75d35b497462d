import pytest
from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from app.widgets.models.flow_row import FlowRow

WIDE, HIGH, GAP = 100, 20, 8


class Block(QWidget):
    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return QSize(WIDE, HIGH)


@pytest.fixture
def row(qtbot: QtBot) -> FlowRow:
    """Three blocks, of which the last one follows the second."""
    row = FlowRow()
    qtbot.addWidget(row)
    for place in range(3):
        row.add(Block(), follows=place == 2)
    return row


def lines(row: FlowRow, width: int) -> list[int]:
    return [place.y() // (HIGH + GAP) for _, place in row._places(width)]


def test_widgets_go_on_in_the_next_line_where_the_room_ends(row: FlowRow) -> None:
    assert lines(row, 3 * WIDE + 2 * GAP) == [0, 0, 0]
    assert lines(row, 2 * WIDE + GAP) == [0, 1, 1]
    assert lines(row, 2 * WIDE) == [0, 1, 2]
    assert row.heightForWidth(2 * WIDE + GAP) == HIGH + GAP + HIGH


def test_one_that_follows_a_hidden_one_follows_the_one_before(row: FlowRow) -> None:
    row._widgets[1].hide()
    assert lines(row, 2 * WIDE + GAP) == [0, 0]
    assert lines(row, 2 * WIDE) == [0, 1]


def test_it_begins_on_the_right_where_one_reads_from_there(row: FlowRow) -> None:
    row.setLayoutDirection(Qt.LayoutDirection.RightToLeft)
    row.resize(2 * WIDE + 2 * GAP, 2 * HIGH + GAP)
    row.show()
    assert [each.x() for each in row._widgets[:2]] == [WIDE + 2 * GAP, WIDE + 2 * GAP]
    row._widgets[2].hide()
    QApplication.processEvents()
    assert [each.x() for each in row._widgets[:2]] == [WIDE + 2 * GAP, GAP]
