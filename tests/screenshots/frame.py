"""The window's frame: the menu of models with its memory bar, settings, keys, about, licences, a report, notices."""

from PySide6.QtCore import QPoint

from app.problem_report import problem_report
from app.settings.schema import PAGES
from app.widgets.settings.model_settings_dialog import ModelSettingsDialog
from app.widgets.settings.settings_dialog import SettingsDialog
from tests.app.widgets import demo_frame
from tests.screenshots.studio import SMALL, Studio


def draw(studio: Studio) -> None:
    """Draw it."""
    known = studio.known
    studio.open("answer", known["restored"])
    studio.pause(0.3)
    studio.keep_memory()
    demo_frame.show_memory(studio.window)
    studio.draw_popup("model-picker", studio.window.choose_model)
    demo_frame.show_no_card(studio.window)
    studio.draw_popup("model-picker-no-card", studio.window.choose_model)
    demo_frame.show_offloaded(studio.window)
    studio.draw_popup("model-picker-offloaded", studio.window.choose_model)
    demo_frame.show_memory(studio.window)
    for action in studio.window.menuBar().actions():
        name, menu = action.text().replace("&", "").lower(), action.menu()
        studio.draw_popup(f"menu-{name}", lambda menu=menu: menu.popup(studio.window.mapToGlobal(QPoint(0, 24))))
    tray = studio.hearth.frame.tray
    studio.draw_popup("menu-tray", lambda: tray.build_menu().popup(studio.window.mapToGlobal(QPoint(0, 24))))
    for page in PAGES:
        studio.draw_dialog(f"settings-{page.lower()}", SettingsDialog, lambda page=page: open_settings_at(studio, page))
    studio.draw_dialog("model-settings", ModelSettingsDialog, lambda: _open_model_settings(studio))
    for _ in studio.themes():
        for name, dialog in demo_frame.dialogs(
            studio.window, lambda: problem_report(studio.paths, demo_frame.HARDWARE)
        ):
            studio.grab(name, dialog)
    demo_frame.show_notices(studio.window)
    studio.draw_sizes("notices")
    studio.window.resize(*SMALL)
    studio.window.page.notices.more_button.click()
    studio.draw("notices-unfolded", SMALL)
    studio.close()


def open_settings_at(studio: Studio, page: str) -> None:
    """Open the settings at a page."""
    studio.window.open_settings()
    dialog = studio.window.dialogs.settings_dialog
    assert dialog is not None
    dialog.pages.setCurrentRow(PAGES.index(page))


def _open_model_settings(studio: Studio) -> None:
    studio.window.actions_by_name.model_settings.trigger()
    dialog = studio.found(ModelSettingsDialog)
    for key, value in (("system_prompt", "Answer in short sentences."), ("precision", "int8")):
        dialog.changed.emit((key, value))
