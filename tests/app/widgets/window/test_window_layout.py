import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QRect
from pytestqt.qtbot import QtBot

from app.widgets.window.window_layout import on_screen
from tests.app.widgets.conftest import Shown

LEFT, RIGHT, SMALL = QRect(0, 0, 1920, 1080), QRect(1920, 0, 2560, 1440), QRect(0, 0, 1280, 720)
SIDES = st.integers(-20_000, 20_000)


@pytest.mark.parametrize(
    ("wanted", "screens", "found"),
    [
        (QRect(100, 100, 1100, 760), [LEFT, RIGHT], QRect(100, 100, 1100, 760)),
        (QRect(2500, 300, 1100, 760), [LEFT, RIGHT], QRect(2500, 300, 1100, 760)),
        (QRect(2500, 300, 1100, 760), [LEFT], QRect(820, 300, 1100, 760)),  # the right monitor is gone
        (QRect(1910, 0, 1100, 760), [LEFT], QRect(820, 0, 1100, 760)),  # ten pixels would be left of it
        (QRect(-900, -300, 1100, 760), [LEFT], QRect(0, 0, 1100, 760)),
        (QRect(300, 100, 1800, 1000), [SMALL], QRect(0, 0, 1280, 720)),  # another scale, fewer pixels
        (QRect(300, 100, 1800, 1000), [], QRect(300, 100, 1800, 1000)),
    ],
)
def test_the_window_is_where_it_was_or_on_a_screen_that_there_is(
    wanted: QRect, screens: list[QRect], found: QRect
) -> None:
    assert on_screen(wanted, screens) == found


@given(SIDES, SIDES, st.integers(1, 9_000), st.integers(1, 9_000))
def test_it_is_always_wholly_on_one_screen(left: int, top: int, width: int, height: int) -> None:
    screens = [LEFT, RIGHT]
    found = on_screen(QRect(left, top, width, height), screens)
    assert any(screen.contains(found) for screen in screens)


def test_a_window_from_a_monitor_that_is_gone_is_seen(qtbot: QtBot, shown: Shown) -> None:
    window = shown.window
    window.setGeometry(QRect(5000, 3000, 760, 560))
    geometry = bytes(window.saveGeometry().data())
    window.setGeometry(QRect(0, 0, 720, 480))
    window.restore_window(geometry, None, True)
    assert window.screen().availableGeometry().contains(window.geometry())
    assert window.size().width() == 760


def test_a_window_from_a_screen_of_quite_another_width_keeps_its_size(qtbot: QtBot, shown: Shown) -> None:
    """Qt restores nothing then: 1280 pixels against 800 are too many for it."""
    window = shown.window
    window.restore_window(b"what Qt refuses", None, True, (900, 700, 760, 560))
    assert window.screen().availableGeometry().contains(window.geometry())
    assert (window.width(), window.height()) == (760, 560)


def test_a_first_window_is_no_larger_than_the_screen(qtbot: QtBot, shown: Shown) -> None:
    room = shown.window.screen().availableGeometry().size()
    shown.window.resize(room.width() + 300, room.height() + 100)
    shown.window.restore_window(b"", None, True)
    assert shown.window.width() == room.width()
    assert 0 < room.height() - shown.window.height() < 60  # the bar with its title


@pytest.mark.parametrize("is_kept", [True, False])
def test_a_window_that_fills_the_screen_leaves_room_for_its_title(shown: Shown, is_kept: bool) -> None:
    """What is placed is the window without its frame: the bar to move and close it by was above the screen."""
    window, screen = shown.window, shown.window.screen().availableGeometry()
    window.setGeometry(screen)
    geometry = bytes(window.saveGeometry().data()) if is_kept else b"what Qt refuses"
    window.restore_window(geometry, None, True, (0, 0, screen.width(), screen.height() + 200))
    assert window.geometry().top() > screen.top()
    assert screen.contains(window.geometry())


def test_the_model_stands_in_the_middle_of_the_first_start(qtbot: QtBot, shown: Shown) -> None:
    window = shown.window
    window.show_first_start(True)
    qtbot.wait(20)
    assert not window.sidebar_button.isVisible()
    button = window.model_button
    middle = button.mapTo(window, button.rect().center()).x()
    assert abs(middle - window.rect().center().x()) <= 1
