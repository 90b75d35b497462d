"""A key behind a very long paragraph is drawn with the next frame, and a short text looks as ever."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QFont
from pytestqt.qtbot import QtBot

from app.settings.schema import Settings
from app.settings.schema import Theme as ThemeChoice
from app.widgets.editors.growing_text_edit import GrowingTextEdit
from tests.app.widgets.conftest import Shown

_LONG = "Some words of a long line that goes on and on. " * 4_000
_Strategy = QFont.StyleStrategy


@pytest.fixture
def editor(shown: Shown) -> GrowingTextEdit:
    return shown.window.page.composer.editor


def _is_quick(editor: GrowingTextEdit) -> bool:
    """Return whether Qt keeps what it found out of the last paragraph, and shapes no letters without need."""
    keeps = editor.document().lastBlock().layout().cacheEnabled()
    return keeps and editor.document().defaultFont().styleStrategy() == _Strategy.PreferNoShaping


def test_a_long_paragraph_is_laid_out_the_quick_way_until_it_is_gone(qtbot: QtBot, editor: GrowingTextEdit) -> None:
    before = editor.document().defaultFont()
    editor.set_text("fi ffi, as ever")
    assert not _is_quick(editor)
    editor.set_text(_LONG)
    assert _is_quick(editor)
    now = editor.document().defaultFont()
    assert (now.families(), now.pixelSize(), now.weight()) == (before.families(), before.pixelSize(), before.weight())
    editor.selectAll()
    qtbot.keyClick(editor, Qt.Key.Key_Delete)
    assert editor.document().defaultFont().styleStrategy() == before.styleStrategy()
    editor.undo()
    assert _is_quick(editor)


def test_that_outlives_another_look(qtbot: QtBot, shown: Shown, editor: GrowingTextEdit) -> None:
    editor.insert(_LONG)
    shown.window.apply_settings(Settings(theme=ThemeChoice.DARK, text_size_px=20))
    qtbot.keyClick(editor, Qt.Key.Key_X)
    assert _is_quick(editor)
    assert editor.document().defaultFont().pixelSize() == 20


@pytest.mark.parametrize("letter", ["ع", "ש", "न", "ไ", "e\u0301", "👩\u200d🚒"])
def test_letters_that_are_joined_stay_joined(editor: GrowingTextEdit, letter: str) -> None:
    editor.set_text(f"{_LONG}ßя漢한—→")
    assert _is_quick(editor)
    editor.insert(f"\n{letter}")
    assert editor.document().defaultFont().styleStrategy() == _Strategy.PreferDefault
    editor.set_text("")
    editor.set_text(_LONG)
    assert _is_quick(editor)
