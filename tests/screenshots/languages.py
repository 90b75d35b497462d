"""The window in German, and mirrored as for languages that are read from right to left."""

from PySide6.QtCore import QPoint, Qt

from app.settings.schema import PAGES
from app.settings.values import Language
from app.widgets.basics import languages
from app.widgets.settings.conversation_settings_dialog import ConversationSettingsDialog
from app.widgets.settings.settings_dialog import SettingsDialog
from tests.app.widgets import demo_frame
from tests.engine_scripts import Script
from tests.screenshots.frame import open_settings_at
from tests.screenshots.studio import Studio

_SCRIPT = Script(context_window=8192)


def draw_german(studio: Studio) -> None:
    """Draw the main pages in German."""
    languages.install(studio.application, Language.GERMAN)
    _draw(studio, "german")


def draw_mirrored(studio: Studio) -> None:
    """Draw the main pages from right to left, with the English words."""
    studio.application.setLayoutDirection(Qt.LayoutDirection.RightToLeft)
    _draw(studio, "mirrored")


def _draw(studio: Studio, name: str) -> None:
    known = studio.known
    studio.open(_SCRIPT)
    window = studio.window
    studio.draw_sizes(f"{name}-empty")
    window.open_requested.emit(known["conversation"])
    studio.wait(lambda: studio.hearth.transcript_model.rowCount() == 2, 10)
    studio.wait_for_formulas()
    demo_frame.show_notices(window)
    studio.draw_sizes(f"{name}-conversation")
    studio.clear_notices()
    answer = window.page.transcript.view.reveal(1)
    studio.draw_popup(f"{name}-message-menu", lambda: answer.make_menu().popup(answer.mapToGlobal(QPoint(0, 24))))
    studio.draw_popup(f"{name}-message-details", answer.show_details)
    studio.keep_memory()
    demo_frame.show_memory(window)
    studio.draw_popup(f"{name}-model-picker", window.choose_model)
    window.open_requested.emit(known["hebrew"])
    studio.pause(0.5)
    studio.draw_sizes(f"{name}-hebrew")
    window.open_requested.emit(known["conversation"])
    studio.pause(0.5)
    window.actions_by_name.search.trigger()
    studio.hearth.palette.palette.field.setText("a")
    studio.draw(f"{name}-palette")
    studio.hearth.palette.palette.leave()
    studio.draw_dialog(f"{name}-settings", SettingsDialog, lambda: open_settings_at(studio, PAGES[0]))
    ask = window.page.composer.own_settings_requested.emit
    studio.draw_dialog(f"{name}-conversation-settings", ConversationSettingsDialog, ask)
    window.show_models()
    studio.wait(lambda: studio.hearth.models.results.rowCount() > 0, 10)
    studio.draw(f"{name}-models")
    studio.close()
