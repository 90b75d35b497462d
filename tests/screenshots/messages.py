"""Messages: a conversation, what a search in it marks, a selection, and what can be done with a message."""

from PySide6.QtCore import QPoint, Qt

from app.widgets.transcript.message_actions import Act
from app.widgets.transcript.message_widget import MessageWidget
from tests.engine_scripts import Script
from tests.screenshots.studio import Studio


def draw(studio: Studio) -> None:
    """Draw them, on stored conversations."""
    known = studio.known
    studio.open(Script(context_window=8192), known["conversation"])
    studio.wait(lambda: studio.hearth.transcript_model.rowCount() == 2, 10)
    studio.wait_for_formulas()
    studio.draw_sizes("conversation")
    _draw_find(studio)
    _draw_selection(studio)
    _draw_actions(studio)
    studio.window.open_requested.emit(known["failed"])
    studio.wait(lambda: "Tides" in studio.newest_text(), 10)
    studio.draw("failed")
    studio.window.open_requested.emit(known["long"])
    studio.wait(lambda: "299" in studio.newest_text(), 10)
    studio.pause(0.5)
    studio.draw("long")
    view = studio.window.page.transcript.view
    view.verticalScrollBar().setValue(view.verticalScrollBar().maximum() // 2)
    studio.draw_sizes("long-above")
    _draw_versions(studio)
    studio.close()


def _draw_versions(studio: Studio) -> None:
    """Draw the second of three answers, and the conversation that goes on from it by itself."""
    studio.window.open_requested.emit(studio.known["restored"])
    studio.wait(lambda: "Goslar" in studio.newest_text(), 10)
    for place in range(2):
        newest(studio).perform(Act.REGENERATE)
        studio.wait(lambda place=place: newest(studio).entry.versions == place + 2, 10)
        studio.wait(lambda: "France" in studio.newest_text(), 10)
        studio.pause(0.5)
    newest(studio).perform(Act.PREVIOUS)
    studio.pause(0.3)
    newest(studio).setFocus(Qt.FocusReason.TabFocusReason)
    studio.draw_sizes("versions")
    before = studio.hearth.conversations.current_id
    newest(studio).perform(Act.BRANCH)
    studio.wait(lambda: studio.hearth.conversations.current_id != before, 10)
    studio.draw("branch")


def _draw_find(studio: Studio) -> None:
    finder = studio.window.page.finder
    finder.open()
    finder.bar.field.setText("speed")
    studio.wait(lambda: finder.search.total > 0 and not finder.search.is_searching, 10)
    studio.draw_sizes("find")
    finder.bar.field.setText("zzyx")
    studio.pause(0.5)
    studio.draw("find-nothing")
    finder.close()


def _draw_selection(studio: Studio) -> None:
    transcript = studio.window.page.transcript
    transcript.selection.select_between(0, 1)
    studio.draw("selection")
    transcript.selection.clear()


def _draw_actions(studio: Studio) -> None:
    answer = newest(studio)
    answer.setFocus(Qt.FocusReason.TabFocusReason)
    studio.draw("message-focused")
    studio.draw_popup("message-menu", lambda: answer.make_menu().popup(answer.mapToGlobal(QPoint(0, 24))))
    studio.draw_popup("message-details", answer.show_details)
    question = studio.window.page.transcript.view.reveal(0)
    question.begin_editing()
    studio.draw("message-edited")
    question.end_editing()
    newest(studio).perform(Act.DELETE)
    studio.pause(0.5)
    studio.draw_sizes("message-deleted")
    studio.clear_notices()


def newest(studio: Studio) -> MessageWidget:
    """Return the last message."""
    return studio.window.page.transcript.view.reveal(studio.hearth.transcript_model.rowCount() - 1)
