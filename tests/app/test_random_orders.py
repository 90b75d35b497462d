"""Whatever is asked in whatever order: nothing that was written is lost, and the window comes to rest.

The steps follow from a seed, so what one run found is walked again. HEARTH_ORDERS="seeds x steps"
walks further, and then also compares the window with the store.
"""

import os
import random
import re
import signal
from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import zip_longest
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.controllers import notices
from app.controllers.chat import message_controller
from app.controllers.conversations import deletion_controller
from app.conversations.attachment import Attachment
from app.conversations.editing import list_edits
from app.conversations.records import Conversation, Message
from app.conversations.store import ConversationStore
from app.conversations.tree import ConversationTree
from app.models.transcript_model import TranscriptEntry
from app.paths import locate
from app.widgets.transcript.message_actions import Act, offer_of
from tests.app.whole import Whole
from tests.engine_scripts import CHECKPOINTS, Script

SEEDS, STEPS = (int(part) for part in os.environ.get("HEARTH_ORDERS", "1 x 40").split(" x "))
FIRST = int(os.environ.get("HEARTH_ORDERS_FROM", "0"))
SCRIPT = Script(
    answer="# Title\n\nYou said: {message}\n\n```python\nx = 1\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n",
    thinking="They want something.",
    delay_seconds=0.004,
    steps=4,
)
TITLES = ("", "Same", "  ", "word " * 2000, "\u05e9\u05dc\u05d5\u05dd \U0001f525", "a\nb\x00c", "Same")
_ACTS = [each for each in Act if each not in (Act.EDIT, Act.PROMPT, Act.COPY)]
_WORD = re.compile(r"word\d+")
_MOST_DEATHS = 2  # of the engine, as after three within a minute it is not started again


