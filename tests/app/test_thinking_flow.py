"""The switch for thinking in the whole window: a click, a menu's entry or a command, and the next answer follows."""

import msgspec
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from app.conversations.store import ConversationStore
from app.paths import locate
from engine.api.sampling import Sampling, ThinkingChoice
from tests.app.whole import Whole, opened
from tests.engine_scripts import Script

OFF, ON, LOW, MEDIUM, HIGH = ThinkingChoice
SWITCH = Script(thinking="A capital.", answer="Paris.", thinking_choices=(OFF, ON), thinking_by_default=ON)
LEVELS = Script(thinking_choices=(LOW, MEDIUM, HIGH), thinking_by_default=MEDIUM)
THOUGHT = "<think>\nA capital.\n</think>\n\nParis."


def ask(window: Whole) -> str:
    """Return the next answer."""
    count = len(window.texts())
    window.say("Capital?")
    window.wait(lambda: len(window.texts()) == count + 2 and window.hearth.chat.is_idle)
    return window.texts()[-1]


def commands(window: Whole) -> list[str]:
    return [entry.title for entry in window.hearth.palette._commands() if "hink" in entry.title]


def test_one_click_and_the_next_answers_do_not_think(qtbot: QtBot, windows: list[Whole]) -> None:
    window = opened(qtbot, windows, SWITCH)
    button = window.composer.thinking_button
    assert not button.isHidden()
    assert button.isChecked()
    assert ask(window) == THOUGHT
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert not button.isChecked()
    assert window.composer.own_button.text() == "Conversation settings", "the switch says it itself"
    assert ask(window) == "Paris."
    window.until_kept()
    store = ConversationStore(locate().database)
    (conversation,) = store.list_conversations()
    store.close()
    assert conversation.sampling == Sampling(thinking=OFF)
    window.hearth.window.actions_by_name.new.trigger()
    assert button.isChecked()
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert ask(window) == "Paris.", "what was chosen before the first message"


def test_menu_and_palette_have_what_the_model_has(qtbot: QtBot, windows: list[Whole]) -> None:
    window = opened(qtbot, windows, SWITCH)
    actions = window.hearth.window.actions_by_name
    assert commands(window) == ["Conversation: Answer without thinking", "Conversation: Think before answering"]
    assert actions.think_on.isChecked()
    actions.think_off.trigger()
    assert not window.composer.thinking_button.isChecked()
    actions.think_off.trigger()
    assert actions.think_off.isChecked(), "chosen twice it is still chosen"
    assert ask(window) == "Paris."
    plan = window.hearth.checkpoints.plan
    assert plan is not None
    window.hearth.checkpoints.plan_changed.emit(msgspec.structs.replace(plan, thinking_choices=()))
    assert window.composer.thinking_button.isHidden()
    assert commands(window) == []
    menu = actions.menus["thinking"].menuAction()
    assert not menu.isEnabled()
    assert menu.text() == "Thin&king (only models with a switch for it)"


def test_levels_are_chosen_in_the_buttons_menu(qtbot: QtBot, windows: list[Whole]) -> None:
    window = opened(qtbot, windows, LEVELS)
    button = window.composer.thinking_button
    assert button.accessibleName() == "Thinking: Medium"
    menu = button.menu()
    next(action for action in menu.actions() if action.text() == "High").trigger()
    assert button.accessibleName() == "Thinking: High"
    ask(window)
    assert window.hearth.chat.runner._command.sampling.thinking is HIGH
    assert commands(window)[0] == "Conversation: Think before answering: low"


def test_a_model_whose_own_way_is_no_level_is_left_to_it_again(qtbot: QtBot, windows: list[Whole]) -> None:
    window = opened(qtbot, windows, Script(thinking_choices=(LOW, HIGH)))
    actions, button = window.hearth.window.actions_by_name, window.composer.thinking_button
    assert actions.think_as_model.isChecked()
    actions.think_high.trigger()
    assert button.accessibleName() == "Thinking: High"
    assert commands(window)[0] == "Conversation: Leave thinking to the model"
    actions.think_as_model.trigger()
    assert button.accessibleName() == "Thinking: Auto"
    ask(window)
    assert window.hearth.chat.runner._command.sampling.thinking is None


def test_the_settings_decide_where_the_conversation_does_not(qtbot: QtBot, windows: list[Whole]) -> None:
    window = opened(qtbot, windows, SWITCH)
    window.hearth.settings.change(("thinking", OFF))
    assert not window.composer.thinking_button.isChecked()
    assert ask(window) == "Paris."
    own = window.hearth.model_settings.own
    own.open()
    own.change(("thinking", "on"))
    assert window.composer.thinking_button.isChecked()
    assert ask(window) == THOUGHT
