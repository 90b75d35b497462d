from itertools import pairwise
from typing import TypeVar

import msgspec
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QApplication, QCheckBox, QComboBox, QLineEdit, QPlainTextEdit, QScrollArea, QSpinBox
from pytestqt.qtbot import QtBot

from app import language
from app.models.checkpoint_list_model import CheckpointListModel
from app.settings.model_settings import ModelSettings
from app.settings.schema import DOWNLOADS, FIELDS, MEMORY, PAGES, Settings
from app.settings.values import Language
from app.settings.values import Theme as ThemeChoice
from app.widgets.basics.theme import Theme
from app.widgets.settings.setting_controls import FoldersControl
from app.widgets.settings.setting_row import SettingRow
from app.widgets.settings.settings_dialog import SettingsDialog
from engine.api.checkpoint import CheckpointKind, LocalCheckpoint

T = TypeVar("T")


@pytest.fixture
def dialog(qtbot: QtBot, theme: Theme) -> SettingsDialog:
    widget = SettingsDialog(Settings())
    qtbot.addWidget(widget)
    with qtbot.waitExposed(widget):
        widget.show()
    return widget


def changes(dialog: SettingsDialog) -> list[object]:
    seen: list[object] = []
    dialog.changed.connect(seen.append)
    return seen


def control(dialog: SettingsDialog, key: str, kind: type[T]) -> T:
    widget = dialog.row(key).control.widget
    assert isinstance(widget, kind)
    return widget


def test_every_setting_has_a_row_on_its_page(qtbot: QtBot, dialog: SettingsDialog) -> None:
    for number, page in enumerate(PAGES):
        dialog.pages.setCurrentRow(number)
        shown = [row.field.key for row in dialog.rows if row.isVisible()]
        assert shown == [field.key for field in FIELDS if field.page == page]


def test_a_name_has_the_line_for_itself_until_its_setting_can_be_reset(dialog: SettingsDialog) -> None:
    dialog.pages.setCurrentRow(list(PAGES).index(MEMORY))
    QApplication.processEvents()
    row = dialog.row("warm_gpu_gib")
    assert row.label.width() == row.width()
    height = row.height()
    row.show_value(2.0)
    QApplication.processEvents()
    assert row.label.width() <= row.width() - row.reset_button.width()
    assert row.height() == height


def test_only_the_first_page_is_made_before_the_dialog_is_seen(qtbot: QtBot, theme: Theme) -> None:
    dialog = SettingsDialog(Settings())
    qtbot.addWidget(dialog)
    first = [field for field in FIELDS if field.page == PAGES[0]]
    assert len(dialog.findChildren(SettingRow)) == len(first)
    with qtbot.waitExposed(dialog):
        dialog.show()
    counts = []
    while len(dialog.findChildren(SettingRow)) < len(FIELDS):
        counts.append(len(dialog.findChildren(SettingRow)))
        QApplication.processEvents()
    assert max(later - before for before, later in pairwise(counts)) <= 1, "a row a turn"
    assert [row.field.key for row in dialog.rows if row.isVisible()] == [field.key for field in first]


def test_a_row_that_is_asked_for_early_stands_in_its_place(qtbot: QtBot, theme: Theme) -> None:
    dialog = SettingsDialog(Settings(temperature=0.5))
    qtbot.addWidget(dialog)
    for field in reversed(FIELDS):
        assert dialog.row(field.key).field is field
    line = dialog.row("temperature").control.widget
    assert isinstance(line, QLineEdit)
    assert line.text() == "0.5"
    column = dialog.rows[0].parentWidget().layout()
    places = {column.itemAt(place).widget(): place for place in range(column.count())}
    assert [places[row] for row in dialog.rows] == sorted(places[row] for row in dialog.rows)
    assert places[dialog.connection] == min(places[row] for row in dialog.rows if row.field.page == DOWNLOADS) - 1
    dialog.pages.setCurrentRow(PAGES.index(MEMORY))
    assert column.indexOf(dialog.memory) == column.count() - 1


