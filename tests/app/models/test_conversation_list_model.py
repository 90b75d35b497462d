from datetime import date, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import Qt
from PySide6.QtTest import QAbstractItemModelTester
from pytestqt.qtbot import QtBot

from app.conversations.records import Conversation
from app.models.conversation_list_model import (
    CONVERSATION_ROLE,
    GROUP_ROLE,
    RUNNING_ROLE,
    UNTITLED,
    WARMTH_ROLE,
    ConversationListModel,
    group_of,
)
from engine.api.warmth import ConversationWarmth, Tier

TODAY = datetime(2026, 11, 21, 12, 0)


def conversation(conversation_id: str, days_ago: float, title: str = "Title") -> Conversation:
    stamp = (TODAY - timedelta(days=days_ago)).timestamp()
    return Conversation(id=conversation_id, title=title, created_at=stamp, updated_at=stamp)


def new_model() -> ConversationListModel:
    return ConversationListModel(clock=TODAY.timestamp)


def shown(model: ConversationListModel) -> list[str]:
    return [model.conversation(row).id for row in range(model.rowCount())]


@pytest.mark.parametrize(
    ("days_ago", "group"),
    [
        (-1, "Today"),
        (0, "Today"),
        (1, "Yesterday"),
        (2, "Previous 7 days"),
        (7, "Previous 7 days"),
        (8, "November 2026"),
        (40, "October 2026"),
        (400, "October 2025"),
    ],
)
def test_groups(days_ago: float, group: str) -> None:
    stamp = (TODAY - timedelta(days=days_ago)).timestamp()
    assert group_of(stamp, date(2026, 11, 21)) == group


def test_newest_first_with_roles(qtbot: QtBot) -> None:
    model = new_model()
    model.set_conversations([conversation("old", 9), conversation("new", 0, title="")])
    assert shown(model) == ["new", "old"]
    index = model.index(0)
    assert index.data() == UNTITLED
    assert index.data(GROUP_ROLE) == "Today"
    assert index.data(RUNNING_ROLE) is False
    assert model.index(1).data(CONVERSATION_ROLE).id == "old"


def test_running_marks_and_unmarks(qtbot: QtBot) -> None:
    model = new_model()
    model.set_conversations([conversation("a", 0), conversation("b", 1)])
    model.set_running(["b"])
    assert model.index(1).data(RUNNING_ROLE) is True
    model.set_running([])
    assert model.index(1).data(RUNNING_ROLE) is False


def test_warmth_is_told_once_for_all_rows_that_changed(qtbot: QtBot) -> None:
    model = new_model()
    model.set_conversations([conversation(key, days) for days, key in enumerate("abcd")])
    told: list[tuple[int, int, list[int]]] = []
    model.dataChanged.connect(lambda first, last, roles: told.append((first.row(), last.row(), roles)))
    warmth = {
        "b": ConversationWarmth(conversation_id="b", tier=Tier.DEVICE, tokens=10),
        "c": ConversationWarmth(conversation_id="c", tier=Tier.DISK, tokens=20),
        "gone": ConversationWarmth(conversation_id="gone", tier=Tier.DISK, tokens=30),
    }
    model.set_warmth(warmth)
    assert [model.index(row).data(WARMTH_ROLE) for row in range(4)] == [None, warmth["b"], warmth["c"], None]
    assert [(first, last) for first, last, _ in told] == [(1, 2)]
    assert WARMTH_ROLE in told[0][2]
    model.set_warmth(dict(warmth))
    assert len(told) == 1, "nothing has changed"
    model.set_running(["b"])
    description = model.index(1).data(Qt.ItemDataRole.AccessibleDescriptionRole)
    assert description.startswith("Being answered now. Warm: 10 tokens")
    model.upsert(msgspec.structs.replace(model.conversation(1), is_private=True))
    assert model.index(1).data(Qt.ItemDataRole.AccessibleDescriptionRole).startswith("Private: ")
    model.set_warmth({})
    assert model.index(2).data(Qt.ItemDataRole.AccessibleDescriptionRole) == ""


def test_an_answered_conversation_moves_to_the_top(qtbot: QtBot) -> None:
    model = new_model()
    model.set_conversations([conversation("a", 0), conversation("b", 1), conversation("c", 2)])
    with qtbot.waitSignal(model.rowsMoved), qtbot.assertNotEmitted(model.modelReset):
        model.upsert(msgspec.structs.replace(conversation("c", 2), updated_at=TODAY.timestamp() + 1))
    assert shown(model) == ["c", "a", "b"]


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 5), st.booleans())))
def test_any_edits_keep_the_list_sorted(edits: list[tuple[str, int, bool]]) -> None:
    model = new_model()
    tester = QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    expected: dict[str, int] = {}
    for conversation_id, days_ago, removed in edits:
        if removed:
            model.remove(conversation_id)
            expected.pop(conversation_id, None)
        else:
            model.upsert(conversation(conversation_id, days_ago))
            expected[conversation_id] = days_ago
    assert shown(model) == sorted(expected, key=lambda key: (expected[key], key))
    del tester
