"""`python -m tests.benchmarks.window`: how soon the window is there, and how long it ever keeps its user waiting.

Offscreen, with the scripted engine. Stalls are the longest turns of the event loop, by the clock for what other threads
and processes take part in, else of the processor's time, which other programs don't disturb.
"""

import gc
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from tests.benchmarks import stalls

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication

    from app.widgets.composer.composer import Composer

HISTORY_MESSAGES = 1000
LARGE_MESSAGES = 10_000
SEARCHED_MESSAGES = 100_000
_WORDS = "Some words of a long line that goes on and on. "
# Starts as `hearth` does, with the scripted engine; prints when the window was painted, the processor's seconds until
# then, and the bytes of memory then and once what is opened next has been prepared.
_START = """
import sys, time
from app import cli

def load_and_follow(load_qt=cli.load_qt):
    load_qt()
    from app import main
    from PySide6.QtWidgets import QApplication

    def first_turns(*_):
        QApplication.processEvents()
        painted = time.time(), time.process_time()
        import psutil
        process = psutil.Process()
        memory = process.memory_info().rss
        end = time.monotonic() + main.PREPARE_MS / 1000 + 2
        while time.monotonic() < end:
            QApplication.processEvents()
            time.sleep(0.001)
        print(*painted, memory, process.memory_info().rss, flush=True)
        return 0

    QApplication.exec = first_turns
    main.engine_command = lambda *_, **__: [sys.executable, "tests/scripted_engine.py", "--script", "answer"]

cli.load_qt = load_and_follow
sys.exit(cli.main([]))
"""


def pasted() -> dict[str, str]:
    """Return texts for the clipboard, made only when they are needed: they would count as the window's memory."""
    return {
        "10 MB of ASCII pasted": "Some words in a line of text\n" * 350_000,
        "10 MB of umlauts pasted": "Größe über alles, naïve Wörter\n" * 300_000,
        "10 MB of Chinese pasted": "汉字漢字文字\n" * 530_000,
    }


def huge() -> dict[str, str]:
    """Return huge messages, made only when they are needed."""
    return {
        "table of 10,000 rows": "| a | b |\n|---|---|\n" + "".join(f"| row {row} | text |\n" for row in range(10_000)),
        "a million characters": "x" * 1_000_000,
        "a million of words": _WORDS * 21_000,
        "a million of paragraphs": (_WORDS * 10 + "\n\n") * 2_100,
        "500 nested lists": "".join("  " * level + f"- item {level}\n" for level in range(500)),
        "list of 2,000 items": "".join(f"- item {number} {_WORDS}\n" for number in range(2_000)),
        "a million of open code": "```python\n" + "value = compute(1, 'two')  # three\n" * 28_500,
        "a million of thinking": "<think>\n" + _WORDS * 21_000,
        "a line of ten million": "x" * 10_000_000,
        "5,000 formulas in a line": " ".join(f"and $x_{{{number}}}$" for number in range(5_000)),
        "1,500 formulas": "\n\n".join(f"Then $$x = {number}$$" for number in range(1_500)),
    }


def main() -> None:
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    for argument, act in (("--fill", _fill_home), ("--inner", _measure)):
        if argument in sys.argv:
            print(json.dumps(act()))
            return
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "HEARTH_HOME": home, "PYTHONPYCACHEPREFIX": f"{home}/bytecode"}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)  # modules are compiled at the first start only
        environment["HEARTH_BENCHMARK_IDS"] = _run("--fill", environment)
        _start(environment)
        starts = [_start(environment) for _ in range(5)]
        found = json.loads(_run("--inner", environment))
        command = [sys.executable, "-m", "tests.benchmarks.stalls", "--json"]
        turns = subprocess.run(command, env=environment, capture_output=True, check=True, text=True).stdout
    names = ("start", "start_processor", "start_memory", "prepared_memory")
    found |= dict(zip(names, (statistics.median(values) for values in zip(*starts, strict=True)), strict=True))
    found["turns"] = json.loads(turns)
    if "--json" in sys.argv:
        print(json.dumps(found, indent=1))
    else:
        _print(found)


def _print(found: dict[str, Any]) -> None:
    shown, computed = found["start"], found["start_processor"]
    print(f"window on screen after start        {shown:.2f} s, {computed:.2f} s of the processor (medians of 5)")
    print(f"open {LARGE_MESSAGES:,} messages                {found['open']:.2f} s until drawn")
    print(f"longest stall while streaming       {found['stall'] * 1000:.0f} ms after {HISTORY_MESSAGES:,} messages")
    print(f"key press to painted character      {found['key'] * 1000:.0f} ms (worst of 20, while streaming)")
    print(f"the same after 188,000 characters   {found['long_key'] * 1000:.0f} ms")
    stall = f"longest stall {found['find_stall'] * 1000:.0f} ms"
    print(f"find in {LARGE_MESSAGES:,} messages             {found['find']:.2f} s, {stall}")
    print(f"search of {SEARCHED_MESSAGES:,} messages          {found['search'] * 1000:.0f} ms (store)")
    memory = (found[name] / 2**20 for name in ("start_memory", "prepared_memory", "memory"))
    used = " MiB, ".join(f"{each:.0f}" for each in memory)
    print(f"memory of the window's process      {used} MiB: on screen, prepared, after all of this")
    print(f"Stop to idle, while answering       {found['stop'] * 1000:.0f} ms")
    for name in pasted():
        print(f"{name:35} longest stall {found[name] * 1000:.0f} ms (clipboard to chip, count and store)")
    for name in huge():
        opening, stall = found[f"{name} opened"], found[f"{name} stall"]
        print(f"{name:28} drawn after {opening:.2f} s, longest stall while it streams {stall * 1000:.0f} ms")
    print("longest turns of the event loop, the first time and the second:")
    print(stalls.readable(found["turns"]))


