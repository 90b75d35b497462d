"""The real window in German and mirrored: its words, its places, and nothing that is cut."""

import msgspec
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QAbstractButton, QApplication, QComboBox, QLineEdit, QScrollArea, QWidget
from pytestqt.qtbot import QtBot

from app.conversations.titles import UNTITLED
from app.settings.schema import Settings
from app.widgets.actions.keys_dialog import KeysDialog
from app.widgets.basics.icons import icon
from app.widgets.basics.mirroring import apart, margins
from app.widgets.basics.phase_line import PhaseLine
from app.widgets.basics.theme import LIGHT
from app.widgets.composer.composer import Composer
from app.widgets.dialogs.about_dialog import AboutDialog
from app.widgets.dialogs.prompt_dialog import PromptDialog
from app.widgets.models.token_dialog import TokenDialog
from app.widgets.settings.settings_dialog import SettingsDialog
from tests.app.widgets.conftest import Shown
from tests.app.widgets.demo_conversation import conversations
from tests.app.widgets.dialogs.test_prompt_dialog import PROMPT


@pytest.mark.usefixtures("german")
def test_menus_sidebar_and_start_are_german(shown: Shown) -> None:
    menus = [action.text().replace("&", "") for action in shown.window.menuBar().actions()]
    assert menus == ["Datei", "Bearbeiten", "Unterhaltung", "Modell", "Ansicht", "Hilfe"]
    assert shown.window.actions_by_name.settings.text() == "&Einstellungen"

    shown.conversations.set_conversations(conversations())
    assert shown.window.sidebar.new_button.text().strip() == "Neue Unterhaltung"
    assert "Strg+" in shown.window.sidebar.new_button.toolTip()
    assert shown.window.page.composer.editor.placeholderText().startswith("Nachricht")
    examples = shown.window.page.findChildren(QAbstractButton, "example")
    assert examples
    assert all(
        "ä" in each.accessibleName() or "ü" in each.accessibleName() or each.accessibleName() for each in examples
    )
    assert "Schreibe ein kurzes Gedicht über Herbstregen." in {each.accessibleName() for each in examples}


@pytest.mark.usefixtures("german")
def test_every_page_of_the_settings_is_german(qtbot: QtBot, shown: Shown) -> None:
    dialog = SettingsDialog(Settings(), shown.window)
    qtbot.addWidget(dialog)
    dialog.show()

    pages = [dialog.pages.item(row).text() for row in range(dialog.pages.count())]
    assert pages[:5] == ["Allgemein", "Modell", "Speicher", "Antworten", "Downloads"]
    dialog.search.setText("genauigkeit")
    assert [row.field.key for row in dialog.rows if row.isVisible()] == ["precision"]
    box = dialog.row("theme").control.widget
    assert isinstance(box, QComboBox)
    assert box.itemText(0) == "Wie der Desktop"


@pytest.mark.usefixtures("german")
def test_long_words_are_not_cut(qtbot: QtBot, shown: Shown) -> None:
    settings, token = SettingsDialog(Settings(), shown.window), TokenDialog(shown.window)
    token.set_state(True, True)
    keys = KeysDialog(shown.window.actions_by_name.shortcuts, shown.window)
    dialogs = (settings, token, keys, AboutDialog(shown.window))
    for dialog in dialogs:
        qtbot.addWidget(dialog)
        dialog.show()
    for widget in (child for dialog in dialogs for child in dialog.findChildren(QWidget)):
        if isinstance(widget, QAbstractButton) and widget.isVisible():
            assert widget.width() >= widget.minimumSizeHint().width(), widget.text()
        if isinstance(widget, QLineEdit) and widget.isVisible():
            assert widget.fontMetrics().horizontalAdvance(widget.placeholderText()) < widget.width() - 12


@pytest.mark.usefixtures("german")
def test_a_conversation_without_a_title_is_called_so_in_german(shown: Shown) -> None:
    shown.conversations.set_conversations([msgspec.structs.replace(conversations()[0], title=UNTITLED)])

    assert shown.conversations.index(0, 0).data() == "Neue Unterhaltung"


@pytest.mark.usefixtures("mirrored")
def test_the_mirrored_window_has_its_sidebar_and_send_button_on_the_other_side(shown: Shown) -> None:
    sidebar, page = shown.window.sidebar, shown.window.page
    composer = page.findChild(Composer)
    assert composer is not None

    def left(widget: QWidget) -> int:
        return widget.mapTo(shown.window, QPoint(0, 0)).x()

    assert left(sidebar) > left(page)
    assert left(composer.button) < left(composer.editor)
    before, behind = margins(16, 8, 8, 8).left(), margins(16, 8, 8, 8).right()
    assert (before, behind) == (8, 16)


@pytest.mark.usefixtures("mirrored")
def test_icons_that_point_are_turned_and_others_are_not(qapp: QApplication) -> None:
    pointing, copying = _picture("chevron-left"), _picture("copy")
    qapp.setLayoutDirection(Qt.LayoutDirection.LeftToRight)

    assert _tip(pointing) > 7 > _tip(_picture("chevron-left"))
    assert copying == _picture("copy")


def _picture(name: str) -> QImage:
    return icon(name, "#000000").pixmap(16, 16).toImage()


def _tip(picture: QImage) -> int:
    """Return where a chevron is darkest at half its height."""
    return max(range(16), key=lambda x: picture.pixelColor(x, 8).alpha())


@pytest.mark.usefixtures("mirrored")
def test_foreign_text_keeps_its_own_direction() -> None:
    assert apart("141 MiB") == "\u2068141 MiB\u2069"
    assert apart("") == ""


@pytest.mark.usefixtures("mirrored")
def test_the_mark_of_the_phase_stands_where_reading_begins(qtbot: QtBot) -> None:
    line = PhaseLine(LIGHT)
    qtbot.addWidget(line)
    line.resize(200, 24)
    line.set_phase("Loading")
    line.show()
    picture = line.grab().toImage()

    assert picture.pixelColor(197, 11).name() == LIGHT.colors.text
    assert picture.pixelColor(2, 11).name() != LIGHT.colors.text
    assert line.contentsMargins().right() > line.contentsMargins().left()


def test_in_a_window_that_is_not_mirrored_text_stays_as_it_is() -> None:
    assert apart("141 MiB") == "141 MiB"
    assert margins(16, 8, 8, 8).left() == 16


@pytest.mark.usefixtures("german")
def test_no_page_of_the_settings_is_cut_beside_its_list_on_a_small_screen(qtbot: QtBot, shown: Shown) -> None:
    """720 x 480 is what a screen of 2160 x 1440 has at 300 per cent."""
    dialog = SettingsDialog(Settings(), shown.window)
    qtbot.addWidget(dialog)
    dialog.resize(700, 430)
    dialog.show()
    for page in range(dialog.pages.count()):
        dialog.pages.setCurrentRow(page)
        QApplication.processEvents()
        cut = [area for area in dialog.findChildren(QScrollArea) if area.widget().width() > area.viewport().width()]
        assert not cut, dialog.pages.item(page).text()


@pytest.mark.usefixtures("german")
def test_the_prompt_fits_a_small_screen(qtbot: QtBot, shown: Shown) -> None:
    dialog = PromptDialog(lambda: LIGHT, shown.window)
    qtbot.addWidget(dialog)
    dialog.show_prompt(PROMPT)
    dialog.show()
    assert dialog.minimumSizeHint().width() <= 700
