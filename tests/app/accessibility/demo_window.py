"""The main states of the window and its dialogs, on invented models, for whatever walks over all of them."""

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec
from PySide6.QtCore import QCoreApplication, QEvent, QTimer
from PySide6.QtGui import QAccessible
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog, QWidget

from app.conversations.attachment import Attachment
from app.conversations.records import Folder, MessageState
from app.models.attachment_item import AttachmentItem
from app.models.context_use import ContextUse
from app.models.conversation_list_model import ConversationListModel
from app.models.thinking_switch import ThinkingSwitch
from app.models.transcript_model import TranscriptEntry, TranscriptModel
from app.models.waiting_item import WaitingItem
from app.rendering.formulas import parse_formula
from app.settings.schema import PAGES, Settings
from app.widgets.dialogs.prompt_dialog import PromptDialog
from app.widgets.settings.conversation_settings_dialog import ConversationSettingsDialog
from app.widgets.settings.model_settings_dialog import ModelSettingsDialog
from app.widgets.text.formulas import formulas
from app.widgets.window.main_window import MainWindow
from app.widgets.window.palette import Palette
from engine.api.sampling import ThinkingChoice
from tests.app.widgets import demo_frame
from tests.app.widgets.demo_conversation import CODE_ANSWER, answer, conversations, entries, user
from tests.app.widgets.dialogs.test_memory_dialog import KNOWN
from tests.app.widgets.dialogs.test_prompt_dialog import PROMPT
from tests.app.widgets.models.demo_pages import DemoPages
from tests.app.widgets.window.test_palette import FOUND

_THOUGHTS = "<think>They want *words*, so white space parts them.</think>\n\n"
_REPORT = Attachment(name="report.pdf", text="some words", size_bytes=48_213, pages=3, media_type="application/pdf")
_LATEX = (r"$\sqrt{x}$", r"$$\sum_{k=1}^{n} k = \frac{n(n+1)}{2}$$")
_FORMULAS = f"The root {_LATEX[0]} of it:\n\n{_LATEX[1]}\n\nSee [this](https://example.org/)."
_MOST_ROUNDS = 10_000  # of a millisecond or more each
_CALM_ROUNDS = 5
_MOMENT_MS = 40  # what is put off for longer is said late, saved or taken away, or looks whether a menu is closed
TRAVEL = Folder(id="f", name="Travel", created_at=1.0)
OLD = Folder(id="g", name="Old", created_at=2.0, is_collapsed=True)
MESSAGES = (
    msgspec.structs.replace(user(1, "How do I split a text into words?"), attachments=(_REPORT,)),
    answer(2, _THOUGHTS + CODE_ANSWER),
    user(3, "And the sum of the first numbers?"),
    answer(4, _FORMULAS),
    user(5, "Tell me about tides."),
    answer(6, "Tides are the", MessageState.STOPPED),
)


@dataclass(frozen=True)
class State:
    """What is to be looked at under a name."""

    name: str
    widget: QWidget