def _run(argument: str, environment: dict[str, str]) -> str:
    """Run this benchmark's part in a process of its own and return what it printed."""
    command = [sys.executable, "-m", "tests.benchmarks.window", argument]
    return subprocess.run(command, env=environment, capture_output=True, check=True, text=True).stdout


def _start(environment: dict[str, str]) -> tuple[float, float, float, float]:
    """Return seconds from starting Python until the window was painted, the processor's of them, and bytes of memory.

    Bytes: when it was painted, and when it was prepared. torch plays no part in it.
    """
    began = time.time()
    command = [sys.executable, "-c", _START]
    done = subprocess.run(command, env=environment, capture_output=True, check=True, text=True)
    shown, computed, memory, prepared = map(float, done.stdout.splitlines()[-1].split())
    return shown - began, computed, memory, prepared


def _fill_home() -> dict[int, str]:
    """Make a home of somebody who has used Hearth; return ids of conversations by their number of messages."""
    from app.paths import locate
    from app.settings.window_state import WindowState, save_window_state

    paths = locate()
    paths.make_folders()
    ids = fill(paths.database)
    last = ids[HISTORY_MESSAGES]
    save_window_state(paths.window_state_file, WindowState(first_start_done=True, last_conversation_id=last))
    return ids


def _measure() -> dict[str, float]:
    from app.qt_loading import load_qt

    load_qt()
    from PySide6.QtWidgets import QApplication

    from app.main import Hearth, set_up
    from app.paths import locate

    application = QApplication([])
    set_up(application)
    paths = locate()
    ids = {int(count): each for count, each in json.loads(os.environ["HEARTH_BENCHMARK_IDS"]).items()}
    hearth = Hearth(paths, [sys.executable, "tests/scripted_engine.py", "--script", "slow"])
    hearth.start()
    gc.freeze()  # as main.run() does

    def run_until(done: object) -> float:
        """Turn the event loop until done() and return the longest turn in seconds."""
        longest, end = 0.0, time.monotonic() + 60.0
        while not done():  # type: ignore[operator]
            began = time.monotonic()
            application.processEvents()
            longest = max(longest, time.monotonic() - began)
            assert began < end, "the window did not get there"
            time.sleep(0.001)
        return longest

    run_until(lambda: hearth.checkpoints.plan is not None)
    application.processEvents()
    assert hearth.window.page.isVisible()
    began = time.monotonic()
    hearth.conversations.open(ids[LARGE_MESSAGES])
    run_until(lambda: hearth.transcript_model.rowCount() == LARGE_MESSAGES)
    run_until(lambda: not hearth.window.page.transcript.view.is_filling)
    application.processEvents()
    hearth.window.grab()
    opened = time.monotonic() - began
    finder = hearth.window.page.finder
    finder.open()
    began = time.monotonic()
    finder.bar.field.setText("some words and code")
    find_stall = run_until(lambda: not finder.search.is_searching)
    found = time.monotonic() - began
    assert finder.search.total > LARGE_MESSAGES
    finder.close()
    hearth.conversations.open(ids[HISTORY_MESSAGES])
    run_until(lambda: hearth.transcript_model.rowCount() == HISTORY_MESSAGES)
    busy: list[bool] = []
    hearth.chat.busy_changed.connect(busy.append)
    hearth.chat.send("Go on")
    run_until(lambda: hearth.transcript_model.rowCount() == HISTORY_MESSAGES + 2)
    newest = HISTORY_MESSAGES + 1
    stall = run_until(lambda: len(hearth.transcript_model.entry(newest).message.content) > 150)
    key = max(_seconds_to_paint(hearth.window.page.composer, application) for _ in range(20))
    hearth.window.page.composer.set_text(_WORDS * 4_000)
    long_key = max(_seconds_to_paint(hearth.window.page.composer, application) for _ in range(20))
    hearth.window.page.composer.set_text("")
    began = time.monotonic()
    hearth.chat.stop()
    run_until(lambda: not busy[-1])
    stopped = time.monotonic() - began
    memory = psutil.Process().memory_info().rss

    others: dict[str, float] = {}
    for name, text in pasted().items():
        others[name] = _measure_paste(hearth.window.page.composer, text, run_until)
    hearth.shut_down()
    for name, text in huge().items():
        others |= _measure_huge(name, text, application)
    return {
        **others,
        "open": opened, "stall": stall, "stop": stopped, "key": key, "long_key": long_key,
        "find": found, "find_stall": find_stall,
        "memory": memory, "search": _seconds_to_search(paths.database.with_name("searched.db")),
    }  # fmt: skip


