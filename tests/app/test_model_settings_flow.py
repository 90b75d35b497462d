"""Settings of one model in the whole window: found in menu and model picker, told to new conversations, reloaded."""

from collections.abc import Iterator

import pytest
from pytestqt.qtbot import QtBot

from app.conversations.store import ConversationStore
from app.paths import locate
from app.settings.file import load
from app.settings.model_settings import ModelSettings
from app.widgets.settings.model_settings_dialog import ModelSettingsDialog
from engine.api.plan import Precision
from tests.app.whole import Whole


@pytest.fixture
def window(qtbot: QtBot) -> Iterator[Whole]:
    whole = Whole(qtbot, "echo")
    whole.wait(lambda: whole.hearth.checkpoints.plan is not None)
    yield whole
    whole.end()


def open_dialog(window: Whole) -> ModelSettingsDialog:
    window.hearth.window.actions_by_name.model_settings.trigger()
    dialog = window.hearth.model_settings.dialog
    assert isinstance(dialog, ModelSettingsDialog)
    return dialog


def test_they_are_in_the_model_picker_beside_reload(window: Whole) -> None:
    menu = window.hearth.window.model_button.build_menu()
    words = [action.text() for action in menu.actions() if action.text()]
    assert words.index("Settings for this model") == words.index("Reload") - 1
    next(action for action in menu.actions() if action.text() == "Settings for this model").trigger()
    assert window.hearth.model_settings.dialog is not None
    window.hearth.model_settings.dialog.close()
    assert window.hearth.model_settings.dialog is None
    menu.close()


def test_instructions_and_sampling_are_used_and_kept(window: Whole) -> None:
    dialog = open_dialog(window)
    dialog.rows["system_prompt"].changed.emit(("system_prompt", "Speak like a pirate."))
    dialog.rows["maximum_tokens"].changed.emit(("maximum_tokens", 2))
    assert dialog.rows["maximum_tokens"].origin.text() == "Set for this model."
    dialog.close()
    window.say("Hello there")
    window.wait(lambda: window.texts() == ["Hello there", "You said:"] and window.hearth.chat.is_idle)
    reference = window.hearth.checkpoints.reference
    assert window.hearth.settings.finish()
    assert load(locate().settings_file)[0].models == {
        reference: ModelSettings(system_prompt="Speak like a pirate.", maximum_tokens=2)
    }
    store = ConversationStore(locate().database)
    (conversation,) = store.list_conversations()
    store.close()
    assert conversation.system_prompt == "Speak like a pirate."


def test_precision_waits_for_the_reload_that_its_button_does(window: Whole) -> None:
    dialog = open_dialog(window)
    dialog.rows["precision"].changed.emit(("precision", "int8"))
    plan = window.hearth.checkpoints.plan
    assert plan is not None
    assert plan.precision is Precision.BF16
    assert dialog.reload_note.isVisible()
    dialog.reload_note.button.click()
    window.wait(lambda: (now := window.hearth.checkpoints.plan) is not None and now.precision is Precision.INT8)
    dialog.close()
