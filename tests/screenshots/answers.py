"""Answers: the empty page, the real starter model, and every phase of an answer that is being written."""

import msgspec
from PySide6.QtWidgets import QPushButton, QWidget

from app.widgets.dialogs.prompt_dialog import PromptDialog
from app.widgets.transcript.message_actions import Act
from tests.engine_scripts import Script
from tests.screenshots.messages import newest
from tests.screenshots.stored import QUESTION, STREAMED
from tests.screenshots.studio import SMALL, Studio

_THOUGHT = (
    "The user asks how fast a falling stone is. Without air the energy m g h becomes m v squared over two. "
    r"So $v = \sqrt{2 g h}$. A table with some heights would help. "
)


def draw(studio: Studio) -> None:
    """Draw them."""
    _draw_starter(studio)
    _draw_waiting(studio)
    _draw_streaming(studio)
    _draw_thinking(studio)
    _draw_errors(studio)
    _draw_ends(studio)


def _draw_starter(studio: Studio) -> None:
    studio.open()
    studio.draw_sizes("empty")
    studio.ask("What is the capital of France?")
    studio.ask("And what is it famous for?")
    studio.draw("starter")
    for _ in studio.themes():
        newest(studio).perform(Act.PROMPT)
        dialog = studio.found(PromptDialog)
        studio.wait(dialog.view.isVisible, 30)
        studio.grab("exact-prompt", dialog)
        dialog.tabs.setCurrentIndex(1)
        studio.grab("exact-prompt-parts", dialog)
        dialog.close()
        studio.pause(0.1)
    studio.close()


def _draw_waiting(studio: Studio) -> None:
    studio.begin()
    studio.open(Script(steps=40, delay_seconds=0.25), is_loaded=False)  # ten seconds, for both themes
    studio.send(QUESTION)
    studio.pause(3)
    studio.draw("loading")
    studio.close()
    studio.open(Script(prefill_steps=400, delay_seconds=0.05))
    studio.send(QUESTION)
    studio.pause(1.2)
    studio.draw("reading")
    studio.close()


def _draw_streaming(studio: Studio) -> None:
    studio.begin()
    studio.open(Script(answer=STREAMED, delay_seconds=0.1, title="A stone off a bridge"))
    for _ in studio.themes():
        studio.window.new_requested.emit()
        studio.send(QUESTION)
        studio.wait(lambda: "**town" in studio.newest_text(), 30)
        studio.grab("streaming")
        studio.stop()
    studio.close()


def _draw_thinking(studio: Studio) -> None:
    studio.begin()
    script = Script(thinking=_THOUGHT * 2, answer=STREAMED, delay_seconds=0.15, title="A stone off a bridge")
    studio.open(script)
    studio.send(QUESTION)
    studio.wait(lambda: len(studio.newest_text()) > len(_THOUGHT), 30)
    studio.wait_for_formulas()
    studio.draw("thinking")
    studio.draw("thinking-small", SMALL)
    studio.wait(lambda: "** 0.5" in studio.newest_text(), 60)
    studio.stop()
    studio.wait_for_formulas()
    studio.draw("thinking-folded")
    studio.close()
    studio.open(msgspec.structs.replace(script, opens_thinking=True, thinking=_THOUGHT * 9))
    studio.send(QUESTION)
    studio.wait(lambda: len(studio.newest_text()) > len(_THOUGHT), 30)
    studio.window.actions_by_name.answer_now.trigger()
    studio.wait(lambda: "** 0.5" in studio.newest_text(), 60)
    studio.stop()
    studio.wait_for_formulas()
    studio.draw("thinking-now")
    studio.close()


def _draw_errors(studio: Studio) -> None:
    studio.begin()
    for name in ("out_of_memory", "fail_load"):
        studio.open(name, is_loaded=name != "fail_load")
        if name == "out_of_memory":
            studio.ask("What is the capital of France?")
        studio.pause(0.6)
        studio.draw(name.replace("_", "-"))
        for place in (studio.window.page.notices, studio.window.page.transcript):
            _unfold_details(place)
        studio.draw_sizes(f"{name.replace('_', '-')}-details")
        studio.close()


def _unfold_details(place: QWidget) -> None:
    for button in place.findChildren(QPushButton):
        if button.isVisible() and button.isCheckable() and button.text() == "Details":
            button.click()


def _draw_ends(studio: Studio) -> None:
    """Draw answers that ended before they were done, and that can be gone on with."""
    studio.begin()
    studio.open(Script(answer="The moon pulls on the water that is nearer to it. " * 40, title="Tides"))
    studio.ask("Why are there tides?")
    studio.draw_sizes("longest-answer")
    studio.close()
    studio.open("context_full")
    studio.ask("What is the capital of France?")
    studio.draw("context-full")
    studio.close()
