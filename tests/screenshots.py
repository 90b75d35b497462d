"""`python -m tests.screenshots [FOLDER]`: draws the window's main states, light and dark, at 100 % and 200 %.

The real application with the real starter model, offscreen, under a HEARTH_HOME of its own. What a model of 135 M
parameters can't say on demand (code, thinking, a long history) is read from stored conversations or streamed by the
scripted engine. Each scale is a process of its own, as Qt reads it once.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
from PySide6.QtCore import QPoint, Qt, QTimer
from PySide6.QtWidgets import QApplication, QWidget

from app.controllers import exchange_notices
from app.conversations.exchange.found import Source
from app.conversations.exchange.importing import ImportReport
from app.conversations.records import Conversation, Message, MessageState, new_id
from app.conversations.store import ConversationStore
from app.main import Hearth, set_up
from app.paths import Paths, locate
from app.problem_report import problem_report
from app.settings.schema import Settings
from app.settings.schema import Theme as ThemeChoice
from app.widgets.message_actions import Act
from app.widgets.prompt_dialog import PromptDialog
from app.worker.engine_process import engine_command
from engine.api.errors import ErrorKind, ErrorReport
from engine.api.events import FinishReason, Statistics, WarmthDescribed
from engine.api.message import Role
from engine.api.warmth import ConversationWarmth, Tier, TierUse
from tests.app.attachments import documents
from tests.app.conversations.samples import a_conversation
from tests.app.widgets import demo_frame
from tests.app.widgets.demo_conversation import CODE_ANSWER
from tests.app.widgets.models.demo_pages import DemoPages
from tests.engine_scripts import PLAN, Script
from tests.scripted_engine import scripted_engine_command

LARGE, SMALL = (1100, 760), (720, 480)
DAY = 86_400.0
STATISTICS = Statistics(
    prompt_tokens=6450, reused_tokens=6412, prefilled_tokens=38, generated_tokens=212,
    time_to_first_token_seconds=0.12, prefill_seconds=0.12, decode_seconds=6.8, tokens_per_second=31.1,
)  # fmt: skip
RESTORED = msgspec.structs.replace(
    STATISTICS, restored_tokens=6412, restored_from=Tier.DISK, restore_seconds=0.21
)  # fmt: skip
MIB = 2**20
TITLES = (
    ("Names for a sailing boat", 0.05), ("Weekend in the Harz mountains", 1.0),
    ("Why is the sky blue?", 3.0), ("A polite letter to the landlord", 5.0), ("Bread without yeast", 40.0),
    ("SQL: the newest row of each group", 41.0),
)  # fmt: skip


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("folder", nargs="?", type=Path, default=Path("build/screenshots"))
    arguments.add_argument("--scale", type=int, choices=(100, 200), help="draw only this scale, in this process")
    options = arguments.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    if options.scale is None:
        for scale in ("100", "200"):
            environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "QT_SCALE_FACTOR": str(int(scale) / 100)}
            command = [sys.executable, "-m", "tests.screenshots", str(options.folder), "--scale", scale]
            subprocess.run(command, env=environment, check=True)
        return
    with tempfile.TemporaryDirectory() as home:
        os.environ["HEARTH_HOME"] = home
        Studio(options.folder, options.scale).draw_all()


class Studio:
    """Opens the application once per engine and grabs its states."""

    def __init__(self, folder: Path, scale: int) -> None:
        self._folder = folder
        self._scale = scale
        self._application = QApplication([])
        set_up(self._application)
        self._hearth: Hearth
        self._is_busy = False

    def draw_all(self) -> None:
        paths = locate()
        paths.make_folders()
        self._with_real_model(paths)
        for script in ("thinking", "long_prefill", "slow_load", "markdown"):
            self._with_script(script, paths)
        self._with_full_context(paths)
        self._with_exchange(paths)
        self._with_attachments(paths)
        self._with_models()

    def _with_real_model(self, paths: Paths) -> None:
        self._open(paths, None)
        self._wait(lambda: self._hearth.checkpoints.plan is not None, 180)
        self._grab_both("empty")
        self._send("What is the capital of France?")
        self._wait(self._is_idle, 60)
        self._send("And what is it famous for?")
        self._wait(self._is_idle, 120)
        self._grab_both("starter")
        self._send("Write a short story about a lighthouse.")
        self._wait(lambda: len(self._newest_text()) > 120, 60)
        self._grab_both("streaming")
        self._hearth.window.stop_requested.emit()
        self._wait(self._is_idle, 10)
        self._grab_popup("model-picker", self._hearth.window.choose_model)
        self._grab_popup("settings", self._hearth.window.open_settings)
        self._close()
        self._with_frame(paths)
        known = fill_store(paths)
        for name in ("conversation", "long", "failed"):
            self._open(paths, None)
            self._hearth.window.open_requested.emit(known[name])
            self._wait(lambda: self._hearth.checkpoints.plan is not None, 60)
            self._grab_both(name)
            if name == "conversation":
                self._grab_both("conversation-small", SMALL)
                self._with_find()
                self._draw_message_states()
            self._close()
        self._with_warmth(paths, known)
        self._with_sidebar(paths, known)

    def _with_frame(self, paths: Paths) -> None:
        self._open(paths, scripted_engine_command("answer"))
        self._wait(lambda: self._hearth.checkpoints.plan is not None, 30)
        self._pause(0.5)
        window = self._hearth.window
        demo_frame.show_memory(window)
        self._grab_popup("model-memory", window.choose_model)
        for theme in ("light", "dark"):
            self._set_theme(theme)
            for name, dialog in demo_frame.dialogs(window, lambda: problem_report(paths, demo_frame.HARDWARE)):
                self._pause(0.2)
                self._grab(name, theme, dialog)
        demo_frame.show_notices(window)
        self._grab_both("notices")
        self._grab_both("notices-small", SMALL)
        self._close()

    def _draw_message_states(self) -> None:
        """Draw what can be done with a message: its ring and menu, details, the exact prompt, a deletion with Undo."""
        window = self._hearth.window
        view = window.page.transcript.view
        last = self._hearth.transcript_model.rowCount() - 1
        answer = view.reveal(last)
        answer.setFocus(Qt.FocusReason.TabFocusReason)
        self._grab_both("message-focused")
        self._grab_popup("message-menu", lambda: answer.make_menu().popup(answer.mapToGlobal(QPoint(0, 24))))
        self._grab_popup("message-details", answer.show_details)
        answer.perform(Act.PROMPT)
        dialog = window.findChild(PromptDialog)
        assert isinstance(dialog, PromptDialog)
        self._wait(dialog.view.isVisible, 30)
        for theme in ("light", "dark"):
            self._set_theme(theme)
            self._pause(0.3)
            dialog.close()
            answer.perform(Act.PROMPT)
            dialog = self._hearth.messages.prompt_dialog
            assert dialog is not None
            self._wait(dialog.view.isVisible, 30)
            self._grab("exact-prompt", theme, dialog)
        dialog.close()
        view.reveal(last).perform(Act.DELETE)
        self._pause(0.5)
        self._grab_both("message-deleted")
        self._grab_both("message-deleted-small", SMALL)

    def _with_find(self) -> None:
        """Draw what a search in the conversation marks."""
        finder = self._hearth.window.page.finder
        finder.open()
        finder.bar.field.setText("words")
        self._wait(lambda: finder.search.total > 0 and not finder.search.is_searching, 10)
        self._grab_both("find")
        self._grab_both("find-small", SMALL)
        finder.close()

    def _with_warmth(self, paths: Paths, known: dict[str, str]) -> None:
        """Draw an invented state of the tiers: filling them for real would take gigabytes."""
        self._open(paths, scripted_engine_command("answer"))
        self._wait(lambda: self._hearth.checkpoints.plan is not None, 30)
        self._pause(0.5)
        self._hearth.window.open_requested.emit(known["restored"])
        warmth = warmth_of([known["restored"], *(known[title] for title, _ in TITLES), "deleted"])
        self._hearth.conversation_model.set_warmth({each.conversation_id: each for each in warmth.conversations})
        self._grab_both("warmth")
        self._grab_both("warmth-small", SMALL)
        dialogs = self._hearth.window.dialogs
        dialogs.open_memory()
        self._pause(0.3)  # what the engine says is late enough to take the place of the invented state
        dialogs.show_warmth(warmth)
        dialogs.show_freed(46 * MIB)
        view = dialogs.memory_dialog
        assert view is not None
        view.table.selectRow(2)
        for name, size in (("memory", view.size()), ("memory-small", view.minimumSize())):
            view.resize(size)
            for theme in ("light", "dark"):
                self._grab(name, theme, view)
        view.close()
        self._close()

    def _with_sidebar(self, paths: Paths, known: dict[str, str]) -> None:
        """Draw the sidebar in order and the palette: empty, with every section, and with nothing found."""
        self._open(paths, scripted_engine_command("answer"))
        self._wait(lambda: self._hearth.checkpoints.plan is not None, 30)
        self._pause(0.5)
        hearth, window, ids = self._hearth, self._hearth.window, list(known.values())
        hearth.lists.organizing.pin((ids[:2], True))
        hearth.lists.organizing.add_folder(ids[2:4])
        window.page.composer.take_focus()
        folder = hearth.conversation_model.folders[0]
        hearth.lists.organizing.rename_folder((folder.id, "Letters"))
        window.open_requested.emit(known["restored"])
        self._pause(0.3)
        hearth.conversations.change_known(ids[3:5], is_unread=True)
        hearth.conversation_model.set_running(ids[2:3], ids[5:6])
        self._grab_both("sidebar")
        self._grab_both("sidebar-small", SMALL)
        window.sidebar.list.selectAll()
        self._grab_both("sidebar-chosen", SMALL)
        window.sidebar.set_active(known["restored"])
        for name, typed in (("recent", ""), ("found", "answer"), ("nothing", "zzyx")):
            for size, end in ((LARGE, ""), (SMALL, "-small")):
                window.resize(*size)
                for theme in ("light", "dark"):
                    self._set_theme(theme)
                    window.actions_by_name.search.trigger()
                    hearth.palette.palette.field.setText(typed)
                    self._grab(f"palette-{name}{end}", theme)
                    hearth.palette.palette.leave()
        self._set_theme("light")
        self._close()

    def _with_script(self, script: str, paths: Paths) -> None:
        self._open(paths, scripted_engine_command(script))
        self._hearth.window.new_requested.emit()
        if script == "slow_load":
            self._pause(0.8)
            self._grab_both("loading")
        else:
            self._wait(lambda: self._hearth.checkpoints.plan is not None, 30)
            self._send("Which city is the capital of France, and how do you know?")
            self._pause(1.2 if script == "long_prefill" else 0.2)
            self._grab(f"{script}-running", "light")
            if script != "long_prefill":
                self._wait(self._is_idle, 30)
                self._grab_both(script)
        self._close()

    def _with_full_context(self, paths: Paths) -> None:
        """Draw the line above which the model no longer reads, the meter, and a private conversation."""
        script = Script(answer="The moon pulls on the water that is nearer to it. " * 3, context_window=100, rolls=True)
        self._open(paths, scripted_engine_command(script))
        self._hearth.window.new_requested.emit()
        self._wait(lambda: self._hearth.checkpoints.plan is not None, 30)
        for question in ("Why are there tides?", "And what does the sun do?", "Where are the highest ones?"):
            self._send(question)
            self._wait(self._is_idle, 30)
        self._hearth.window.page.composer.editor.set_text("How often in a day does the water come and go? " * 3)
        self._pause(0.6)
        self._grab_both("full-context")
        self._hearth.window.page.composer.set_text("")
        self._hearth.window.new_private_requested.emit()
        self._grab_both("private", SMALL)
        self._close()

    def _with_attachments(self, paths: Paths) -> None:
        """Draw files on their way to a message, the preview, the drop target, the queue, a conversation's settings."""
        self._open(paths, scripted_engine_command("markdown"))
        window, parts = self._hearth.window, self._hearth.composer
        composer = window.page.composer
        window.new_requested.emit()
        self._wait(lambda: self._hearth.checkpoints.plan is not None, 30)
        folder = paths.data / "attached"
        folder.mkdir()
        for name, data in (
            ("Quarterly report for the board 2026.pdf", documents.pdf("Revenue grew by a tenth.", "", "The end.")),
            ("costs.xlsx", documents.xlsx()),
            ("photo.png", b"\x89PNG\r\n\x1a\n"),
        ):
            (folder / name).write_bytes(data)
        composer.files_chosen.emit(tuple(str(path) for path in sorted(folder.iterdir())))
        window.grab().save(str(self._folder / f"attachments-reading-light-{self._scale}.png"))  # before they are read
        self._wait(lambda: bool(composer.attachments.chips) and not composer.attachments.being_read, 30)
        composer.editor.set_text("Compare the report with the costs.")
        composer.set_queue(("And write a letter about it.",))
        composer.set_waiting(("Waits for the answer in “Names for a sailing boat”", True))
        self._grab_both("attachments")
        self._grab_both("attachments-small", SMALL)
        composer.set_queue(())
        self._grab_popup("attachment-preview", composer.attachments.chips[0].name_button.click)
        self._pause(0.5)
        parts.drop_target.cover()
        self._grab_both("drop-target")
        parts.drop_target.hide()
        parts.own.change(("system_prompt", "You are a patient teacher. Answer in short sentences."))
        self._grab_popup("conversation-settings", parts.open_settings)
        self._pause(0.5)
        composer.button.click()
        self._pause(0.3)
        self._wait(self._is_idle, 30)
        self._grab_both("attachments-sent")
        self._close()

    def _with_exchange(self, paths: Paths) -> None:
        """Draw what is said while conversations are imported, and afterwards."""
        self._open(paths, scripted_engine_command("markdown"))
        window = self._hearth.window
        report = ImportReport(sources={Source.CHATGPT}, known=2, unreadable_conversations=1)
        report.added = [a_conversation(str(number)) for number in range(1234)]
        window.show_notice(exchange_notices.importing_notice(report))
        window.show_notice(exchange_notices.exported_notice(Path("Names for a sailing boat.md"), 1))
        self._grab_both("importing")
        window.clear_notice(exchange_notices.EXPORT_KEY)
        window.show_notice(exchange_notices.imported_notice(report))
        self._grab_both("imported-small", SMALL)
        self._close()

    def _with_models(self) -> None:
        """Draw the pages of models on invented ones: the Hub's own change, and nothing may be downloaded for this."""
        demo = DemoPages()
        for state in demo.states():
            for theme in ThemeChoice.LIGHT, ThemeChoice.DARK:
                demo.window.resize(*state.size)
                demo.window.apply_settings(Settings(theme=theme))
                self._pause(0.3)
                (state.widget or demo.window).grab().save(str(self._folder / f"{state.name}-{theme}-{self._scale}.png"))
        demo.window.deleteLater()
        self._pause(0.05)

    def _open(self, paths: Paths, engine_argv: list[str] | None) -> None:
        self._hearth = Hearth(paths, engine_argv or engine_command(paths.data))
        self._is_busy = False
        self._hearth.chat.busy_changed.connect(self._on_busy_changed)
        self._hearth.start()
        self._hearth.models.first_start.finish()  # drawn among the pages of models
        for key, value in (("temperature", 0.0), ("maximum_tokens", 200)):
            self._hearth.settings.change((key, value))
        self._hearth.window.resize(*LARGE)
        self._pause(0.2)

    def _close(self) -> None:
        self._hearth.shut_down()
        self._hearth.window.deleteLater()
        self._pause(0.05)

    def _on_busy_changed(self, is_busy: bool) -> None:
        self._is_busy = is_busy

    def _send(self, text: str) -> None:
        self._hearth.window.send_requested.emit(text)
        self._wait(lambda: self._is_busy, 10)

    def _is_idle(self) -> bool:
        return not self._is_busy

    def _newest_text(self) -> str:
        return self._hearth.transcript_model.entry(self._hearth.transcript_model.rowCount() - 1).message.content

    def _grab_both(self, name: str, size: tuple[int, int] = LARGE) -> None:
        self._hearth.window.resize(*size)
        for theme in ("light", "dark"):
            self._grab(name, theme)
        self._hearth.window.resize(*LARGE)
        self._set_theme("light")

    def _grab(self, name: str, theme: str, widget: QWidget | None = None) -> None:
        self._set_theme(theme)
        self._pause(0.3)
        (widget or self._hearth.window).grab().save(str(self._folder / f"{name}-{theme}-{self._scale}.png"))

    def _grab_popup(self, name: str, show: Callable[[], None]) -> None:
        """Grab the window with what pops up over it; the popup may be modal, so a timer does the work."""

        def grab() -> None:
            popup = self._application.activePopupWidget() or self._application.activeModalWidget()
            if popup is None:
                others = [w for w in self._application.topLevelWidgets() if w.isVisible() and w.isWindow()]
                popup = next((w for w in others if w is not self._hearth.window), None)
            if popup is not None:
                for theme in ("light", "dark"):
                    self._grab(name, theme, popup)
                popup.close()

        QTimer.singleShot(300, grab)
        show()
        self._pause(2.0)
        self._set_theme("light")

    def _set_theme(self, theme: str) -> None:
        self._hearth.window.settings_changed.emit(("theme", theme))

    def _wait(self, done: Callable[[], bool], seconds: float) -> None:
        end = time.monotonic() + seconds
        while not done():
            if time.monotonic() > end:
                raise TimeoutError("the window did not come to the state that was to be drawn")
            self._pause(0.05)

    def _pause(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._application.processEvents()
            time.sleep(0.005)


def fill_store(paths: Paths) -> dict[str, str]:
    """Store the conversations that are drawn; return their ids by the name of the picture."""
    now = time.time()
    store = ConversationStore(paths.database)
    known: dict[str, str] = {}
    for title, days in TITLES:
        known[title] = _store(store, title, now - days * DAY, [("How?", "Like this.")])
    code = [("Write a Python function that returns the words of a text.", CODE_ANSWER)]
    known["conversation"] = _store(store, "Split a text into words", now, code)
    restored = [("What else could we see on the way home?", "The old mines of Goslar are worth a stop.")]
    known["restored"] = _store(store, "Three days around Goslar", now - 3, restored, statistics=RESTORED)
    turns = [(f"Question {number}?", f"Answer {number}. " + "It goes on for a while. " * 12) for number in range(300)]
    known["long"] = _store(store, "Three hundred questions", now - 1, turns)
    failed = ErrorReport(kind=ErrorKind.ENGINE_DIED, message="The engine stopped unexpectedly while answering.",
                         hint="What was written is kept. Press Continue or send your message again.")  # fmt: skip
    known["failed"] = _store(store, "A cut-off answer", now - 2, [("Tell me about tides.", "Tides are the")], failed)
    store.close()
    return known


def warmth_of(conversation_ids: list[str]) -> WarmthDescribed:
    """Return a state in which the first conversation is in place, two more are in RAM and the others on disk."""
    tiers = [Tier.DEVICE, Tier.RAM, Tier.RAM]
    conversations = []
    for place, conversation_id in enumerate(conversation_ids):
        tier, tokens = tiers[place] if place < len(tiers) else Tier.DISK, (6412, 812, 12006, 300, 4100, 960)[place % 6]
        size = {tier: tokens * PLAN.kv_bytes_per_token, Tier.DISK: tokens * PLAN.kv_bytes_per_token}
        conversations.append(
            ConversationWarmth(
                conversation_id=conversation_id, tier=tier, tokens=tokens,
                ram_bytes=size.get(Tier.RAM, 0), disk_bytes=size[Tier.DISK],
            )
        )  # fmt: skip
    uses = (
        TierUse(tier=Tier.DEVICE, used_bytes=180 * MIB, budget_bytes=180 * MIB, is_used=True,
                reason="the running conversation"),
        TierUse(tier=Tier.RAM, used_bytes=282 * MIB, budget_bytes=4096 * MIB, is_used=True,
                reason="restores 152,000 tokens per second, reading again does 412"),
        TierUse(tier=Tier.DISK, used_bytes=1340 * MIB, budget_bytes=4096 * MIB, is_used=True,
                reason="restores 41,300 tokens per second, reading again does 412"),
    )  # fmt: skip
    return WarmthDescribed(command_id="invented", conversations=tuple(conversations), tiers=uses)


def _store(
    store: ConversationStore,
    title: str,
    at: float,
    turns: list[tuple[str, str]],
    error: ErrorReport | None = None,
    statistics: Statistics = STATISTICS,
) -> str:
    conversation = Conversation(id=new_id(), title=title, created_at=at, updated_at=at, title_is_manual=True)
    messages: list[Message] = []
    parent: str | None = None
    for question, answer in turns:
        for role, text in ((Role.USER, question), (Role.ASSISTANT, answer)):
            is_answer = role is Role.ASSISTANT
            interrupted = is_answer and error is not None
            message = Message(
                id=new_id(), conversation_id=conversation.id, parent_id=parent, sequence=store.next_sequence(),
                role=role, content=text, created_at=at, model="Example model" if is_answer else "",
                state=MessageState.INTERRUPTED if interrupted else MessageState.COMPLETE,
                precision="bf16" if is_answer else "", statistics=statistics if is_answer else None,
                finish_reason=FinishReason.END if is_answer and not interrupted else None,
                error=error if interrupted else None,
            )  # fmt: skip
            messages.append(message)
            parent = message.id
    done = Conversation(**{**{f: getattr(conversation, f) for f in conversation.__struct_fields__},
                           "active_leaf_id": parent})  # fmt: skip
    store.save_turn(done, messages)
    return conversation.id


if __name__ == "__main__":
    main()
