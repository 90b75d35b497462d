"""`python -m tests.benchmarks.lifecycle`: how soon processes start, stop, save and end, each beside its budget.

Real processes with the starter model: the engine behind the link that the app has, and the window, offscreen. Seconds
by the clock, the median and the longest of several rounds. Exit status 1 if one was over its budget.
"""

import argparse
import json
import logging
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import msgspec
import psutil

from app.conversations.answer_saver import AnswerSaver
from app.conversations.records import Message, MessageState, new_id
from app.conversations.store import ConversationStore
from app.conversations.store_thread import StoreThread
from app.paths import Paths, locate
from app.worker.engine_process import EngineProcess, FromEngine, StreamEnded, engine_command
from app.worker.engine_state import EngineState
from engine.api.commands import DescribeWarmth, Generate
from engine.api.events import (
    CheckpointLoaded,
    CommandCancelled,
    EngineReady,
    FinishReason,
    GenerationFinished,
    PrefillProgress,
    TextGenerated,
    WarmthDescribed,
)
from tests.benchmarks.store import conversation_of
from tests.chat_probe import command, user
from tests.link_probe import LinkProbe, load

_PATIENCE_SECONDS = 120.0
_LOOK_SECONDS = 0.005
_DELAY_SECONDS = 0.1
_LONG = "The lighthouse keeper wrote down the name of every passing ship. " * 100
_QUESTION = "Tell a long story about a lighthouse."

