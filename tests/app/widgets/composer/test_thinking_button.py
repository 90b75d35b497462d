"""The switch for thinking in the composer: a button that is pressed or not, or a menu where there are levels."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMenu
from pytestqt.qtbot import QtBot

from app.models.thinking_switch import ThinkingSwitch
from app.widgets.basics.theme import DARK, Theme
from app.widgets.composer.composer import Composer
from engine.api.sampling import ThinkingChoice

OFF, ON, LOW, MEDIUM, HIGH = ThinkingChoice
LEVELS = (OFF, LOW, MEDIUM, HIGH)
_WIDE_PX, _NARROW_PX = 760, 360


@pytest.fixture
def composer(qtbot: QtBot, theme: Theme) -> Composer:
    widget = Composer(theme)
    qtbot.addWidget(widget)
    widget.resize(_WIDE_PX, 120)
    with qtbot.waitExposed(widget):
        widget.show()
    return widget


@pytest.fixture
def chosen(composer: Composer) -> list[object]:
    choices: list[object] = []
    composer.thinking_chosen.connect(choices.append)
    return choices


def test_it_is_there_only_where_the_model_has_one(composer: Composer) -> None:
    assert composer.thinking_button.isHidden()
    composer.set_thinking(ThinkingSwitch((OFF, ON), ON, ON))
    assert composer.thinking_button.isVisible()
    composer.set_thinking(None)
    assert composer.thinking_button.isHidden()


def test_on_and_off_is_a_button_that_is_pressed_or_not(qtbot: QtBot, composer: Composer, chosen: list[object]) -> None:
    button = composer.thinking_button
    composer.set_thinking(ThinkingSwitch((OFF, ON), ON, ON))
    assert (button.text().strip(), button.isChecked(), button.menu()) == ("Think", True, None)
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert chosen == [OFF, ON]
    composer.set_thinking(ThinkingSwitch((OFF, ON), None, ON))
    assert not button.isChecked()


def test_levels_are_a_menu_that_says_which_is_in_force(composer: Composer, chosen: list[object]) -> None:
    composer.set_thinking(ThinkingSwitch(LEVELS, MEDIUM, MEDIUM))
    button = composer.thinking_button
    assert button.text().strip() == "Think: Medium"
    assert button.accessibleName() == "Thinking: Medium"
    assert "Thinking: Medium" in button.toolTip()
    assert "Medium" not in button.accessibleDescription(), "it was in the name"
    menu = button.menu()
    assert isinstance(menu, QMenu)
    actions = menu.actions()
    assert [action.text() for action in actions] == ["Off", "Low", "Medium (default)", "High"]
    for place in (2, 3):
        actions[place].trigger()
        assert actions[place].isChecked(), "also what was chosen already"
    assert chosen == [MEDIUM, HIGH]
    composer.set_thinking(ThinkingSwitch(LEVELS, HIGH, MEDIUM))
    assert [action.isChecked() for action in actions] == [False, False, False, True]


@pytest.mark.parametrize("choices", [LEVELS, (OFF, ON)])
def test_what_the_model_does_by_itself_can_be_gone_back_to(
    composer: Composer, chosen: list[object], choices: tuple[ThinkingChoice, ...]
) -> None:
    composer.set_thinking(ThinkingSwitch(choices, OFF, None))
    button = composer.thinking_button
    assert button.text().strip() == "Think: Off"
    menu = button.menu()
    assert isinstance(menu, QMenu)
    assert [action.text() for action in menu.actions()][:2] == ["Automatic (as the model does)", "Off"]
    menu.actions()[0].trigger()
    assert chosen == [None]
    composer.set_thinking(ThinkingSwitch(choices, None, None))
    assert button.accessibleName() == "Thinking: Auto"
    assert menu.actions()[0].isChecked()
    composer.set_thinking(ThinkingSwitch(choices, OFF, OFF))
    usual = button.menu().actions() if button.menu() is not None else []
    assert [action.text() for action in usual][:1] == (["Off (default)"] if choices is LEVELS else [])


def test_another_model_may_have_another_switch(composer: Composer) -> None:
    composer.set_thinking(ThinkingSwitch(LEVELS, None, None))
    assert composer.thinking_button.text().strip() == "Think: Auto"
    composer.set_thinking(ThinkingSwitch((OFF, ON), ON, ON))
    assert composer.thinking_button.menu() is None
    assert composer.thinking_button.isChecked()


@pytest.mark.parametrize("size_px", [15, 24])
def test_a_narrow_composer_is_left_to_the_text(qtbot: QtBot, composer: Composer, size_px: int) -> None:
    composer.set_theme(DARK.with_text_size(size_px))
    composer.set_thinking(ThinkingSwitch(LEVELS, MEDIUM, MEDIUM))
    button = composer.thinking_button
    composer.resize(_NARROW_PX, 120)
    assert button.toolButtonStyle() is Qt.ToolButtonStyle.ToolButtonIconOnly
    assert button.width() == button.height()
    assert composer.width() == _NARROW_PX
    qtbot.waitUntil(lambda: composer.editor.width() > _NARROW_PX // 2)
    composer.resize(_WIDE_PX, 120)
    assert button.toolButtonStyle() is Qt.ToolButtonStyle.ToolButtonTextBesideIcon


def test_the_keyboard_comes_to_it_and_is_not_lost_with_it(qtbot: QtBot, composer: Composer) -> None:
    composer.activateWindow()
    composer.set_thinking(ThinkingSwitch((OFF, ON), ON, ON))
    composer.editor.setFocus()
    qtbot.waitUntil(composer.editor.hasFocus)
    qtbot.keyClick(composer.editor, Qt.Key.Key_Tab)
    assert composer.thinking_button.hasFocus()
    composer.set_thinking(None)
    assert composer.editor.hasFocus()
