"""The bar beside a quotation stands at its text, also inside lists, and on the side where that begins."""

import pytest
from PySide6.QtCore import QPoint
from PySide6.QtGui import QColor, QImage, QRegion
from PySide6.QtWidgets import QApplication, QWidget

from app.rendering.html import LIST_INDENT_PX, QUOTE_INDENT_PX
from app.widgets.basics.theme import LIGHT
from tests.app.widgets.message_probe import MakeBody

WIDTH = 600


@pytest.mark.parametrize(
    ("source", "lefts"),
    [
        ("> quoted", [0]),
        ("> quoted\n> > inside", [0, QUOTE_INDENT_PX]),
        ("- item\n  > quoted", [LIST_INDENT_PX]),
        ("- item\n  - item\n    > quoted\n    > > inside", [2 * LIST_INDENT_PX, 2 * LIST_INDENT_PX + QUOTE_INDENT_PX]),
        ("> - item", [0]),
        ("- פריט\n  > ציטוט", [WIDTH - LIST_INDENT_PX - 3]),
    ],
)
def test_where_the_bars_stand(make_body: MakeBody, source: str, lefts: list[int]) -> None:
    body = make_body(source)
    body.resize(WIDTH, body.heightForWidth(WIDTH))
    QApplication.processEvents()
    image = QImage(body.size(), QImage.Format.Format_RGB32)
    image.fill(QColor(LIGHT.colors.page))
    body.render(image, QPoint(), QRegion(), QWidget.RenderFlag.DrawChildren)
    line = QColor(LIGHT.colors.hairline).rgb()
    columns = [x for x in range(WIDTH) if sum(image.pixel(x, y) == line for y in range(image.height())) > 8]
    assert [x for x in columns if x - 1 not in columns] == lefts