class Orders:
    """Does one thing after the other in one window, and knows which words have to be somewhere."""

    def __init__(self, qtbot: QtBot, folder: Path, seed: int) -> None:
        self.qtbot, self.folder = qtbot, folder
        self.dice = random.Random(seed)
        self.steps: list[str] = []
        self.written: set[str] = set()
        self.is_private: set[str] = set()  # what was written there goes with the window
        self.leaving: set[str] = set()  # messages that may be shown until the store has deleted them
        self.deaths = 0
        self.whole = self._opened()

    def step(self) -> None:
        """Do one thing that can be done now."""
        kinds: list[Callable[[], object]] = [
            self.say, self.say, self.say, self.type, self.type, self.begin, self.open, self.open, self.delete,
            self.undo, self.undo, self.stop, self.stop, self.act, self.act, self.act, self.edit, self.finish_edit,
            self.queue, self.queue, self.load, self.attach, self.organize, self.trigger, self.wait, self.wait,
            self.kill, self.restart,
        ]  # fmt: skip
        kind = self.dice.choice(kinds)
        self.steps.append(kind.__name__)
        kind()
        self.qtbot.wait(self.dice.choice((0, 0, 0, 5, 40)))

    def say(self) -> None:
        self.type()
        self.whole.composer._on_submitted()

    def type(self) -> None:
        composer = self.whole.composer
        composer.editor.setPlainText(f"{composer.text} {self._word()}".strip())

    def begin(self) -> None:
        window = self.whole.hearth.window
        self.dice.choice((window.begin_new, window.begin_new, window.begin_new_private))()

    def open(self) -> None:
        if ids := self._listed():
            self.whole.hearth.window.open_conversation(self.dice.choice(ids))

    def delete(self) -> None:
        if ids := self._listed():
            self.whole.hearth.lists.deletions.delete(self.dice.sample(ids, min(len(ids), self.dice.choice((1, 1, 3)))))

    def undo(self) -> None:
        self.whole.notices.undo_newest()

    def stop(self) -> None:
        self.whole.composer.stop_requested.emit()

    def act(self) -> None:
        entry, row = self._message()
        if entry is None:
            return
        is_busy = self.whole.hearth.window.page.transcript.is_busy
        act = self.dice.choice(_ACTS)
        offer = offer_of(act, entry, is_busy=is_busy, has_models=True)
        if offer.is_shown and offer.is_enabled:
            self.steps[-1] += f" {act} {row}"
            if act is Act.DELETE:  # what is written in a message goes with it
                self._leave(entry.message.id)
            model = self.dice.choice(CHECKPOINTS).reference if act is Act.REGENERATE_WITH else ""
            self.whole.hearth.window.page.transcript.view.reveal(row).perform(act, model)

    def edit(self) -> None:
        entry, row = self._message()
        is_busy = self.whole.hearth.window.page.transcript.is_busy
        if entry is None or not offer_of(Act.EDIT, entry, is_busy=is_busy, has_models=True).is_enabled:
            return
        widget = self.whole.hearth.window.page.transcript.view.reveal(row)
        widget.begin_editing()
        if widget.editor is not None:
            word = self._word()
            widget.editor.editor.setPlainText(f"{widget.editor.editor.text} {word}")
            if entry.message.id in self.leaving:
                self.written.discard(word)

    def finish_edit(self) -> None:
        view = self.whole.hearth.window.page.transcript.view
        rows = [
            each
            for each in range(self.whole.hearth.transcript_model.rowCount())
            if view.reveal(each).editor is not None
        ]
        if rows:
            editor = view.reveal(self.dice.choice(rows)).editor
            assert editor is not None
            if self.dice.random() < 0.7:
                editor.save_button.click()
            else:
                message = editor.edit.message
                self.written -= words_in(editor.editor.text) - words_in(message.content)
                self.written -= read_in(editor.edit.attachments) - read_in(message.attachments)
                editor.cancel_button.click()

    def queue(self) -> None:
        chips = self.whole.composer.chips
        if not chips.queue:
            return
        place = self.dice.randrange(len(chips.queue))
        wish = self.dice.choice(("now", "edit", "remove"))
        self.steps[-1] += f" {wish}"
        if wish == "remove":
            job = self.whole.hearth.chat._queue.of(self.whole.hearth.conversations.current_id)[place]
            self.written -= words_in(chips.queue[place]) | read_in(getattr(job, "attachments", None) or ())
            chips.remove_requested.emit(place)
        elif wish == "edit":
            chips.edit_requested.emit(place)
        else:
            self.whole.composer.queue_now_requested.emit(place)

    def load(self) -> None:
        checkpoints = self.whole.hearth.checkpoints
        wish = self.dice.choice((checkpoints.unload, checkpoints.reload, *(each.reference for each in CHECKPOINTS)))
        if isinstance(wish, str):
            checkpoints.load(wish)
        else:
            wish()

    def attach(self) -> None:
        path = self.folder / f"{len(self.steps)}.txt"
        word = f"word{900_000 + len(self.steps)}"
        path.write_text(word)
        known = self.is_private if self.whole.hearth.conversations.is_private else self.written
        self.whole.hearth.composer.attachments.add_files((str(path),))
        if self.dice.random() < 0.7:  # else the next thing is done while it is being read
            drafts = self.whole.hearth.conversations.drafts
            self.whole.wait(lambda: any(word in read_in(each) for each in drafts._attached.values()))
            known.add(word)

    def organize(self) -> None:
        organizing, ids = self.whole.hearth.lists.organizing, self._listed()
        folders = [each.id for each in self.whole.hearth.conversation_model.folders]
        some = tuple(self.dice.sample(ids, min(2, len(ids))))
        wishes: list[Callable[[], object]] = [
            lambda: organizing.add_folder(some),
            lambda: organizing.move((some, self.dice.choice([*folders, ""]) or None)),
            lambda: organizing.pin((some, self.dice.random() < 0.5)),
            lambda: organizing.duplicate(some[:1]),
            lambda: [organizing.delete_folder(each) for each in folders[:1]],
            lambda: [self.whole.hearth.conversations.rename((each, self.dice.choice(TITLES))) for each in some],
        ]
        self.dice.choice(wishes)()

    def trigger(self) -> None:
        actions = self.whole.hearth.window.actions_by_name.by_name
        name = self.dice.choice(
            ("regenerate", "branch", "edit_last", "continue_answer", "answer_now", "sidebar", "larger", "smaller",
             "theme_dark", "theme_light", "older_text", "newer_text", "models", "find", "newest", "next_conversation",
             "previous_version", "next_version")
        )  # fmt: skip
        if name == "older_text" and self.whole.composer.text:
            return  # it takes the place of what is typed
        self.steps[-1] += f" {name}"
        if actions[name].isEnabled():
            actions[name].trigger()

    def wait(self) -> None:
        self.qtbot.wait(self.dice.choice((20, 150, 700)))

    def kill(self) -> None:
        process = self.whole.hearth.engine._link._process
        if process is not None and self.deaths < _MOST_DEATHS:
            self.deaths += 1
            with suppress(ProcessLookupError):  # it has ended, and the link is about to hear of it
                os.kill(process.process_id, signal.SIGKILL)

    def restart(self) -> None:
        self.whole.end()
        self.expect_nothing_lost()
        self.written -= self.is_private
        self.whole = self._opened()
        self.deaths = 0

    def come_to_rest(self) -> None:
        """Wait until nothing goes on any more; who sees that what was said waits for a model has one loaded."""
        chat, checkpoints = self.whole.hearth.chat, self.whole.hearth.checkpoints
        presses = [lambda: checkpoints.load("starter"), *[self._load_again] * _MOST_DEATHS]
        self.whole.wait(lambda: chat.is_idle or self._waits_for_a_model())
        while not chat.is_idle and presses:
            presses.pop(0)()
            self.whole.wait(lambda: chat.is_idle or self._waits_for_a_model())
        assert chat.is_idle

    def _load_again(self) -> None:
        """Press the button beside what is said of a load that met an engine just killed."""
        actions = [row.notice.action_key for row in self.whole.notices.rows]
        assert notices.LOAD_MODEL in actions
        self.whole.hearth.window.notice_action_requested.emit(notices.LOAD_MODEL)

    def _waits_for_a_model(self) -> bool:
        """Whether a message or more can't be answered, as the last wish was to have no model, or a load has failed."""
        checkpoints = self.whole.hearth.checkpoints
        return checkpoints.plan is None and not checkpoints.loading

    def expect_screen_as_store(self) -> None:
        """See that window and store agree about list and conversation, and that nothing seems to go on."""
        hearth = self.whole.hearth
        hearth.conversations.drafts.flush()
        self.qtbot.waitUntil(self._agree)
        assert not self.whole.composer.chips.queue
        assert not hearth.window.page.transcript.is_busy

    def _agree(self) -> None:
        assert self._differences() == []

    def _differences(self) -> list[object]:
        hearth = self.whole.hearth
        model, listed = hearth.transcript_model, hearth.conversation_model
        shown = [model.entry(row).message for row in range(model.rowCount())]
        current = hearth.conversations.current
        shown_id = current.conversation.id if current is not None else ""
        stored, messages = hearth.store_thread.submit(
            lambda store: (store.list_conversations(), store.load_messages(shown_id))
        ).result(30)
        kept = {each.id: each for each in stored if each.active_leaf_id is not None or each.title}
        leaf_id = kept[shown_id].active_leaf_id if shown_id in kept else None
        branch = ConversationTree(messages).branch(leaf_id)
        seen = {each.id: each for each in listed.all if each.title or each.active_leaf_id is not None}
        return [
            *[(a, b) for a, b in zip_longest(map(_outline, shown), map(_outline, branch)) if a != b],
            *[(a, b) for a, b in ((_place(seen, key), _place(kept, key)) for key in {*seen, *kept}) if a != b],
        ]

    def expect_nothing_lost(self) -> None:
        """Look for every word in the store of a window that has ended."""
        kept = words_in(everything_kept())
        lost = self.written - self.is_private - kept
        assert not lost, f"{sorted(lost)} lost"

    def _opened(self) -> Whole:
        whole = Whole(self.qtbot, SCRIPT)
        whole.wait(lambda: whole.hearth.checkpoints.plan is not None)
        return whole

    def _word(self) -> str:
        word = f"word{len(self.written | self.is_private) + 1000 * len(self.steps)}"
        self.written.add(word)
        if self.whole.hearth.conversations.is_private:
            self.is_private.add(word)
        return word

    def _leave(self, message_id: str) -> None:
        """Know what goes with a message: edits of all below it, in other versions too, and those begun meanwhile."""
        self.whole.hearth.window.page.transcript.flush_edits()
        current = self.whole.hearth.conversations.current
        assert current is not None
        self.leaving = {each.id for each in current.tree.below(message_id)}
        for edit in filter(None, map(self.whole.hearth.transcript_model.edits.get, self.leaving)):
            self.written -= words_in(edit.text) | read_in(edit.attachments)

    def _listed(self) -> list[str]:
        model = self.whole.hearth.conversation_model
        return [model.conversation(row).id for row in range(model.rowCount())]

    def _message(self) -> tuple[TranscriptEntry | None, int]:
        model = self.whole.hearth.transcript_model
        if not model.rowCount():
            return None, 0
        row = self.dice.randrange(model.rowCount())
        return model.entry(row), row


