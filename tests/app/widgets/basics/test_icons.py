"""Icons take the colour asked for and stay sharp at any size."""

import gc

import pytest
from PySide6.QtCore import QSize
from PySide6.QtGui import QColor, QIcon, QPixmap
from PySide6.QtWidgets import QToolButton
from pytestqt.qtbot import QtBot

from app.widgets.basics.assets import asset
from app.widgets.basics.icons import app_icon, icon, pixmap


def colors(picture: QPixmap) -> set[str]:
    """Return the colours of all pixels that are fully covered."""
    image = picture.toImage()
    found = set()
    for x in range(image.width()):
        for y in range(image.height()):
            color = image.pixelColor(x, y)
            if color.alpha() == 255:
                found.add(color.name())
    return found


def test_an_icon_has_the_color_asked_for(qtbot: QtBot) -> None:
    assert colors(icon("square", "#c2410c").pixmap(QSize(24, 24))) == {"#c2410c"}
    assert colors(pixmap("square", "#123456", 24)) == {"#123456"}


def test_a_disabled_icon_is_paler_or_has_its_own_color(qtbot: QtBot) -> None:
    disabled = QIcon.Mode.Disabled
    assert colors(icon("square", "#c2410c", "#aabbcc").pixmap(QSize(24, 24), disabled)) == {"#aabbcc"}
    image = icon("square", "#c2410c").pixmap(QSize(24, 24), disabled).toImage()
    strongest = max(image.pixelColor(x, y).alpha() for x in range(24) for y in range(24))
    assert 80 < strongest < 130


@pytest.mark.parametrize("scale", [1.0, 1.25, 1.5, 2.0, 3.0])
def test_a_pixmap_has_the_pixels_of_its_screen(qtbot: QtBot, scale: float) -> None:
    picture = pixmap("plus", "#000000", 20, scale)
    assert picture.width() == round(20 * scale)
    assert picture.deviceIndependentSize().toSize() == QSize(20, 20)


def test_a_button_paints_its_icon_after_the_garbage_collector_ran(qtbot: QtBot) -> None:
    button = QToolButton()
    qtbot.addWidget(button)
    button.setIcon(icon("copy", "#ff0000"))
    button.setIconSize(QSize(24, 24))
    gc.collect()
    copied = QIcon(button.icon())
    copied.addPixmap(QPixmap(4, 4))  # makes Qt copy what is behind the icon
    gc.collect()
    assert QColor("#ff0000").name() in colors(button.grab())
    assert not copied.pixmap(QSize(24, 24)).isNull()


@pytest.mark.parametrize("size", [14, 16, 18, 20, 24])
@pytest.mark.parametrize("ratio", [1.0, 1.25, 1.5, 2.0])
def test_an_icon_is_drawn_for_the_ratio_of_the_screen(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, size: int, ratio: float
) -> None:
    class Screen:
        def devicePixelRatio(self) -> float:  # noqa: N802 - Qt's name
            return ratio

    monkeypatch.setattr("app.widgets.basics.icons.QGuiApplication.screens", lambda: [Screen()])
    side = int(size * ratio + 0.5)  # as Qt rounds
    picture = icon("plus", "#000000").pixmap(QSize(size, size), ratio)
    assert picture.size() == QSize(side, side)
    assert picture.toImage() == pixmap("plus", "#000000", size, ratio).toImage()  # drawn, not scaled


def test_a_missing_icon_is_told_at_once(qtbot: QtBot) -> None:
    with pytest.raises(FileNotFoundError, match=r"no-such\.svg"):
        icon("no-such", "#000000")


def test_every_shipped_icon_is_an_outline_that_takes_a_color(qtbot: QtBot) -> None:
    files = sorted(asset("icons").glob("*.svg"))
    assert len(files) >= 30
    for file in files:
        assert "currentColor" in file.read_text(encoding="utf-8")
        shades = [QColor(color) for color in colors(pixmap(file.stem, "#c2410c", 96))]
        assert shades, file.name
        assert all(abs(shade.red() - 0xC2) < 4 and abs(shade.green() - 0x41) < 4 for shade in shades), file.name


def test_the_app_icon_comes_in_every_usual_size(qtbot: QtBot) -> None:
    sizes = {size.width() for size in app_icon().availableSizes()}
    assert {16, 32, 48, 256} <= sizes
    assert len(colors(app_icon().pixmap(QSize(64, 64)))) > 20
