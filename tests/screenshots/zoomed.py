"""The main states in the smallest window, on a screen that is no larger: what is left of the room at 300 %."""

from PySide6.QtCore import QPoint

from app.settings.schema import PAGES
from app.widgets.dialogs.about_dialog import AboutDialog
from app.widgets.settings.settings_dialog import SettingsDialog
from tests.app.widgets import demo_frame
from tests.app.widgets.models import demo_hub
from tests.engine_scripts import Script
from tests.screenshots.frame import open_settings_at
from tests.screenshots.stored import QUESTION, STREAMED
from tests.screenshots.studio import SMALL, Studio


def draw(studio: Studio) -> None:
    """Draw them."""
    studio.open(Script(answer=STREAMED, delay_seconds=0.1, title="A stone off a bridge", context_window=8192))
    window = studio.window
    studio.draw("zoomed-empty", SMALL)
    window.resize(*SMALL)
    for _ in studio.themes():
        window.new_requested.emit()
        studio.send(QUESTION)
        studio.wait(lambda: "| 20 m" in studio.newest_text(), 30)
        studio.grab("zoomed-streaming")
        studio.stop()
    window.open_requested.emit(studio.known["conversation"])
    studio.wait(lambda: studio.hearth.transcript_model.rowCount() == 2, 10)
    studio.wait_for_formulas()
    studio.draw("zoomed-conversation", SMALL)
    window.resize(*SMALL)
    window.actions_by_name.search.trigger()
    studio.hearth.palette.palette.field.setText("a")
    studio.draw("zoomed-palette", SMALL)
    studio.hearth.palette.palette.leave()
    window.resize(*SMALL)
    studio.keep_memory()
    demo_frame.show_memory(window)
    studio.draw_popup("zoomed-model-picker", window.choose_model)
    menu = window.menuBar().actions()[2].menu()
    studio.draw_popup("zoomed-menu", lambda: menu.popup(window.mapToGlobal(QPoint(0, 24))))
    for page in (PAGES[0], "Memory"):
        name = f"zoomed-settings-{page.lower()}"
        studio.draw_dialog(name, SettingsDialog, lambda page=page: open_settings_at(studio, page))
    studio.draw_dialog("zoomed-about", AboutDialog, window.actions_by_name.about.trigger)
    demo_frame.show_notices(window)
    studio.draw("zoomed-notices", SMALL)
    studio.clear_notices()
    studio.hearth.models.results.set_rows(demo_hub.ROWS)
    window.show_models()
    studio.draw("zoomed-models", SMALL)
    studio.close()
