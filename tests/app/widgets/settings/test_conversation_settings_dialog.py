"""The settings of one conversation as they are shown and changed."""

import msgspec
from pytestqt.qtbot import QtBot

from app.settings.schema import Settings
from app.widgets.basics.theme import Theme
from app.widgets.settings.conversation_settings_dialog import ConversationSettingsDialog
from app.widgets.settings.setting_controls import LongTextControl, NumberControl

SETTINGS = msgspec.structs.replace(Settings(), temperature=0.5, system_prompt="Be kind.")


def make(qtbot: QtBot) -> tuple[ConversationSettingsDialog, list[object], list[object]]:
    dialog = ConversationSettingsDialog(SETTINGS)
    qtbot.addWidget(dialog)
    changed: list[object] = []
    reset: list[object] = []
    dialog.changed.connect(changed.append)
    dialog.reset_requested.connect(reset.append)
    dialog.show()
    return dialog, changed, reset


def test_fields_say_what_they_follow_and_only_own_ones_can_be_reset(qtbot: QtBot, theme: Theme) -> None:
    dialog, _, reset = make(qtbot)
    dialog.show_values({"seed": 7})
    line = dialog.rows["temperature"].control
    assert isinstance(line, NumberControl)
    assert line._line.text() == ""
    assert line._line.placeholderText() == "As in the settings: 0.5"
    assert dialog.rows["temperature"].reset_button.isHidden()
    dialog.rows["seed"].reset_button.click()
    assert reset == ["seed"]
    box = dialog.rows["system_prompt"].control
    assert isinstance(box, LongTextControl)
    assert box._box.toPlainText() == "Be kind."
    assert dialog.rows["system_prompt"].reset_button.isHidden()


def test_what_was_typed_a_moment_ago_is_not_lost_by_closing(qtbot: QtBot, theme: Theme) -> None:
    dialog, changed, _ = make(qtbot)
    dialog.show_values({})
    box = dialog.rows["system_prompt"].control
    assert isinstance(box, LongTextControl)
    box._box.setPlainText("Be brief.")
    dialog.reject()
    assert changed == [("system_prompt", "Be brief.")]


def test_writing_begins_in_the_first_field(qtbot: QtBot, theme: Theme) -> None:
    dialog, _, _ = make(qtbot)
    assert dialog.focusWidget() is dialog.rows["system_prompt"].control.widget
