"""A window on invented models, and the look that all widgets expect."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from PySide6.QtCore import Qt, QTranslator
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent, QAccessibleEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app import language
from app.models.checkpoint_list_model import CheckpointListModel
from app.models.conversation_list_model import ConversationListModel
from app.models.transcript_model import TranscriptModel
from app.settings.schema import Settings
from app.settings.schema import Theme as ThemeChoice
from app.settings.values import Language
from app.widgets.basics import languages
from app.widgets.basics.fonts import load_fonts
from app.widgets.basics.theme import LIGHT, Theme, apply_theme, theme_for
from app.widgets.text import code_colours
from app.widgets.transcript import message_body
from app.widgets.transcript.message_body import MessageBody
from app.widgets.transcript.transcript import Transcript
from app.widgets.window.main_window import MainWindow
from tests.app.widgets.demo_conversation import NOW, conversations
from tests.app.widgets.message_probe import MakeBody

Said = list[tuple[str, bool]]

_LOADED: list[bool] = []


@pytest.fixture(autouse=True)
def patient_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Code that is slow to colour is given up, but not here: it may be the machine that is slow."""
    for name in ("_LONGEST_SLICE_SECONDS", "_LONGEST_PASS_SECONDS"):
        monkeypatch.setattr(code_colours, name, math.inf)


@pytest.fixture(autouse=True)
def patient_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    """A text that takes long to read is read in steps, but not here, unless that is what is looked at."""
    for name in ("_READING_SECONDS", "_FIRST_SECONDS"):
        monkeypatch.setattr(message_body, name, math.inf)


@pytest.fixture
def theme(qapp: QApplication) -> Theme:
    """The light look, given to the application."""
    if not _LOADED:
        load_fonts()
        _LOADED.append(True)
    light = theme_for("light")
    apply_theme(qapp, light)
    return light


@pytest.fixture
def listed() -> ConversationListModel:
    """The invented conversations, as the list shows them."""
    model = ConversationListModel(clock=lambda: NOW)
    model.set_conversations(conversations())
    return model


@dataclass
class Shown:
    """The window with its models, and what it asked for."""

    window: MainWindow
    transcript: TranscriptModel
    conversations: ConversationListModel
    checkpoints: CheckpointListModel
    asked: list[tuple[str, object]] = field(default_factory=list)

    def asked_for(self, name: str) -> list[object]:
        """Return what was asked under one signal's name."""
        return [value for asked, value in self.asked if asked == name]


_VALUED = [
    "send_requested",
    "open_requested",
    "rename_requested",
    "delete_requested",
    "regenerate_requested",
    "edit_requested",
    "continue_requested",
    "version_requested",
    "branch_requested",
    "load_requested",
    "notice_action_requested",
    "settings_changed",
    "setting_reset_requested",
    "draft_changed",
    "queue_removed",
    "queue_edit_requested",
]
_BARE = [
    "stop_requested",
    "new_requested",
    "unload_requested",
    "reload_requested",
    "quit_requested",
    "restart_requested",
]


@pytest.fixture
def shown(qtbot: QtBot, theme: Theme) -> Iterator[Shown]:
    """An open window of 1100 x 760."""
    transcript, checkpoints = TranscriptModel(), CheckpointListModel()
    conversations = ConversationListModel(clock=lambda: NOW)
    window = MainWindow(transcript, conversations, checkpoints, Settings(theme=ThemeChoice.LIGHT))
    qtbot.addWidget(window)
    result = Shown(window, transcript, conversations, checkpoints)
    for name in _VALUED:
        getattr(window, name).connect(lambda value, name=name: result.asked.append((name, value)))
    for name in _BARE:
        getattr(window, name).connect(lambda name=name: result.asked.append((name, None)))
    with qtbot.waitExposed(window):
        window.show()
    yield result
    window.close()


@pytest.fixture
def page(qtbot: QtBot, theme: Theme) -> Transcript:
    """An open page of messages of 840 x 600 on a model of its own (page.view, page_model)."""
    model = TranscriptModel()
    widget = Transcript(model, theme)
    model.setParent(widget)
    qtbot.addWidget(widget)
    widget.resize(840, 600)
    with qtbot.waitExposed(widget):
        widget.show()
    return widget


@pytest.fixture
def page_model(page: Transcript) -> TranscriptModel:
    """The model of `page`."""
    model = page.findChild(TranscriptModel)
    assert isinstance(model, TranscriptModel)
    return model


@pytest.fixture
def make_body(qtbot: QtBot) -> MakeBody:
    application = QApplication.instance()
    assert isinstance(application, QApplication)
    load_fonts()
    apply_theme(application, LIGHT)

    def make(text: str) -> MessageBody:
        body = MessageBody(LIGHT)
        qtbot.addWidget(body)
        body.resize(600, 400)
        body.show()
        body.set_text(text)
        return body

    return make


@pytest.fixture
def german(qapp: QApplication) -> Iterator[None]:
    """Everything that is made now is German."""
    before = set(qapp.findChildren(QTranslator))
    languages.install(qapp, Language.GERMAN)
    yield
    for translator in set(qapp.findChildren(QTranslator)) - before:
        qapp.removeTranslator(translator)
        translator.deleteLater()
    qapp.setLayoutDirection(Qt.LayoutDirection.LeftToRight)
    languages.install(qapp, Language.ENGLISH)
    language.use(None)


@pytest.fixture
def mirrored(qapp: QApplication) -> Iterator[None]:
    """Everything that is made now is read from right to left."""
    qapp.setLayoutDirection(Qt.LayoutDirection.RightToLeft)
    yield
    qapp.setLayoutDirection(Qt.LayoutDirection.LeftToRight)


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> Said:
    """Each sentence that is handed to Qt for the screen reader, and whether it interrupts."""
    words: Said = []

    def update(event: QAccessibleEvent) -> None:
        if isinstance(event, QAccessibleAnnouncementEvent):
            is_urgent = event.politeness() == QAccessible.AnnouncementPoliteness.Assertive
            words.append((event.message(), is_urgent))

    monkeypatch.setattr(QAccessible, "updateAccessibility", update)
    return words