READY = "the engine's process is ready after its start"
STOP_READING = "Stop to idle while a prompt is read"
STOP_ANSWERING = "Stop to idle while answering"
STOP_FROZEN = "Stop of an engine that is frozen frees the window"
KILLED = "a frozen engine is killed after Stop"
ENGINE_ENDS = "SIGTERM to the engine while it answers: its KV is kept, it has ended"
SAVED = "SIGTERM to the window while it answers: what there is of the answer is stored"
WINDOW_ENDS = "the same: the conversation's KV is kept, all processes have ended"
DELAYED = "work that the store was to do after 0.1 s is done"
ANSWER_ENDS = "the end of an answer is written"
# In seconds. Two are what a person waits for without thinking that it hangs, and what a desktop that logs out leaves a
# program; the engine gets two to end in order, and five after Stop to come to itself.
BUDGETS = {
    READY: 5.0,
    STOP_READING: 0.2,
    STOP_ANSWERING: 0.2,
    STOP_FROZEN: 1.5,
    KILLED: 8.0,
    ENGINE_ENDS: 2.0,
    SAVED: 2.0,
    WINDOW_ENDS: 3.0,
    DELAYED: 4.0,
    ANSWER_ENDS: 2.0,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--window", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.window:
        sys.exit(_be_the_window())
    logging.disable()  # that an engine was lost is part of the course
    with tempfile.TemporaryDirectory() as home:
        os.environ |= {"HEARTH_HOME": home, "QT_QPA_PLATFORM": "offscreen"}
        paths = locate()
        paths.make_folders()
        with _linked(paths):
            pass  # converts the starter model
        found: dict[str, list[float]] = {what: [] for what in BUDGETS}
        for _ in range(options.rounds):
            for what, seconds in (*_link(paths), *_engine_ends(paths), *_window_ends(paths), *_store(Path(home))):
                found[what].append(seconds)
    rows = {
        what: {"median": statistics.median(times), "longest": max(times), "budget": BUDGETS[what]}
        for what, times in found.items()
    }
    print(json.dumps(rows, indent=1) if options.json else readable(rows))
    sys.exit(any(max(times) > BUDGETS[what] for what, times in found.items()))


def readable(rows: dict[str, dict[str, float]]) -> str:
    return "\n".join(
        f"{what:78} {row['median']:6.3f} s (longest {row['longest']:.3f} s) of {row['budget']:g} s"
        for what, row in rows.items()
    )


@contextmanager
def _linked(paths: Paths) -> Iterator[LinkProbe]:
    """The engine's process behind its link, with the starter model loaded."""
    probe = LinkProbe(engine_command(paths.data, offline=True), paths.engine_log)
    try:
        probe.submit(load())
        loaded = probe.terminal("load", _PATIENCE_SECONDS)
        assert isinstance(loaded, CheckpointLoaded), loaded
        yield probe
    finally:
        probe.stop()


def _generate(command_id: str, text: str, conversation: str) -> Generate:
    """A question that nobody has asked before, so that all of it has to be read."""
    values = command([user(f"{new_id()} {text}")], conversation, 1000)
    names = {"command_id": command_id, "message_id": command_id}
    return Generate(**{name: getattr(values, name) for name in values.__struct_fields__} | names)


def _link(paths: Paths) -> Iterator[tuple[str, float]]:
    """Yield what the app's side of a working and of a frozen engine takes."""
    with _linked(paths) as probe:
        probe.submit(_generate("reading", _LONG, "reading"))
        probe.wait_for(lambda: any(_has_read(event) for event in probe.of("reading")), _PATIENCE_SECONDS)
        yield STOP_READING, _seconds_to_stop(probe, "reading")
        probe.submit(_generate("answering", _QUESTION, "answering"))
        probe.wait_for_text("answering")
        yield STOP_ANSWERING, _seconds_to_stop(probe, "answering")
        probe.submit(_generate("frozen", _QUESTION, "frozen"))
        probe.wait_for_text("frozen")
        process = psutil.Process(probe.wait_for_process())
        process.suspend()
        stopped = time.monotonic()
        yield STOP_FROZEN, _seconds_to_stop(probe, "frozen")
        probe.wait_for_state(EngineState.RESTARTING)
        assert not process.is_running()
        yield KILLED, time.monotonic() - stopped


def _has_read(event: object) -> bool:
    return isinstance(event, PrefillProgress) and 0 < event.done_tokens < event.prompt_tokens


def _seconds_to_stop(probe: LinkProbe, command_id: str) -> float:
    began = time.monotonic()
    probe.link.cancel(command_id)
    terminal = probe.terminal(command_id)
    seconds = time.monotonic() - began
    was_stopped = isinstance(terminal, GenerationFinished) and terminal.reason is FinishReason.STOPPED
    assert was_stopped or isinstance(terminal, CommandCancelled), terminal
    return seconds


def _engine_ends(paths: Paths) -> Iterator[tuple[str, float]]:
    """Yield how long the engine takes to start, and from SIGTERM to its end; another one knows the conversation."""
    heard: list[FromEngine | StreamEnded] = []

    def has_come(kind: type) -> bool:
        return any(isinstance(each, FromEngine) and isinstance(each.event, kind) for each in heard)

    conversation_id, began = new_id(), time.monotonic()
    engine = EngineProcess(engine_command(paths.data, offline=True), heard.append, paths.engine_log)
    try:
        _until(lambda: has_come(EngineReady))
        yield READY, time.monotonic() - began
        engine.send(load())
        engine.send(_generate("g", _LONG + _QUESTION, conversation_id))
        _until(lambda: has_come(TextGenerated))
        began = time.monotonic()
        engine.terminate()
        assert engine.wait(_PATIENCE_SECONDS)
        yield ENGINE_ENDS, time.monotonic() - began
        assert engine.exit_status == 0
    finally:
        engine.end()
    _assert_known(paths, conversation_id)


def _assert_known(paths: Paths, conversation_id: str) -> None:
    """Fail unless an engine that has just been started has the conversation's KV."""
    with _linked(paths) as probe:
        described = probe.do(DescribeWarmth(command_id="warmth"))
        assert isinstance(described, WarmthDescribed), described
        known = {each.conversation_id: each.tokens for each in described.conversations}
        assert known.get(conversation_id), f"nothing is kept of {conversation_id}: {known}"


def _window_ends(paths: Paths) -> Iterator[tuple[str, float]]:
    """Yield how long the window takes from SIGTERM until the answer is stored, and until it has ended."""
    before = {each.id for each in _stored(paths)}
    code = [sys.executable, "-m", "tests.benchmarks.lifecycle", "--window"]
    with subprocess.Popen(code, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:

        def answer() -> Message | None:
            new = [each for each in _stored(paths) if each.id not in before]
            return new[1] if len(new) == 2 and new[1].content else None

        _until(lambda: answer() is not None)
        engine = psutil.Process(process.pid).children(recursive=True)
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        _until(lambda: getattr(answer(), "state", None) is not MessageState.STREAMING)
        yield SAVED, time.monotonic() - began
        assert process.wait(_PATIENCE_SECONDS) == 0
        yield WINDOW_ENDS, time.monotonic() - began
    assert not any(each.is_running() for each in engine)
    stopped = answer()
    assert stopped is not None
    assert stopped.state is MessageState.INTERRUPTED
    _assert_known(paths, stopped.conversation_id)


def _be_the_window() -> int:
    """Run Hearth as its command does, with a question that is asked at once."""
    from app import main as hearth

    class Asking(hearth.Hearth):
        def start(self) -> None:
            super().start()
            self.conversations.new()
            self.chat.send(f"{new_id()} {_LONG}{_QUESTION}")

    hearth.Hearth = Asking  # type: ignore[misc]  # what run() makes
    paths = locate()
    return hearth.run(paths, engine_command(paths.data, offline=True))


def _stored(paths: Paths) -> list[Message]:
    """Return all messages in the order in which they came."""
    store = ConversationStore(paths.database)
    try:
        found = [message for each in store.list_conversations() for message in store.load_messages(each.id)]
        return sorted(found, key=lambda message: message.sequence)
    finally:
        store.close()


def _store(folder: Path) -> Iterator[tuple[str, float]]:
    """Yield what the store's thread takes, between saves of single messages and of an answer that grows."""
    thread = StoreThread(folder / "store.db")
    conversation, messages = conversation_of(1000)
    thread.submit(lambda store: store.save_turn(conversation, messages)).result()
    began = time.monotonic()
    delayed = thread.submit_after(_DELAY_SECONDS, lambda store: time.monotonic())
    for message in messages[:100]:
        thread.submit(partial(ConversationStore.save_message, message=message))
    yield DELAYED, delayed.result() - began
    saver, answer = AnswerSaver(thread), messages[-1]
    for length in range(1, 500):
        saver.update(msgspec.structs.replace(answer, content="word " * 20 * length, state=MessageState.STREAMING))
    began = time.monotonic()
    saver.finish(answer).result()
    yield ANSWER_ENDS, time.monotonic() - began
    assert thread.close(_PATIENCE_SECONDS)


def _until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + _PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(_LOOK_SECONDS)


if __name__ == "__main__":
    main()
