"""The composer where there is little room: 720 x 480 leaves it some 490 pixels by 300 for everything at once."""

import pytest
from pytestqt.qtbot import QtBot

from app import language
from app.conversations.attachment import Attachment
from app.models.attachment_item import AttachmentItem
from app.models.context_use import ContextUse
from app.models.waiting_item import WaitingItem
from app.widgets.basics.theme import Theme
from app.widgets.composer.composer import Composer

WIDTH, HEIGHT, WINDOW_HEIGHT = 470, 330, 480
FULL = ContextUse(used_tokens=23_801, window_tokens=8_192)


def item(place: int, text: str = "some words") -> AttachmentItem:
    name = f"A file with quite a long name, number {place}.txt" if place % 2 else f"{place}.txt"
    return AttachmentItem(f"read:{place}", name, Attachment(name=name, text=text, size_bytes=len(text)))


@pytest.fixture
def composer(qtbot: QtBot, theme: Theme) -> Composer:
    widget = Composer(theme)
    qtbot.addWidget(widget)
    widget.set_window_height(WINDOW_HEIGHT)
    with qtbot.waitExposed(widget):
        widget.show()
    return widget


def fill(composer: Composer) -> None:
    composer.resize(WIDTH, HEIGHT)
    texts = ("A second message that waits for its turn", "Third", "Fourth", "Fifth")
    composer.set_queue(tuple(map(WaitingItem, texts)))
    composer.set_attachments(tuple(item(place, "words " * 20_000) for place in range(6)))
    composer.set_context_use(FULL)
    composer.editor.set_text("\n".join(["line"] * 12))


def test_all_at_once_fits_into_a_small_window_without_lying_over_each_other(qtbot: QtBot, composer: Composer) -> None:
    fill(composer)
    qtbot.wait(50)
    assert composer.layout().totalHeightForWidth(WIDTH) <= HEIGHT
    problem = composer.attachments.problem
    assert problem.height() >= problem.heightForWidth(problem.width())
    parts = [composer.chips, composer.attachments, composer.editor, composer.foot]
    tops = [part.mapTo(composer, part.rect().topLeft()).y() for part in parts]
    ends = [part.mapTo(composer, part.rect().bottomLeft()).y() for part in parts]
    assert all(end < top for end, top in zip(ends, tops[1:], strict=False))
    assert ends[-1] < composer.height()
    inside = [composer.attachments._scroll, composer.attachments.problem]
    assert inside[0].geometry().bottom() < inside[1].geometry().top()
    assert composer.editor.height() >= 3 * composer.editor.fontMetrics().lineSpacing()
    assert "and 3 more" in composer.chips._more.text()


def test_where_there_is_room_more_is_shown(qtbot: QtBot, composer: Composer) -> None:
    fill(composer)
    low = composer.editor.height()
    composer.set_window_height(900)
    composer.resize(760, 700)
    qtbot.waitUntil(lambda: composer.editor.height() > 2 * low)
    assert "and 1 more" in composer.chips._more.text()
    assert all(chip.size_label.isVisibleTo(composer) for chip in composer.attachments.chips)


@pytest.mark.parametrize("is_german", [False, True])
def test_a_warning_is_read_whole_and_the_button_keeps_its_name(
    qtbot: QtBot, theme: Theme, is_german: bool, request: pytest.FixtureRequest
) -> None:
    if is_german:
        request.getfixturevalue("german")
    widget = Composer(theme)
    qtbot.addWidget(widget)
    widget.resize(WIDTH, 120)
    widget.show()
    widget.set_context_use(FULL)
    qtbot.waitUntil(lambda: widget.meter.text() == f"{FULL.words}  ·  {FULL.numbers}")
    assert FULL.words == language.tr("Oldest messages will be left out")
    assert widget.own_button.accessibleName() == language.tr("Conversation settings")
    widget.set_context_use(None)
    qtbot.waitUntil(lambda: widget.own_button.width() > 100)  # its words are back
