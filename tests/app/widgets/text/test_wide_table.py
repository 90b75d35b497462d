"""A table of many columns keeps them readable and scrolls inside its block."""

from PySide6.QtWidgets import QApplication

from app.widgets.text.text_view import TextView
from tests.app.widgets.message_probe import MakeBody, stream


def table(columns: int) -> str:
    head = "|" + "|".join(f" heading {number} " for number in range(columns)) + "|"
    return f"{head}\n|{'---|' * columns}\n|" + " some value |" * columns


def test_many_columns_scroll_inside_their_block(make_body: MakeBody) -> None:
    body = make_body("Before.\n\n" + table(12) + "\n\nAfter.")
    body.resize(400, body.heightForWidth(400))
    QApplication.processEvents()
    before, wide, after = body.block_widgets
    assert isinstance(wide, TextView)
    assert wide.horizontalScrollBar().maximum() > 400
    assert wide.document().size().width() > 800
    assert wide.geometry().right() <= 400
    assert wide.document().size().height() + wide.horizontalScrollBar().height() <= wide.height() + 1
    assert before.geometry().bottom() < wide.geometry().top() < wide.geometry().bottom() < after.geometry().top()
    wide.horizontalScrollBar().setValue(200)
    assert wide.horizontalScrollBar().value() == 200


def test_with_room_enough_nothing_scrolls(make_body: MakeBody) -> None:
    body = make_body(table(4))
    body.resize(760, body.heightForWidth(760))
    QApplication.processEvents()
    (view,) = body.block_widgets
    assert isinstance(view, TextView)
    assert view.horizontalScrollBar().maximum() == 0
    assert not view.horizontalScrollBar().isVisible()


def test_a_table_may_become_wide_while_it_streams(make_body: MakeBody) -> None:
    body = make_body("")
    text = "Words.\n\n" + table(9)
    for end in range(0, len(text), 7):
        stream(body, text[:end])
    body.set_text(text)
    body.resize(400, body.heightForWidth(400))
    QApplication.processEvents()
    view = body.block_widgets[-1]
    assert isinstance(view, TextView)
    assert view.horizontalScrollBar().maximum() > 0
