import time
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.controllers.chat.warmth_controller import WarmthController
from app.controllers.store_requests import StoreRequests
from app.conversations.records import Conversation
from app.conversations.store import ConversationStore
from app.conversations.store_thread import StoreThread
from app.models.conversation_list_model import WARMTH_ROLE, ConversationListModel
from app.models.notice import Notice
from app.worker.engine_state import EngineState, EngineStateChanged
from engine.api.commands import ClearWarmState, DescribeWarmth, ForgetConversation, ForgetOthers
from engine.api.errors import ErrorKind, ErrorReport
from engine.api.events import (
    CheckpointLoaded,
    CommandFailed,
    ConversationForgotten,
    ConversationPrepared,
    WarmStateCleared,
    WarmthDescribed,
)
from engine.api.warmth import ConversationWarmth, Tier, TierUse
from tests.app.controllers.conftest import EngineDouble
from tests.app.conversations.samples import of_a_newer_hearth
from tests.engine_scripts import PLAN

WARM = ConversationWarmth(conversation_id="a", tier=Tier.DEVICE, tokens=100)
RAM = TierUse(tier=Tier.RAM, used_bytes=1, budget_bytes=2, is_used=True, reason="There is room.")


class NoStore:
    """Keeps what was asked of the store, for the tests in which nothing is."""

    def __init__(self) -> None:
        self.asked: list[object] = []

    def request(self, *asked: object) -> None:
        self.asked.append(asked)


class Warmth:
    def __init__(self) -> None:
        self.engine = EngineDouble()
        self.list = ConversationListModel()
        self.list.set_conversations([conversation("a"), conversation("b")])
        self.controller = WarmthController(NoStore(), self.engine.commands.append, self.list)  # type: ignore[arg-type]
        self.described: list[WarmthDescribed | None] = []
        self.freed: list[int] = []
        self.notices: list[Notice] = []
        self.controller.described.connect(self.described.append)
        self.controller.freed.connect(self.freed.append)
        self.controller.notice_raised.connect(self.notices.append)

    @property
    def questions(self) -> list[str]:
        return [command.command_id for command in self.engine.of(DescribeWarmth)]

    def answer(self, *conversations: ConversationWarmth) -> None:
        event = WarmthDescribed(command_id=self.questions[-1], conversations=conversations, tiers=(RAM,))
        self.controller.on_event(event)

    def shown(self) -> list[object]:
        return [self.list.index(row).data(WARMTH_ROLE) for row in range(self.list.rowCount())]

    def fail(self, command_id: str) -> None:
        error = ErrorReport(kind=ErrorKind.ENGINE_DIED, message="The engine stopped.", hint="Try again.")
        self.controller.on_event(CommandFailed(command_id=command_id, error=error))


def conversation(conversation_id: str) -> Conversation:
    return Conversation(id=conversation_id, title=conversation_id, created_at=1.0, updated_at=1.0)


@pytest.fixture
def warmth(qtbot: QtBot) -> Warmth:
    return Warmth()


def test_a_loaded_model_shows_what_it_finds_again(warmth: Warmth) -> None:
    warmth.controller.set_plan(PLAN)
    warmth.controller.on_event(CheckpointLoaded(command_id="load", plan=PLAN))
    warmth.answer(WARM)
    assert warmth.shown() == [WARM, None]
    assert warmth.described[-1] is warmth.controller.known
    warmth.controller.set_plan(None)
    assert warmth.shown() == [None, None]
    assert warmth.described[-1] is None


def test_never_more_than_one_question_is_open(warmth: Warmth) -> None:
    for number in range(5):
        warmth.controller.on_event(ConversationPrepared(command_id=f"p{number}", read_tokens=1))
    assert len(warmth.questions) == 1
    warmth.answer()
    assert len(warmth.questions) == 2, "what has happened since is asked for once"
    warmth.answer()
    assert len(warmth.questions) == 2


def test_a_question_that_failed_is_not_asked_again_by_itself(warmth: Warmth) -> None:
    warmth.controller.refresh()
    warmth.fail(warmth.questions[0])
    assert len(warmth.questions) == 1
    warmth.fail("an answer")
    assert len(warmth.questions) == 2, "an answer that failed may have cost conversations their memory"


def test_without_a_model_only_the_tiers_are_known(warmth: Warmth) -> None:
    warmth.controller.refresh()
    warmth.answer(WARM)  # of the model that was unloaded meanwhile
    assert warmth.shown() == [None, None]
    known = warmth.controller.known
    assert known is not None
    assert (known.conversations, known.tiers) == ((), (RAM,))


def test_what_was_forgotten_is_told_together(warmth: Warmth) -> None:
    warmth.controller.forget(("a", "b"))
    commands = warmth.engine.of(ForgetConversation)
    assert [command.conversation_id for command in commands if isinstance(command, ForgetConversation)] == ["a", "b"]
    for command in commands:
        assert warmth.freed == []
        warmth.controller.on_event(ConversationForgotten(command_id=command.command_id, freed_bytes=5))
    assert warmth.freed == [10]
    warmth.controller.on_event(ConversationForgotten(command_id="a purge", freed_bytes=7))
    assert warmth.freed == [10], "what the user did not ask for is not told"
    assert warmth.questions


def test_clearing_tells_what_it_freed_or_why_not(warmth: Warmth) -> None:
    warmth.controller.clear()
    (command,) = warmth.engine.of(ClearWarmState)
    warmth.controller.on_event(WarmStateCleared(command_id=command.command_id, freed_bytes=3))
    assert warmth.freed == [3]
    warmth.controller.clear()
    warmth.fail(warmth.engine.of(ClearWarmState)[1].command_id)
    assert warmth.notices[0].text.endswith("The engine stopped. Try again.")
    assert warmth.freed == [3]


def test_a_ready_engine_drops_what_was_deleted_but_not_what_can_be_brought_back(qtbot: QtBot, tmp_path: Path) -> None:
    thread = StoreThread(tmp_path / "conversations.db")
    requests, engine = StoreRequests(thread), EngineDouble()

    def fill(store: ConversationStore) -> None:
        for conversation_id in ("kept", "deleted just now", "purged"):
            store.save_conversation(conversation(conversation_id))
        store.delete_conversations(["purged"])
        store.purge_deleted(time.time() + 1)
        store.delete_conversations(["deleted just now"])

    thread.submit(fill).result(30)
    controller = WarmthController(requests, engine.commands.append, ConversationListModel())
    controller.on_event(EngineStateChanged(EngineState.STARTING, ""))
    controller.on_event(EngineStateChanged(EngineState.READY, ""))
    qtbot.waitUntil(lambda: bool(engine.of(ForgetOthers)))
    (command,) = engine.commands
    assert isinstance(command, ForgetOthers)
    assert sorted(command.conversation_ids) == ["deleted just now", "kept"]
    controller.on_event(EngineStateChanged(EngineState.READY, ""))
    qtbot.waitUntil(lambda: len(engine.commands) == 2)  # the one that died may have missed a deletion
    assert thread.close(30)


def test_a_store_that_cannot_be_read_costs_no_conversation_its_warmth(qtbot: QtBot, tmp_path: Path) -> None:
    thread = StoreThread(of_a_newer_hearth(tmp_path / "conversations.db"))
    engine, asked = EngineDouble(), list[object]()
    requests = StoreRequests(thread)
    controller = WarmthController(requests, engine.commands.append, ConversationListModel())
    controller.on_event(EngineStateChanged(EngineState.READY, ""))
    requests.request(lambda store: None, None, asked.append)
    qtbot.waitUntil(lambda: bool(asked))
    assert engine.commands == []
    thread.close(30)