def test_tab_goes_from_top_to_bottom_whichever_row_was_made_first(qtbot: QtBot, theme: Theme) -> None:
    dialog = SettingsDialog(Settings())
    qtbot.addWidget(dialog)
    dialog.row("system_prompt")
    dialog.pages.setCurrentRow(PAGES.index(MEMORY))
    with qtbot.waitExposed(dialog):
        dialog.show()
    qtbot.waitUntil(lambda: len(dialog.findChildren(SettingRow)) == len(FIELDS))
    QApplication.processEvents()
    dialog.search.setText("e")
    dialog.rows[0].control.widget.setFocus()
    heights = []
    for _ in range(len(FIELDS)):
        focused = QApplication.focusWidget()
        assert focused is not None
        if focused.mapTo(dialog, QPoint()).x() > dialog.search.width():
            heights.append(focused.mapTo(dialog.memory.parentWidget(), QPoint()).y())
        qtbot.keyClick(focused, Qt.Key.Key_Tab)
    assert heights == sorted(heights)
    assert len(heights) > len(FIELDS) // 2


def test_the_search_looks_on_all_pages(dialog: SettingsDialog) -> None:
    dialog.search.setText("word likely")
    assert {row.field.key for row in dialog.rows if row.isVisible()} >= {"temperature", "top_k", "min_p"}
    dialog.search.setText("nothing like this")
    assert dialog.nothing.isVisible()
    assert dialog.heading.text() == "Nothing found", "not Found above a sentence that says otherwise"
    dialog.search.setText("")
    assert not dialog.nothing.isVisible()


def test_what_waits_for_a_restart_offers_it(qtbot: QtBot, dialog: SettingsDialog) -> None:
    assert dialog.restart_note.isHidden()
    language = dialog.row("language").control.widget
    assert isinstance(language, QComboBox)
    language.activated.emit(language.findText("Deutsch"))
    assert dialog.restart_note.isVisible()
    assert dialog.reload_note.isHidden()
    with qtbot.waitSignal(dialog.restart_requested):
        dialog.restart_note.button.click()
    assert dialog.restart_note.isHidden()


def test_another_model_at_start_waits_for_a_start_and_no_reload_brings_it(dialog: SettingsDialog) -> None:
    start = control(dialog, "checkpoint", QLineEdit)
    start.setText("somebody/another-model")
    start.editingFinished.emit()
    assert dialog.restart_note.isVisible()
    assert dialog.reload_note.isHidden(), "the model of now would be loaded once more"


def test_no_page_is_marked_while_all_are_searched_and_choosing_one_leaves_the_search(
    qtbot: QtBot, dialog: SettingsDialog
) -> None:
    def marked() -> list[str]:
        return [item.text() for item in dialog.pages.selectedItems()]

    dialog.pages.setCurrentRow(2)
    dialog.search.setText("theme")
    assert marked() == []
    dialog.search.clear()
    assert marked() == [dialog.heading.text()] == [PAGES[2]]
    dialog.search.setText("theme")
    for row in (2, 1):  # the page that was shown before the search, then another one
        place = dialog.pages.visualItemRect(dialog.pages.item(row)).center()
        qtbot.mouseClick(dialog.pages.viewport(), Qt.MouseButton.LeftButton, pos=place)
        assert dialog.search.text() == ""
        assert marked() == [dialog.heading.text()] == [PAGES[row]]
        dialog.search.setText("theme")
    dialog.search.clear()
    assert marked() == [PAGES[1]]


def test_enter_in_a_field_resets_and_adds_nothing(qtbot: QtBot, dialog: SettingsDialog) -> None:
    dialog.show_settings(Settings(theme=ThemeChoice.DARK, language=Language.GERMAN, checkpoint_folders=("/models",)))
    dialog.hide()
    dialog.show()  # Qt chooses a default button here
    seen = changes(dialog)
    dialog.reset_requested.connect(seen.append)
    for page in range(len(PAGES)):
        dialog.pages.setCurrentRow(page)
        for field in (dialog.search, dialog.pages):
            qtbot.keyClick(field, Qt.Key.Key_Return)
    assert seen == []
    assert dialog.isVisible()