def _measure_paste(composer: "Composer", text: str, run_until: Callable[[object], float]) -> float:
    """Paste from the clipboard and return the longest turn until the chip is there and the store has it."""
    from PySide6.QtGui import QGuiApplication

    QGuiApplication.clipboard().setText(text)
    began = time.monotonic()
    composer.editor.paste()
    longest = time.monotonic() - began
    longest = max(longest, run_until(lambda: [item for item in composer.attachments.items if item.attachment]))
    settled = time.monotonic() + 1.0
    longest = max(longest, run_until(lambda: time.monotonic() > settled))
    assert "too long for the model" in composer.attachments.problem.text()
    composer.attachment_removed.emit(composer.attachments.items[0].key)
    return longest


def _measure_huge(name: str, text: str, application: "QApplication") -> dict[str, float]:
    """Return how long one huge message takes to be drawn, and the longest turn while its second half streams in."""
    from app.conversations.records import Message, MessageState
    from app.models.transcript_model import TranscriptEntry, TranscriptModel
    from app.widgets.basics.theme import LIGHT
    from app.widgets.transcript.transcript import Transcript
    from engine.api.message import Role

    def entry(end: int, state: MessageState) -> TranscriptEntry:
        return TranscriptEntry(Message(id=state.value, conversation_id="c", parent_id=None, role=Role.ASSISTANT,
                                       content=text[:end], sequence=1, created_at=0.0, state=state))  # fmt: skip

    model = TranscriptModel()
    page = Transcript(model, LIGHT)
    page.resize(900, 700)
    page.show()
    began = time.thread_time()
    model.set_entries([entry(len(text), MessageState.COMPLETE)])
    application.processEvents()
    page.grab()
    opened = time.thread_time() - began
    longest, half = 0.0, len(text) // 2
    model.set_entries([entry(half, MessageState.STREAMING)])
    for step in range(1, 101):
        began = time.thread_time()
        model.update_message(entry(half + half * step // 100, MessageState.STREAMING).message)
        application.processEvents()
        longest = max(longest, time.thread_time() - began)
        time.sleep(0.02)
    page.close()
    page.deleteLater()
    return {f"{name} opened": opened, f"{name} stall": longest}


def _seconds_to_paint(composer: "Composer", application: "QApplication") -> float:
    """Press a key and return the time until the composer has painted."""
    from PySide6.QtCore import QEvent, QObject
    from PySide6.QtTest import QTest
    from PySide6.QtWidgets import QPlainTextEdit

    class Painted(QObject):
        seen = False

        def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802  Qt's name
            self.seen = self.seen or event.type() == QEvent.Type.Paint
            return False

    editor = composer.findChild(QPlainTextEdit)
    assert isinstance(editor, QPlainTextEdit)
    application.processEvents()
    painted = Painted()
    editor.viewport().installEventFilter(painted)
    began = time.monotonic()
    QTest.keyClicks(editor, "x")
    while not painted.seen and time.monotonic() < began + 5:
        application.processEvents()
    editor.viewport().removeEventFilter(painted)
    assert painted.seen
    return time.monotonic() - began


def _seconds_to_search(database: Path) -> float:
    """Return the longest of three searches of the whole store."""
    from app.conversations.store import ConversationStore

    fill(database, (SEARCHED_MESSAGES,))
    store = ConversationStore(database)
    times = []
    for words in ("turn 99999", "paragraph code", "wor"):
        began = time.monotonic()
        assert store.search(words)
        times.append(time.monotonic() - began)
    store.close()
    return max(times)


def fill(database: Path, counts: tuple[int, ...] = (HISTORY_MESSAGES, LARGE_MESSAGES)) -> dict[int, str]:
    from app.conversations.records import Conversation, Message, new_id
    from app.conversations.store import ConversationStore
    from engine.api.message import Role

    store = ConversationStore(database)
    ids: dict[int, str] = {}
    for count in counts:
        conversation_id = ids[count] = new_id()
        now = time.time()
        messages: list[Message] = []
        parent: str | None = None
        for number in range(count):
            role = Role.ASSISTANT if number % 2 else Role.USER
            text = f"Turn {number}. " + "Some **words** and `code` in a paragraph. " * (4 if number % 2 else 1)
            message = Message(id=new_id(), conversation_id=conversation_id, parent_id=parent, role=role, content=text,
                              sequence=store.next_sequence(), created_at=now)  # fmt: skip
            messages.append(message)
            parent = message.id
        conversation = Conversation(id=conversation_id, title=f"{count} turns", created_at=now, updated_at=now,
                                    active_leaf_id=parent)  # fmt: skip
        store.save_turn(conversation, messages)
    store.close()
    return ids


if __name__ == "__main__":
    main()
