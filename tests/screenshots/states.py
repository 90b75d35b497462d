"""What no other area draws: an engine's first seconds and its end, all that Markdown knows, Undo, what settings say."""

from PySide6.QtCore import QPoint

from app.settings.values import Language
from app.widgets.settings.settings_dialog import SettingsDialog
from app.widgets.text.code_block import CodeBlock
from tests.engine_scripts import Script
from tests.screenshots.messages import newest
from tests.screenshots.studio import SMALL, Studio

_LETTER = "Dear Mr Winter,\n\n" + "The light in the hall has been out since Monday, and the stairs are steep. " * 14


def draw(studio: Studio) -> None:
    """Draw them."""
    _draw_engine(studio)
    _draw_markdown(studio)
    _draw_ways_out(studio)
    _draw_settings(studio)


def _draw_engine(studio: Studio) -> None:
    """Draw the first seconds of a start, and an engine that ends again and again."""
    studio.open(Script(fault="freeze", fault_on="start"), is_loaded=False)
    studio.draw_sizes("starting")
    studio.close()
    studio.begin()
    studio.open("die_at_start", is_loaded=False)
    notices = studio.window.page.notices
    studio.wait(lambda: any("three times" in row.notice.text for row in notices.rows), 60)
    studio.draw_sizes("engine-ended")
    studio.close()


def _draw_markdown(studio: Studio) -> None:
    studio.begin()
    studio.open(Script(context_window=8192), studio.known["markdown"])
    studio.wait(lambda: studio.hearth.transcript_model.rowCount() == 2, 10)
    studio.wait_for_formulas()
    view = studio.window.page.transcript.view
    view.verticalScrollBar().setValue(0)
    studio.draw_sizes("markdown")
    view.follow()
    studio.draw_sizes("markdown-end")
    for block in newest(studio).findChildren(CodeBlock):
        block.wrap_button.click()
    studio.pause(0.2)
    view.follow()
    studio.draw("markdown-wrapped", SMALL)
    answer = newest(studio)
    menus = [action.menu() for action in answer.make_menu().actions() if action.menu() is not None]
    studio.draw_popup("message-menu-models", lambda: menus[0].popup(answer.mapToGlobal(QPoint(0, 24))))
    studio.close()


def _draw_ways_out(studio: Studio) -> None:
    """Draw a long message that is being written, and a conversation that was deleted a moment ago."""
    studio.begin()
    studio.open(Script(context_window=8192), studio.known["restored"])
    studio.window.page.composer.editor.set_text(_LETTER * 2)
    studio.draw_sizes("composer-tall")
    studio.window.page.composer.editor.set_text("")
    studio.window.delete_requested.emit(studio.known["restored"])
    studio.pause(0.5)
    studio.draw_sizes("conversation-deleted")
    studio.close()


def _draw_settings(studio: Studio) -> None:
    studio.begin()
    studio.open("answer")
    studio.draw_dialog("settings-search", SettingsDialog, lambda: _search_settings(studio, "memory"))
    studio.draw_dialog("settings-nothing", SettingsDialog, lambda: _search_settings(studio, "zzyx"))
    studio.draw_dialog("settings-restart", SettingsDialog, lambda: _change_language(studio))
    studio.close()


def _search_settings(studio: Studio, words: str) -> None:
    studio.window.open_settings()
    studio.found(SettingsDialog).search.setText(words)


def _change_language(studio: Studio) -> None:
    studio.window.open_settings()
    dialog = studio.found(SettingsDialog)
    dialog.search.clear()
    dialog.row("language").control.edited.emit(Language.GERMAN)