def test_each_kind_of_control_emits_its_value(qtbot: QtBot, dialog: SettingsDialog) -> None:
    seen = changes(dialog)
    choice = control(dialog, "theme", QComboBox)
    choice.setCurrentIndex(2)
    choice.activated.emit(2)
    control(dialog, "show_statistics", QCheckBox).click()
    control(dialog, "text_size_px", QSpinBox).setValue(18)
    line = control(dialog, "checkpoint", QLineEdit)
    line.setText("Qwen/Qwen3-8B")
    line.editingFinished.emit()
    number = control(dialog, "temperature", QLineEdit)
    number.setText("0,7")
    number.editingFinished.emit()
    whole = control(dialog, "seed", QLineEdit)
    whole.setText(str(2**62))
    whole.editingFinished.emit()
    assert seen == [
        ("theme", "dark"),
        ("show_statistics", False),
        ("text_size_px", 18),
        ("checkpoint", "Qwen/Qwen3-8B"),
        ("temperature", 0.7),
        ("seed", 2**62),
    ]
    with qtbot.waitSignal(dialog.changed) as changed:
        control(dialog, "system_prompt", QPlainTextEdit).setPlainText("Be brief.")
    assert changed.args == [("system_prompt", "Be brief.")]


def test_an_emptied_number_is_the_publishers(qtbot: QtBot, dialog: SettingsDialog) -> None:
    dialog.show_settings(Settings(temperature=0.5))
    seen = changes(dialog)
    number = control(dialog, "temperature", QLineEdit)
    number.setText("")
    number.editingFinished.emit()
    assert seen == [("temperature", None)]


@pytest.mark.parametrize(
    ("key", "text", "words"),
    [
        ("temperature", "hot", "a number"),
        ("temperature", "9", "between 0 and 5"),
        ("temperature", "nan", "a number"),
        ("temperature", "1,500", "between"),
        ("maximum_tokens", "many", "a whole number."),
        ("maximum_tokens", "1.5", "a whole number, such as 1500 or 1,500."),
        ("maximum_tokens", "1.500", "a whole number, such as 1500 or 1,500."),
        ("context_tokens", "1", "between 256"),
    ],
)
def test_a_bad_number_is_refused_in_a_sentence(
    qtbot: QtBot, dialog: SettingsDialog, key: str, text: str, words: str
) -> None:
    seen = changes(dialog)
    number = control(dialog, key, QLineEdit)
    number.setText(text)
    number.editingFinished.emit()
    assert seen == []
    assert words in dialog.row(key).problem.text()
    assert not dialog.row(key).problem.isHidden()


@pytest.mark.parametrize(
    ("signs", "text", "number"),
    [((".", ","), "1,500", 1500), ((",", "."), "1.500", 1500), ((",", "."), "1,500", None), ((",", "."), "1500", 1500)],
)
def test_a_whole_number_is_read_by_the_language(
    dialog: SettingsDialog, signs: tuple[str, str], text: str, number: int | None
) -> None:
    seen = changes(dialog)
    edited = control(dialog, "maximum_tokens", QLineEdit)
    language.use(None, *signs)
    try:
        edited.setText(text)
        edited.editingFinished.emit()
    finally:
        language.use(None)
    assert seen == ([("maximum_tokens", number)] if number is not None else [])
    assert dialog.row("maximum_tokens").problem.isHidden() is (number is not None)


def test_folders_are_added_once_and_removed(qtbot: QtBot, dialog: SettingsDialog) -> None:
    seen = changes(dialog)
    folders = dialog.row("checkpoint_folders").control
    assert isinstance(folders, FoldersControl)
    folders.add_folder("/models")
    folders.add_folder("/models")
    folders.add_folder("/more")
    folders._replace(("/more",))
    assert seen == [
        ("checkpoint_folders", ("/models",)),
        ("checkpoint_folders", ("/models", "/more")),
        ("checkpoint_folders", ("/more",)),
    ]


def test_reset_is_offered_where_something_was_changed(qtbot: QtBot, dialog: SettingsDialog) -> None:
    dialog.show_settings(msgspec.structs.replace(Settings(), text_size_px=20))
    assert dialog.row("text_size_px").reset_button.isVisible()
    assert not dialog.row("theme").reset_button.isVisible()
    with qtbot.waitSignal(dialog.reset_requested) as reset:
        qtbot.mouseClick(dialog.row("text_size_px").reset_button, Qt.MouseButton.LeftButton)
    assert reset.args == ["text_size_px"]