class DemoWindow:
    """One window; states() brings it from one state to the next."""

    def __init__(self) -> None:
        QAccessible.setActive(True)  # as with a screen reader: lists then tell it what comes and goes
        self.pages = DemoPages()
        self.window: MainWindow = self.pages.window
        self.transcript: TranscriptModel = self.window.page.transcript.model
        self.transcript.setParent(self.window)
        listed = self.window.findChild(ConversationListModel)
        assert isinstance(listed, ConversationListModel)
        self.listed = listed

    def states(self) -> Iterator[State]:
        """Show each state and say its name."""
        yield from self._chatting()
        yield from self._popups()
        yield from self._settings()
        yield from self._dialogs()
        yield from self._models()

    def end(self) -> None:
        """Take everything away, timers and all."""
        QAccessible.setActive(False)
        self.window.close()
        self.window.deleteLater()
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)

    def fill(self) -> None:
        """Show a conversation with everything that an answer may hold."""
        shown = entries(MESSAGES)
        shown[1] = TranscriptEntry(MESSAGES[1], version=1, versions=2)
        self.transcript.set_entries(shown)
        self.window.show_conversation(conversations()[0])
        shelf = formulas()
        for _ in range(_MOST_ROUNDS):
            _settle()
            if all(shelf.shape(parse_formula(latex)) is not None for latex in _LATEX):
                break
        else:
            raise AssertionError("the formulas are not drawn")
        _settle()
        self.window.page.transcript.follow()
        _settle()

    def _chatting(self) -> Iterator[State]:
        window, composer = self.window, self.window.page.composer
        self.window.show_chat()
        _settle()
        yield State("empty", window)
        self.fill()
        yield State("conversation", window)
        composer.set_text("Compare these two.")
        composer.set_context_use(ContextUse(used_tokens=7900, window_tokens=8192, answer_tokens=256))
        composer.set_attachments(
            (AttachmentItem("1", "report.pdf", _REPORT), AttachmentItem("2", "draft.docx")),
        )
        composer.attachments.show_problem("photo.png is a picture, and this model reads text only.")
        composer.set_thinking(
            ThinkingSwitch((ThinkingChoice.OFF, ThinkingChoice.ON), ThinkingChoice.ON, ThinkingChoice.ON)
        )
        _settle()
        yield State("attachments", composer)
        composer.set_attachments(())
        composer.attachments.show_problem("")
        composer.set_thinking(ThinkingSwitch((ThinkingChoice.LOW, ThinkingChoice.HIGH), None, None))
        growing = msgspec.structs.replace(answer(8, "The moon"), state=MessageState.STREAMING)
        self.transcript.append(TranscriptEntry(user(7, "Why?")))
        self.transcript.append(TranscriptEntry(growing))
        self.transcript.set_phase("a8", "Answering")
        window.set_busy(True)
        window.set_queue((WaitingItem("What about the sun?"), WaitingItem("And Mars?")))
        _settle()
        yield State("answering", window.page)
        window.set_queue(())
        window.set_busy(False)
        composer.set_thinking(None)
        self.fill()
        window.page.finder.open()
        window.page.finder.bar.field.setText("text")
        _settle()
        yield State("find", window.page.finder.bar)
        window.page.finder.close()
        demo_frame.show_notices(window)
        window.page.notices.rows[-1].details_button.click()
        _settle()
        yield State("notices", window.page.notices)
        for row in window.page.notices.rows:
            window.clear_notice(row.notice.key)
        self.listed.set_folders([TRAVEL, OLD])
        shown = conversations()
        for place, changes in (
            (0, {"is_pinned": True}),
            (2, {"folder_id": "f"}),
            (3, {"folder_id": "g"}),
            (4, {"is_unread": True}),
        ):
            self.listed.upsert(msgspec.structs.replace(shown[place], **changes))
        window.sidebar.list.selectAll()
        _settle()
        yield State("sidebar", window.sidebar)
        self.listed.set_folders([])
        self.listed.set_conversations(shown)
        window.sidebar.list.clearSelection()

    def _popups(self) -> Iterator[State]:
        window = self.window
        palette = Palette(window.theme, window)
        palette.open()
        palette.set_entries(FOUND)
        _settle()
        yield State("palette", palette)
        palette.set_entries([])
        _settle()
        yield State("palette-nothing", palette)
        palette.leave()
        palette.deleteLater()
        demo_frame.show_memory(window)
        window.choose_model()
        _settle()
        popup = QApplication.activePopupWidget()
        assert popup is not None
        yield State("model-picker", popup)
        popup.close()
        message = window.page.transcript.view.reveal(1)
        menu = message.make_menu()
        menu.popup(message.mapToGlobal(message.rect().center()))
        _settle()
        yield State("message-menu", menu)
        menu.close()
        message.show_details()
        _settle()
        details = QApplication.activePopupWidget() or message
        yield State("answer-details", details)
        if details is not message:
            details.close()
        _settle()

    def _settings(self) -> Iterator[State]:
        dialogs = self.window.dialogs
        dialogs.open_settings()
        settings = dialogs.settings_dialog
        assert settings is not None
        for number, page in enumerate(PAGES):
            settings.pages.setCurrentRow(number)
            _settle()
            yield State(f"settings-{page.lower().replace(' ', '-')}", settings)
        settings.search.setText("memory")
        _settle()
        yield State("settings-search", settings)
        settings.close()

    def _dialogs(self) -> Iterator[State]:
        window = self.window
        for name, dialog in demo_frame.dialogs(window, lambda: "Hearth 1.0 on Linux"):
            _settle()
            yield State(name, dialog)
        own = ConversationSettingsDialog(Settings(), window)
        own.show_values({"temperature": 0.2})
        own.open()
        _settle()
        yield State("conversation-settings", own)
        own.close()
        own.deleteLater()
        of_model = ModelSettingsDialog("Qwen3 8B", Settings(), window)
        of_model.show_values({"temperature": 0.2})
        of_model.open()
        _settle()
        yield State("model-settings", of_model)
        of_model.close()
        of_model.deleteLater()
        prompt = PromptDialog(lambda: window.theme, window)
        prompt.open()
        prompt.show_prompt(PROMPT)
        _settle()
        yield State("exact-prompt", prompt)
        prompt.tabs.setCurrentIndex(1)
        _settle()
        yield State("exact-prompt-parts", prompt)
        prompt.close()
        prompt.deleteLater()
        window.dialogs.open_memory()
        window.dialogs.show_warmth(KNOWN)
        memory = window.dialogs.memory_dialog
        assert memory is not None
        _settle()
        yield State("memory", memory)
        memory.close()
        window.ask_about_link("https://example.org/a")
        link = next(each for each in window.findChildren(QDialog) if each.isVisible())
        yield State("link", link)
        link.close()

    def _models(self) -> Iterator[State]:
        named = {"first-start", "first-start-download", "first-start-failed", "models-begin", "models-find"}
        named |= {"models-gated", "models-error", "models-local", "models-delete", "models-downloads", "token"}
        for state in self.pages.states():
            if state.name in named:
                _settle()
                yield State(state.name, state.widget or self.window.pages)


def _settle() -> None:
    """Let everything come to rest: what is put off for a moment comes, and what is searched is found."""
    calm = 0
    for _ in range(_MOST_ROUNDS):
        QTest.qWait(1)
        calm = 0 if _is_anything_due() else calm + 1
        if calm == _CALM_ROUNDS:
            break
    else:
        raise AssertionError("the window does not come to rest")
    QApplication.sendPostedEvents()


def _is_anything_due() -> bool:
    timers = (timer for window in QApplication.topLevelWidgets() for timer in window.findChildren(QTimer))
    return any(timer.isActive() and timer.interval() <= _MOMENT_MS for timer in (*timers, formulas()._tell))
