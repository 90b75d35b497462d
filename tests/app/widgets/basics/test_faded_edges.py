"""What scrolls fades where it goes on, and only there."""

from collections.abc import Callable

import pytest
from PySide6.QtCore import QPoint
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QAbstractScrollArea, QApplication, QListWidget, QScrollArea, QWidget
from pytestqt.qtbot import QtBot

from app.settings.schema import Settings
from app.widgets.actions.keys_dialog import KeysDialog
from app.widgets.basics.faded_edges import FADE_PX, FadedEdge, fade_edges
from app.widgets.basics.theme import LIGHT, Theme
from app.widgets.models.scrolled import scrolled
from app.widgets.settings.model_settings_dialog import ModelSettingsDialog
from app.widgets.settings.settings_dialog import SettingsDialog
from app.widgets.window.palette import Palette
from tests.app.widgets.conftest import Shown

pytestmark = pytest.mark.usefixtures("theme")
_INK = "#26201b"
_NEARLY = 100  # how much redder than blue; the ring itself is by 180


def color_at(widget: QWidget, y: int) -> QColor:
    """Return what is drawn on a line of a widget, far from its sides."""
    QApplication.processEvents()
    return QColor(widget.grab().toImage().pixel(QPoint(20, y)))


@pytest.fixture
def area(qtbot: QtBot) -> QScrollArea:
    """200 pixels of a dark page that is 600 high."""
    page = QWidget()
    page.setStyleSheet(f"background: {_INK};")
    page.setMinimumHeight(600)
    found = scrolled(page, "A page")
    qtbot.addWidget(found)
    found.resize(200, 200)
    with qtbot.waitExposed(found):
        found.show()
    return found


def test_it_fades_where_it_goes_on(area: QScrollArea) -> None:
    ground = QApplication.palette().color(QPalette.ColorRole.Window)
    assert color_at(area, 199).lightness() > ground.lightness() - 8
    assert color_at(area, 199 - FADE_PX) == QColor(_INK)
    assert color_at(area, 0) == QColor(_INK), "nothing is above"
    area.verticalScrollBar().setValue(200)
    assert color_at(area, 0).lightness() > ground.lightness() - 8
    area.verticalScrollBar().setValue(400)
    assert color_at(area, 199) == QColor(_INK), "nothing is below"
    area.resize(200, 700)
    assert color_at(area, 0) == color_at(area, 599) == QColor(_INK), "all of it is seen"


def test_the_fade_lets_the_mouse_through(area: QScrollArea) -> None:
    at_end = area.viewport().mapTo(area, QPoint(20, 195))
    assert not isinstance(area.childAt(at_end), FadedEdge)


def test_the_chosen_row_of_a_list_is_not_faded(qtbot: QtBot) -> None:
    rows = QListWidget()
    qtbot.addWidget(rows)
    rows.addItems([f"Row {number}" for number in range(40)])
    rows.setVerticalScrollMode(QListWidget.ScrollMode.ScrollPerPixel)
    fade_edges(rows)
    rows.resize(200, 200)
    with qtbot.waitExposed(rows):
        rows.show()
    last = rows.indexAt(QPoint(20, rows.viewport().height() - 4))

    rows.setCurrentIndex(last)
    bottom = rows.visualRect(last).translated(rows.viewport().pos()).bottom()
    assert color_at(rows, bottom - 3) == QColor(LIGHT.colors.pressed)
    assert any(each.isVisible() for each in rows.findChildren(FadedEdge))


def test_the_ring_of_the_keyboard_is_whole(qtbot: QtBot) -> None:
    rows = QListWidget()
    qtbot.addWidget(rows)
    rows.addItems([f"Row {number}" for number in range(40)])
    rows.setVerticalScrollMode(QListWidget.ScrollMode.ScrollPerPixel)
    rows.resize(200, 200)
    rows.show()
    rows.activateWindow()
    rows.setFocus()
    qtbot.waitUntil(rows.hasFocus)
    rows.verticalScrollBar().setValue(100)

    def ring() -> set[tuple[int, int]]:
        """Return the pixels in the corners that have the colour of the ring, or nearly so."""
        image, sides = rows.grab().toImage(), [*range(12), *range(188, 200)]
        colors = {(x, y): image.pixelColor(x, y) for x in sides for y in sides}
        return {place for place, color in colors.items() if color.red() - color.blue() > _NEARLY}

    before = ring()
    assert before
    fade_edges(rows)
    QApplication.processEvents()
    assert before <= ring()


@pytest.mark.parametrize(
    "make",
    [
        lambda theme: SettingsDialog(Settings()),
        lambda theme: ModelSettingsDialog("A model", Settings()),
        lambda theme: Palette(theme, QWidget()),
    ],
    ids=["settings", "own settings", "palette"],
)
def test_what_scrolls_fades(qtbot: QtBot, theme: Theme, make: Callable[[Theme], QWidget]) -> None:
    window = make(theme)
    qtbot.addWidget(window)
    areas = {each.parent() for each in window.findChildren(FadedEdge)}
    assert any(isinstance(area, QAbstractScrollArea) for area in areas)


def test_the_list_of_keys_fades(shown: Shown) -> None:
    assert KeysDialog(shown.window.actions_by_name.shortcuts, shown.window).list.findChildren(FadedEdge)
