"""The settings of one model as they are shown and changed."""

import msgspec
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QLabel
from pytestqt.qtbot import QtBot

from app.settings.schema import Settings
from app.widgets.basics.theme import Theme
from app.widgets.settings.conversation_settings_dialog import ConversationSettingsDialog
from app.widgets.settings.model_settings_dialog import ModelSettingsDialog
from app.widgets.settings.own_settings_dialog import OwnSettingsDialog
from app.widgets.settings.setting_controls import NumberControl
from engine.api.plan import PrecisionChoice
from engine.api.sampling import ThinkingChoice

SETTINGS = msgspec.structs.replace(Settings(), temperature=0.5, precision=PrecisionChoice.INT8)


def made(qtbot: QtBot) -> ModelSettingsDialog:
    dialog = ModelSettingsDialog("<b>Model</b>", SETTINGS)
    qtbot.addWidget(dialog)
    dialog.show_values({})
    dialog.show()
    return dialog


def follows(dialog: OwnSettingsDialog, key: str) -> str:
    control = dialog.rows[key].control
    assert isinstance(control, NumberControl)
    return control._line.placeholderText()


def precision(dialog: ModelSettingsDialog) -> QComboBox:
    box = dialog.rows["precision"].control.widget
    assert isinstance(box, QComboBox)
    return box


def test_fields_say_what_they_follow_or_that_they_are_set_here(qtbot: QtBot, theme: Theme) -> None:
    dialog = made(qtbot)
    assert follows(dialog, "temperature") == "As in the settings: 0.5"
    assert precision(dialog).currentText() == "As in the settings: Half size (INT8)"
    assert all(row.origin.isHidden() and row.reset_button.isHidden() for row in dialog.rows.values())
    dialog.show_values({"temperature": 0.9, "precision": "int4"})
    assert precision(dialog).currentText() == "Smallest (INT4)"
    for key in ("temperature", "precision"):
        row = dialog.rows[key]
        assert (row.origin.text(), row.origin.isVisible()) == ("Set for this model.", True)
        assert row.reset_button.isVisible()
    assert any("<b>Model</b>" in label.text() for label in dialog.findChildren(QLabel))


def test_choosing_what_the_settings_say_is_a_reset(qtbot: QtBot, theme: Theme) -> None:
    dialog = made(qtbot)
    changed: list[object] = []
    dialog.changed.connect(changed.append)
    precision(dialog).activated.emit(4)
    precision(dialog).activated.emit(0)
    assert changed == [("precision", "int8"), ("precision", None)]


def test_what_waits_for_a_reload_says_so_with_the_button(qtbot: QtBot, theme: Theme) -> None:
    dialog = made(qtbot)
    dialog.rows["seed"].changed.emit(("seed", 7))
    assert dialog.reload_note.isHidden()
    dialog.rows["context_tokens"].changed.emit(("context_tokens", 4096))
    assert dialog.reload_note.isVisible()
    with qtbot.waitSignal(dialog.reload_requested):
        dialog.reload_note.button.click()
    assert dialog.reload_note.isHidden()


def test_reloading_by_keyboard_leaves_it_where_the_change_was_made(qtbot: QtBot, theme: Theme) -> None:
    """Enter pressed twice on the button must not reset what was chosen."""
    dialog = made(qtbot)
    dialog.activateWindow()
    dialog.show_values({"precision": "int4"})
    precision(dialog).setFocus()
    qtbot.waitUntil(precision(dialog).hasFocus)
    qtbot.keyClick(precision(dialog), Qt.Key.Key_Up)
    for _ in range(100):
        if dialog.reload_note.button.hasFocus():
            break
        qtbot.keyClick(dialog.focusWidget(), Qt.Key.Key_Tab)
    assert dialog.reload_note.button.hasFocus()
    with qtbot.waitSignal(dialog.reload_requested):
        qtbot.keyClick(dialog.reload_note.button, Qt.Key.Key_Space)
    assert dialog.focusWidget() is precision(dialog)


def test_thinking_is_as_the_model_does_until_something_is_chosen(qtbot: QtBot, theme: Theme) -> None:
    dialog = made(qtbot)
    box = dialog.rows["thinking"].control.widget
    assert isinstance(box, QComboBox)
    choices = [box.itemText(place) for place in range(box.count())]
    assert choices == ["As in the settings: Automatic (as the model does)", "Off", "On", "Low", "Medium", "High"]
    changed: list[object] = []
    dialog.changed.connect(changed.append)
    box.activated.emit(4)
    assert changed == [("thinking", "medium")]
    dialog.show_values({"thinking": ThinkingChoice.MEDIUM})
    assert box.currentText() == "Medium"
    dialog.show_values({})
    assert box.currentIndex() == 0


def test_a_conversation_names_the_model_where_it_follows_it(qtbot: QtBot, theme: Theme) -> None:
    dialog = ConversationSettingsDialog(SETTINGS, by_model={"temperature"})
    qtbot.addWidget(dialog)
    assert follows(dialog, "temperature") == "As set for this model: 0.5"
    assert follows(dialog, "seed") == "As in the settings: A new one each time"