def _outline(message: Message) -> tuple[object, ...]:
    return message.id, message.content, message.state, message.token_ids, [each.name for each in message.attachments]


def _place(conversations: dict[str, Conversation], key: str) -> tuple[object, ...]:
    each = conversations.get(key)
    return () if each is None else (each.title, each.folder_id, each.is_pinned)


def words_in(text: str) -> set[str]:
    """Return the numbered words of a text."""
    return set(_WORD.findall(text))


def read_in(attachments: Iterable[Attachment | None]) -> set[str]:
    """Return the numbered words of what is attached."""
    return words_in(" ".join(each.text for each in attachments if each is not None))


def everything_kept() -> str:
    """Return all text in the store, that of deleted messages and of edits included."""
    path = locate().database
    store = ConversationStore(path)
    try:
        found = [*store.list_conversations(), *store.list_conversations(deleted=True)]
        drafts = [each.draft for each in found]
        said = [message.content for each in found for message in store.load_messages(each.id)]
        edits = list_edits(store.databases_of([each.id for each in found]))
        kept = [each.text for each in edits] + [read.text for each in edits for read in each.attachments or ()]
        drafts += [read.text for each in found for read in each.draft_attachments]
        said += [read.text for each in found for sent in store.load_messages(each.id) for read in sent.attachments]
        deleted = [bytes(row[0]).decode() for row in store.database.execute("SELECT messages FROM deleted_messages")]
    finally:
        store.close()
    return "\n".join((*drafts, *said, *kept, *deleted))


@pytest.mark.parametrize("seed", range(FIRST, FIRST + SEEDS))
def test_whatever_is_asked(qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    for module in (deletion_controller, message_controller):
        monkeypatch.setattr(module, "UNDO_SECONDS", 3600.0)
    orders = Orders(qtbot, tmp_path, seed)
    try:
        for _ in range(STEPS):
            orders.step()
        orders.come_to_rest()
        if "HEARTH_ORDERS" in os.environ:
            orders.expect_screen_as_store()
        orders.whole.end()
        orders.expect_nothing_lost()
    except Exception as error:
        error.add_note(f"after {' | '.join(orders.steps)}")
        raise
    finally:
        orders.whole.end()
