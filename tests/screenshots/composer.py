"""The composer: attachments in every state, messages that wait, a conversation's own settings, a full context."""

from pathlib import Path

from PySide6.QtCore import QMimeData, QPoint, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent

from app.models.attachment_item import AttachmentItem
from app.widgets.attachments.attachment_dialog import AttachmentDialog
from app.widgets.settings.conversation_settings_dialog import ConversationSettingsDialog
from app.widgets.settings.model_settings_dialog import ModelSettingsDialog
from engine.api.sampling import ThinkingChoice
from tests.app.attachments import documents
from tests.engine_scripts import Script
from tests.screenshots.studio import SMALL, Studio

_CODE = "def speed(height: float) -> float:\n    return (2 * 9.81 * height) ** 0.5\n\n\n" * 60
_READS = Script(context_window=8192, answer="The journey costs 3.50 a day.", title="Costs of a journey")
_SLOW = Script(answer="The moon pulls on the water that is nearer to it. " * 40, delay_seconds=0.2, title="Tides")


def draw(studio: Studio) -> None:
    """Draw them."""
    _draw_attachments(studio)
    _draw_queue(studio)
    _draw_own_settings(studio)
    _draw_full_context(studio)
    _draw_thinking(studio)


def _draw_attachments(studio: Studio) -> None:
    studio.begin()
    files = _files(studio.paths.data / "invented")
    studio.open(_READS)
    composer = studio.window.page.composer
    composer.editor.set_text("What do these say about the costs of the journey?")
    composer.files_chosen.emit(tuple(map(str, files)))
    studio.wait(lambda: len(composer.attachments.attachments) == len(files) and not composer.attachments.being_read, 30)
    composer.long_text_pasted.emit("Day one: from Hanover to Goslar, the old town, the mines. " * 200)
    studio.draw_sizes("attachments")
    reading = AttachmentItem("reading:9", "Report of the last year.pdf")
    composer.set_attachments((*composer.attachments.items, reading))
    studio.draw("attachments-reading")
    composer.set_attachments(composer.attachments.items[:-1])
    picture = files[0].with_name("Bridge.png")
    picture.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(64))
    composer.files_chosen.emit((str(picture),))
    studio.pause(1.0)
    studio.draw_sizes("attachments-refused")
    studio.draw_dialog("attachment-preview", AttachmentDialog, composer.attachments.chips[0].name_button.click)
    _draw_drop(studio, files)
    composer.attachments.show_problem("")
    studio.ask(composer.text)
    composer.set_text("")
    studio.draw("attachments-sent")
    studio.close()


def _files(folder: Path) -> list[Path]:
    folder.mkdir()
    report = documents.pdf("Revenue grew by a tenth.", "", "The end.")
    contents = {
        "Quarterly report for the board 2026.pdf": report,
        "The plan.docx": documents.docx(),
        "Costs.xlsx": documents.xlsx(),
        "speed.py": _CODE.encode(),
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return [folder / name for name in contents]


def _draw_drop(studio: Studio, files: list[Path]) -> None:
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(file)) for file in files])
    event = QDragEnterEvent(
        QPoint(500, 300), Qt.DropAction.CopyAction, mime, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    )
    studio.application.sendEvent(studio.window, event)
    studio.draw("drop")
    studio.hearth.composer.drop_target.hide()


def _draw_queue(studio: Studio) -> None:
    studio.begin()
    studio.open(_SLOW)
    studio.send("Why are there tides?")
    studio.wait(lambda: len(studio.newest_text()) > 100, 30)
    for text in (
        "And what does the sun do?",
        "Where are the highest ones, and can one go there by train in the winter?",
    ):
        studio.window.send_requested.emit(text)
    studio.draw_sizes("queue")
    studio.window.new_requested.emit()
    studio.window.send_requested.emit("A name for a sailing boat, please.")
    studio.draw_sizes("queue-elsewhere")
    studio.window.new_requested.emit()
    studio.window.send_requested.emit("A polite letter to the landlord, please.")
    studio.draw("queue-several")
    studio.close()


def _draw_own_settings(studio: Studio) -> None:
    studio.begin()
    studio.open("answer")
    studio.ask("Which city is the capital of France?")
    own = studio.hearth.composer.own
    own.change(("system_prompt", "You are a patient teacher of physics. Answer in short sentences."))
    own.change(("temperature", 0.3))
    ask = studio.window.page.composer.own_settings_requested.emit
    studio.draw_dialog("conversation-settings", ConversationSettingsDialog, ask)
    studio.draw("own-settings", SMALL)
    of_model = studio.hearth.model_settings
    of_model.own.open()
    of_model.own.change(("precision", "int8"))
    studio.draw_dialog("model-settings", ModelSettingsDialog, of_model.open)
    of_model.own.reset("precision")
    studio.close()


def _draw_full_context(studio: Studio) -> None:
    """Draw the line above which the model no longer reads, the meter, and a private conversation."""
    studio.begin()
    script = Script(answer="The moon pulls on the water that is nearer to it. " * 3, context_window=100, rolls=True)
    studio.open(script)
    for question in ("Why are there tides?", "And what does the sun do?", "Where are the highest ones?"):
        studio.ask(question)
    studio.window.page.composer.editor.set_text("How often in a day does the water come and go? " * 3)
    studio.pause(0.6)
    studio.draw_sizes("full-context")
    studio.window.page.composer.set_text("")
    studio.window.new_private_requested.emit()
    studio.draw("private", SMALL)
    studio.close()


def _draw_thinking(studio: Studio) -> None:
    """Draw the switch for thinking, pressed and not, and the menu of a model that has levels."""
    studio.begin()
    on_or_off = (ThinkingChoice.OFF, ThinkingChoice.ON)
    studio.open(Script(answer="About 384,400 km.", thinking_choices=on_or_off, thinking_by_default=ThinkingChoice.ON))
    studio.ask("How far away is the moon?")
    studio.draw_sizes("thinking-on")
    button = studio.window.page.composer.thinking_button
    button.click()
    studio.draw("thinking-off", SMALL)
    studio.close()
    studio.begin()
    levels = (ThinkingChoice.LOW, ThinkingChoice.MEDIUM, ThinkingChoice.HIGH)
    studio.open(Script(thinking_choices=levels, thinking_by_default=ThinkingChoice.MEDIUM))
    studio.window.page.composer.editor.set_text("How many primes are there below a hundred, and why?")
    studio.draw_sizes("thinking-levels")
    studio.draw_popup("thinking-menu", studio.window.page.composer.thinking_button.showMenu)
    studio.close()
    studio.begin()
    studio.open(Script(thinking_choices=levels))
    studio.draw("thinking-automatic", SMALL)
    studio.draw_popup("thinking-automatic-menu", studio.window.page.composer.thinking_button.showMenu)
    studio.close()