def test_showing_values_emits_nothing(qtbot: QtBot, dialog: SettingsDialog) -> None:
    seen = changes(dialog)
    dialog.show_settings(Settings(text_size_px=20, temperature=1.0, seed=7, system_prompt="x", show_statistics=False))
    qtbot.wait(700)
    assert seen == []


def test_what_needs_a_reload_says_so_with_a_button(qtbot: QtBot, dialog: SettingsDialog) -> None:
    control(dialog, "show_statistics", QCheckBox).click()
    assert not dialog.reload_note.isVisible()
    control(dialog, "precision", QComboBox).activated.emit(1)
    assert dialog.reload_note.isVisible()
    with qtbot.waitSignal(dialog.reload_requested):
        qtbot.mouseClick(dialog.reload_note.button, Qt.MouseButton.LeftButton)
    assert not dialog.reload_note.isVisible()


def test_every_control_has_a_name_and_a_help(dialog: SettingsDialog) -> None:
    for row in dialog.rows:
        assert row.control.widget.accessibleName() == row.field.label
        assert row.control.widget.accessibleDescription() == row.field.help


def test_another_page_begins_at_its_top(qtbot: QtBot, dialog: SettingsDialog) -> None:
    scroll = dialog.findChild(QScrollArea)
    assert isinstance(scroll, QScrollArea)
    dialog.resize(dialog.minimumSize())
    dialog.pages.setCurrentRow(PAGES.index("Memory"))
    QApplication.processEvents()
    scroll.verticalScrollBar().setValue(60)
    assert scroll.verticalScrollBar().value() == 60
    dialog.pages.setCurrentRow(PAGES.index("Model"))
    QApplication.processEvents()
    assert scroll.verticalScrollBar().value() == 0


def test_what_counts_while_nothing_is_chosen_can_be_read(qtbot: QtBot, dialog: SettingsDialog) -> None:
    for number, _page in enumerate(PAGES):
        dialog.pages.setCurrentRow(number)
        QApplication.processEvents()
        lines = [line for row in dialog.rows if row.isVisible() for line in row.findChildren(QLineEdit)]
        for line in lines:
            words = line.fontMetrics().horizontalAdvance(line.placeholderText())
            assert words <= line.width() - 28, line.placeholderText()


def test_no_help_has_marks_of_code_which_a_label_shows_as_they_are() -> None:
    assert [field.key for field in FIELDS if "`" in field.help] == []


def test_what_models_have_of_their_own_is_said_beside_the_setting(qtbot: QtBot) -> None:
    own = ModelSettings(temperature=0.2)
    listed = CheckpointListModel()
    listed.set_checkpoints([LocalCheckpoint("org/a", "A model", CheckpointKind.HUB_CACHE, 1)])
    dialog = SettingsDialog(Settings(models={"org/<b>a</b>": own, "org/b": ModelSettings(seed=1)}))
    qtbot.addWidget(dialog)
    assert dialog.row("temperature").origin.text() == "Set otherwise for org/<b>a</b>."
    assert dialog.row("top_k").origin.isHidden()
    dialog.show_settings(Settings(models={"org/a": own, "org/b": own}))
    assert dialog.row("temperature").origin.text() == "Set otherwise for 2 models."
    known = SettingsDialog(Settings(models={"org/a": own}), checkpoints=listed)
    qtbot.addWidget(known)
    assert known.row("temperature").origin.text() == "Set otherwise for A model."
    dialog.show_settings(Settings())
    assert dialog.row("temperature").origin.isHidden()


def test_the_search_has_the_keyboard_each_time_it_is_opened(dialog: SettingsDialog) -> None:
    assert dialog.focusWidget() is dialog.search
    dialog.search.setText("precision")
    dialog.pages.setFocus()
    dialog.close()
    dialog.show()
    assert dialog.focusWidget() is dialog.search
    assert dialog.search.selectedText() == "precision"
