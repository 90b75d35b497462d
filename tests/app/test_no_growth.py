"""A window that is used all day stays as it was: what was opened and closed again leaves no object of Qt behind."""

import gc
from collections import Counter
from collections.abc import Callable

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QObject
from PySide6.QtWidgets import QApplication, QDialog
from pytestqt.qtbot import QtBot

from tests.app.whole import Whole, opened
from tests.engine_scripts import Script

SCRIPT = Script(
    answer="# Title\n\nOne [link](https://example.org/a), `code` and $x^2$.\n\n```python\nx = 1\n```\n\n"
    "| a | b |\n|---|---|\n| 1 | 2 |\n\n- one\n- two",
    thinking="They want something.",
)
ROUNDS = 3
_DIALOGS = ("settings", "memory", "keys", "about", "licences", "report", "show_prompt", "conversation_settings")


class Day:
    """What somebody does with a window, in rounds that end where they began: at the first conversation."""

    def __init__(self, whole: Whole) -> None:
        self.whole, self.window = whole, whole.hearth.window
        self.models = self.window.pages.models  # made now, instead of a second after the start, which may be any time
        self.ids = [self._begun() for _ in range(3)]
        self.reopen(self.ids[0])

    def _begun(self) -> str:
        self.window.begin_new()
        self.answer()
        current = self.whole.hearth.conversations.current_id
        assert current is not None
        return current

    def answer(self) -> None:
        """Ask and be answered."""
        count = self.whole.hearth.transcript_model.rowCount()
        self.whole.say("Hello")
        self.whole.wait(lambda: self.whole.hearth.transcript_model.rowCount() == count + 2)
        self.whole.wait(lambda: self.whole.hearth.chat.is_idle)

    def reopen(self, conversation_id: str) -> None:
        """Go to a conversation and wait for its messages."""
        self.window.open_conversation(conversation_id)
        self.whole.wait(lambda: self.whole.hearth.conversations.current_id == conversation_id)
        self.whole.wait(lambda: self.whole.hearth.transcript_model.rowCount() >= 2)
        turn()

    def answers(self) -> None:
        """Have two more answers at the end of the last conversation."""
        self.reopen(self.ids[-1])
        self.answer()
        self.answer()
        self.reopen(self.ids[0])

    def switches(self) -> None:
        """Look at every conversation."""
        for conversation_id in (*self.ids[1:], self.ids[0]):
            self.reopen(conversation_id)

    def dialogs(self) -> None:
        """Open each and close it."""
        for name in _DIALOGS:
            getattr(self.window.actions_by_name, name).trigger()
            turn()
            shown = [each for each in QApplication.topLevelWidgets() if isinstance(each, QDialog) and each.isVisible()]
            assert shown, name
            for dialog in shown:
                dialog.close()
            turn()

    def pages(self) -> None:
        """Look at the models, the palette, another theme, and what is found."""
        self.window.show_models()
        turn()
        self.window.show_chat()
        self.window.actions_by_name.search.trigger()
        turn()
        self.whole.hearth.palette.palette.close()
        for theme in ("dark", "light"):
            self.whole.hearth.settings.change(("theme", theme))
            turn()
        finder = self.window.page.finder
        finder.open()
        finder.bar.field.setText("code")
        self.whole.wait(lambda: not finder.search.is_searching)
        finder.close()


def turn() -> None:
    """Let come what was put off, and go what was to be deleted."""
    for _ in range(5):
        QApplication.processEvents()
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def alive(hearth: QObject) -> Counter[str]:
    """Count the objects of all windows and of the program's root by their class."""
    gc.collect()
    turn()
    waiting: list[QObject] = [*QApplication.topLevelWidgets(), hearth]
    found: Counter[str] = Counter()
    while waiting:
        each = waiting.pop()
        found[type(each).__name__] += 1
        waiting += each.children()
    return found


@pytest.mark.parametrize("act", [Day.answers, Day.switches, Day.dialogs, Day.pages])
def test_what_is_done_again_and_again_leaves_nothing_behind(
    qtbot: QtBot, windows: list[Whole], act: Callable[[Day], None]
) -> None:
    whole = opened(qtbot, windows, SCRIPT)
    day = Day(whole)
    act(day)
    act(day)  # what is kept to be opened again is there now
    before = alive(whole.hearth)
    for _ in range(ROUNDS):
        act(day)
    grown: Counter[str] = Counter()

    def has_not_grown() -> bool:
        nonlocal grown
        grown = alive(whole.hearth) - before
        return not grown

    try:
        qtbot.waitUntil(has_not_grown)
    finally:
        assert not grown
