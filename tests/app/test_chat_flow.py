"""The main job as a person does it: the real window, the real engine process, the starter model."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import shiboken6
from PySide6.QtCore import QCoreApplication, QEvent, Qt
from PySide6.QtGui import QGuiApplication
from pytestqt.qtbot import QtBot

from app.conversations.records import Message, MessageState
from app.main import Hearth
from app.paths import locate
from app.settings.file import save
from app.settings.schema import Settings
from app.settings.window_state import WindowState, save_window_state
from app.worker import engine_client, engine_link
from engine.api.events import Statistics
from engine.api.warmth import Tier

_PATIENCE_MILLISECONDS = 120_000
_NEW_IDS = 40  # more than a short message and its template take


class Desk:
    """Hearth as it is started by its user, driven by keys and actions."""

    def __init__(self, qtbot: QtBot) -> None:
        self.qtbot = qtbot
        self.hearth = Hearth(locate())
        self.hearth.start()

    def ask(self, text: str) -> str:
        """Type a message, press Enter, and return the answer once it is complete."""
        count = len(self.messages())
        editor = self.hearth.window.page.composer.editor
        self.qtbot.keyClicks(editor, text)
        self.qtbot.keyClick(editor, Qt.Key.Key_Return)
        self.wait_for_answer(count + 2)
        return self.messages()[-1].content

    def act(self, name: str) -> None:
        """Choose an entry of the menus."""
        action = self.hearth.window.actions_by_name.by_name[name]
        assert action.isEnabled()
        action.trigger()

    def wait_for_answer(self, count: int) -> None:
        """Wait until there are so many messages and nothing is being answered."""
        self.qtbot.waitUntil(
            lambda: (
                len(self.messages()) == count
                and self.messages()[-1].state is MessageState.COMPLETE
                and self.hearth.chat.is_idle
            ),
            timeout=_PATIENCE_MILLISECONDS,
        )

    def messages(self) -> list[Message]:
        """Return what stands in the transcript."""
        model = self.hearth.transcript_model
        return [model.entry(row).message for row in range(model.rowCount())]

    def cost(self) -> Statistics:
        """Return what the last answer cost."""
        statistics = self.messages()[-1].statistics
        assert statistics is not None
        return statistics

    def close(self) -> None:
        """Quit, and wait until everything is saved."""
        if shiboken6.isValid(self.hearth):
            window = self.hearth.window
            window.close()
            self.hearth.shut_down()
            self.hearth.deleteLater()
            window.deleteLater()
            QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


@pytest.fixture
def desks(qtbot: QtBot, starter_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Desk]]:
    """Windows on a home with the starter model; closed in the end.

    An engine that ends is waited for, as it still writes what it knows: a busy machine may take longer than a user.
    """
    monkeypatch.setattr(engine_link, "SHUTDOWN_SECONDS", 100.0)
    monkeypatch.setattr(engine_client, "_STOP_MILLISECONDS", _PATIENCE_MILLISECONDS)
    paths = locate()
    paths.make_folders()
    save(paths.settings_file, Settings(temperature=0.0, maximum_tokens=32))
    save_window_state(paths.window_state_file, WindowState(first_start_done=True))
    opened = [Desk(qtbot)]
    yield opened
    for desk in opened:
        desk.close()


@pytest.mark.timeout(900)
def test_a_chat_is_answered_goes_on_branches_and_is_warm_after_a_restart(qtbot: QtBot, desks: list[Desk]) -> None:
    first = desks[0]
    assert "Paris" in first.ask("What is the capital of France?")
    assert first.cost().reused_tokens == 0
    read = first.cost().prompt_tokens

    answer = first.ask("And what is it famous for?")
    assert answer
    assert first.cost().reused_tokens >= read
    assert first.cost().prefilled_tokens < _NEW_IDS

    first.act("regenerate")
    first.qtbot.waitUntil(lambda: first.hearth.transcript_model.entry(3).versions == 2, timeout=_PATIENCE_MILLISECONDS)
    first.wait_for_answer(4)
    assert first.messages()[-1].content == answer  # the most likely words are the same, read anew or not
    assert first.cost().prefilled_tokens == 1

    first.act("copy_answer")
    assert QGuiApplication.clipboard().text() == answer

    origin = first.hearth.conversations.current_id
    first.act("branch")
    first.qtbot.waitUntil(lambda: first.hearth.conversations.current_id not in (None, origin))
    assert first.ask("Thank you.")
    assert first.cost().prefilled_tokens < _NEW_IDS
    told = [message.content for message in first.messages()]
    used = first.cost().prompt_tokens
    first.close()

    second = Desk(qtbot)
    desks.append(second)
    second.qtbot.waitUntil(lambda: [message.content for message in second.messages()] == told)
    assert second.ask("Say it again, please.")
    assert second.cost().reused_tokens >= used
    assert second.cost().restored_from is Tier.DISK
    assert second.cost().prefilled_tokens < _NEW_IDS + 32
