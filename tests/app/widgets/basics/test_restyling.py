"""Another look costs what is seen, and looks as if the window had begun in it."""

from collections import Counter
from collections.abc import Iterator
from typing import ClassVar

import pytest
from PySide6.QtCore import QEvent
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication, QLabel, QStackedWidget, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from app.models.checkpoint_list_model import CheckpointListModel
from app.models.conversation_list_model import ConversationListModel
from app.models.transcript_model import TranscriptModel
from app.settings.schema import Settings
from app.settings.schema import Theme as ThemeChoice
from app.widgets.basics.theme import DARK, LIGHT, Theme, apply_theme
from app.widgets.window.main_window import MainWindow
from tests.app.widgets.demo_conversation import CODE_ANSWER, NOW, PLAN, answer, conversations, entries, user
from tests.app.widgets.demo_frame import show_notices

LABELS = 200
LARGE = 24


class Told(QLabel):
    """Counts how often each label is told of another style."""

    times: ClassVar[Counter[str]] = Counter()

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802  Qt's name
        if event.type() == QEvent.Type.StyleChange:
            self.times[self.text()] += 1
        super().changeEvent(event)


@pytest.fixture(autouse=True)
def light_again(qapp: QApplication) -> Iterator[None]:
    yield
    apply_theme(qapp, LIGHT)


def stacked(qtbot: QtBot) -> QStackedWidget:
    """Two pages with many labels deep inside, both of which have been seen; the first one is shown."""
    pages = QStackedWidget()
    qtbot.addWidget(pages)
    for name in ("seen", "hidden"):
        page = inside = QWidget()
        for _ in range(20):
            inside = QWidget(inside)
        column = QVBoxLayout(inside)
        for number in range(LABELS):
            column.addWidget(Told(f"{name} {number}"))
        pages.addWidget(page)
    pages.show()
    pages.setCurrentIndex(1)
    pages.setCurrentIndex(0)
    return pages


def told(name: str) -> list[int]:
    return [Told.times[f"{name} {number}"] for number in range(LABELS)]


def test_each_widget_is_told_once_what_is_seen_first_and_the_rest_in_turns(qtbot: QtBot, qapp: QApplication) -> None:
    apply_theme(qapp, LIGHT)
    pages = stacked(qtbot)
    qapp.processEvents()
    Told.times.clear()
    apply_theme(qapp, DARK)
    assert told("seen") == [1] * LABELS
    assert told("hidden") == [0] * LABELS
    while not any(told("hidden")):  # widgets of earlier tests may come first
        qapp.processEvents()
    assert sum(told("hidden")) < LABELS, "some at a time"
    qtbot.waitUntil(lambda: told("hidden") == [1] * LABELS, timeout=30_000)
    assert told("seen") == [1] * LABELS
    inks = {label.palette().windowText().color().name() for label in pages.findChildren(Told)}
    assert inks == {DARK.colors.text}


def test_what_comes_into_sight_meanwhile_has_the_look_in_the_next_turn(qtbot: QtBot, qapp: QApplication) -> None:
    apply_theme(qapp, LIGHT)
    pages = stacked(qtbot)
    qapp.processEvents()
    Told.times.clear()
    apply_theme(qapp, DARK)
    pages.setCurrentIndex(1)
    qapp.processEvents()
    assert told("hidden") == [1] * LABELS


def test_a_look_that_is_followed_by_another_one_at_once_is_not_seen(qtbot: QtBot, qapp: QApplication) -> None:
    apply_theme(qapp, LIGHT)
    pages = stacked(qtbot)
    qapp.processEvents()
    Told.times.clear()
    for theme in (DARK, LIGHT, DARK):
        apply_theme(qapp, theme)
    qtbot.waitUntil(lambda: min(told("hidden")) > 0, timeout=30_000)
    qapp.processEvents()
    assert told("hidden") == [1] * LABELS
    inks = {label.palette().windowText().color().name() for label in pages.findChildren(Told)}
    assert inks == {DARK.colors.text}


def test_a_widget_that_goes_meanwhile_is_left_alone(qtbot: QtBot, qapp: QApplication) -> None:
    apply_theme(qapp, LIGHT)
    pages = stacked(qtbot)
    apply_theme(qapp, DARK)
    gone = pages.widget(1)
    pages.removeWidget(gone)
    gone.deleteLater()
    del gone
    qapp.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    for _ in range(10):
        qapp.processEvents()
    assert len(pages.findChildren(Told)) == LABELS


def window_in(qtbot: QtBot, theme: Theme) -> MainWindow:
    """A window that begins in a look, with a conversation, notices, and the page of models behind it."""
    choice = ThemeChoice.DARK if theme.dark else ThemeChoice.LIGHT
    apply_theme(QApplication.instance(), theme)  # type: ignore[arg-type]
    listed, messages = ConversationListModel(clock=lambda: NOW), TranscriptModel()
    window = MainWindow(
        messages, listed, CheckpointListModel(), Settings(theme=choice, text_size_px=theme.text_size_px)
    )
    qtbot.addWidget(window)
    listed.set_conversations(conversations())
    messages.set_entries(entries([user(1, "How do I split a text?"), answer(2, CODE_ANSWER)]))
    window.show_conversation(conversations()[0])
    window.set_plan(PLAN)
    with qtbot.waitExposed(window):
        window.show()
    show_notices(window)
    window.page.finder.open()
    window.page.finder.bar.field.setText("words")
    qtbot.waitUntil(lambda: not window.page.finder.search.is_searching, timeout=30_000)
    window.pages.show_models()
    window.pages.show_conversation()
    return window


def pictures(window: MainWindow) -> dict[str, QImage]:
    """Return what the window looks like with each page, and the dialogs that are made once."""
    taken: dict[str, QImage] = {}

    def take(name: str, widget: QWidget) -> None:
        for _ in range(20):
            QApplication.processEvents()
        taken[name] = widget.grab().toImage()

    window.pages.show_models()
    take("models", window)
    window.show_chat()
    window.page.transcript.view.verticalScrollBar().setValue(0)
    take("conversation", window)
    window.open_settings()
    settings = window.dialogs.settings_dialog
    assert settings is not None
    for page in (0, 1):
        settings.pages.setCurrentRow(page)
        take(f"settings {page}", settings)
    settings.close()
    window.dialogs.open_memory()
    memory = window.dialogs.memory_dialog
    assert memory is not None
    take("memory", memory)
    memory.close()
    return taken


@pytest.mark.parametrize(
    ("before", "after"),
    [(LIGHT, DARK), (DARK, LIGHT), (LIGHT, LIGHT.with_text_size(LARGE))],
    ids=["to dark", "to light", "to larger text"],
)
def test_a_window_looks_as_if_it_had_begun_in_that_look(
    qtbot: QtBot, qapp: QApplication, before: Theme, after: Theme
) -> None:
    flash = qapp.cursorFlashTime()
    qapp.setCursorFlashTime(0)  # a caret that is always there
    try:
        begun = window_in(qtbot, after)
        pictures(begun)
        expected = pictures(begun)
        begun.close()
        changed = window_in(qtbot, before)
        pictures(changed)  # all has been seen
        choice = ThemeChoice.DARK if after.dark else ThemeChoice.LIGHT
        changed.apply_settings(Settings(theme=choice, text_size_px=after.text_size_px))
        found = pictures(changed)
        changed.close()
    finally:
        qapp.setCursorFlashTime(flash)
    assert [name for name, picture in expected.items() if found[name] != picture] == []
