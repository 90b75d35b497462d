"""Tasks in an answer: a done one is ticked, on the side where its line begins, in the colour of its text."""

import pytest
from PySide6.QtCore import QPoint, QRect
from PySide6.QtGui import QColor, QImage, QRegion
from PySide6.QtWidgets import QApplication, QWidget

from app.widgets.basics.theme import DARK, LIGHT, Theme
from app.widgets.text.text_view import TextView
from app.widgets.transcript.message_body import MessageBody
from tests.app.widgets.message_probe import MakeBody

WIDTH = 600
INDENT = 32
LEFT, RIGHT = range(2, INDENT - 2), range(WIDTH - INDENT + 2, WIDTH - 2)  # where markers stand


def picture_of(body: MessageBody, theme: Theme) -> QImage:
    body.set_theme(theme)
    body.resize(WIDTH, body.heightForWidth(WIDTH))
    QApplication.processEvents()
    image = QImage(body.size(), QImage.Format.Format_RGB32)
    image.fill(QColor(theme.colors.page))
    body.render(image, QPoint(), QRegion(), QWidget.RenderFlag.DrawChildren)
    return image


def marked(image: QImage, columns: range, theme: Theme) -> QRect:
    """Return what is drawn in some columns."""
    page = QColor(theme.colors.page).rgb()
    drawn = [(x, y) for x in columns for y in range(image.height()) if image.pixel(x, y) != page]
    if not drawn:
        return QRect()
    xs, ys = [x for x, _ in drawn], [y for _, y in drawn]
    return QRect(min(xs), min(ys), max(xs) - min(xs) + 1, max(ys) - min(ys) + 1)


def strong_in(image: QImage, place: QRect, theme: Theme) -> set[tuple[int, int]]:
    """Return the pixels, counted from the place's corner, that are nearer to the text's colour than to the page's."""
    text, page = QColor(theme.colors.text).lightness(), QColor(theme.colors.page).lightness()
    return {
        (x, y)
        for x in range(place.width())
        for y in range(place.height())
        if abs(image.pixelColor(place.left() + x, place.top() + y).lightness() - text) * 2 < abs(text - page)
    }


@pytest.mark.parametrize("theme", [LIGHT, DARK])
@pytest.mark.parametrize(("words", "columns"), [("pack", LEFT), ("לארוז", RIGHT)])
def test_a_done_task_is_a_filled_box_with_a_tick(make_body: MakeBody, theme: Theme, words: str, columns: range) -> None:
    side = theme.text_size_px
    done = picture_of(make_body(f"- [x] {words}"), theme)
    box = marked(done, columns, theme)
    assert (box.width(), box.height()) == (side, side)
    strong = strong_in(done, box, theme)
    assert 0.6 * side**2 < len(strong) < 0.95 * side**2
    # A tick comes from the side, goes down and ends above on the right; a cross begins above on the left, too.
    third = range(2, side // 3)
    assert all((x, y) in strong for x in third for y in third)
    assert not all((side - 1 - x, y) in strong for x in range(2, side // 2) for y in third)


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_an_open_task_is_an_empty_box(make_body: MakeBody, theme: Theme) -> None:
    image = picture_of(make_body("- [ ] pack"), theme)
    box = marked(image, LEFT, theme)
    assert (box.width(), box.height()) == (theme.text_size_px, theme.text_size_px)
    assert not strong_in(image, box.adjusted(1, 1, -1, -1), theme)


def test_only_tasks_have_boxes(make_body: MakeBody) -> None:
    assert marked(picture_of(make_body("- pack"), LIGHT), LEFT, LIGHT).width() < LIGHT.text_size_px / 2  # the bullet
    assert marked(picture_of(make_body("pack"), LIGHT), RIGHT, LIGHT).isEmpty()


def test_a_box_puts_nothing_into_what_is_copied(make_body: MakeBody) -> None:
    body = make_body("- [x] לארוז\n- [ ] go")
    view = body.block_widgets[0]
    assert isinstance(view, TextView)
    view.selectAll()
    assert view.createMimeDataFromSelection().text() == "לארוז\ngo"
    assert [each.block.source for each in view.chosen_blocks()] == ["- [x] לארוז\n- [ ] go"]
