from datetime import datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import Qt
from PySide6.QtTest import QAbstractItemModelTester
from pytestqt.qtbot import QtBot

from app.conversations.records import Conversation, Folder
from app.models.conversation_list_model import RUNNING_ROLE, ConversationListModel
from app.models.sidebar_model import SidebarModel
from app.models.sidebar_rows import Group
from tests.work import work_of

TODAY = datetime(2026, 11, 21, 12, 0)


def conversation(conversation_id: str, days_ago: float, **values: object) -> Conversation:
    stamp = (TODAY - timedelta(days=days_ago)).timestamp()
    made = Conversation(id=conversation_id, title=conversation_id, created_at=stamp, updated_at=stamp)
    return msgspec.structs.replace(made, **values)


def folder(name: str, *, is_collapsed: bool = False) -> Folder:
    return Folder(id=name.lower(), name=name, created_at=1.0, is_collapsed=is_collapsed)


@pytest.fixture
def listed(qtbot: QtBot) -> ConversationListModel:
    return ConversationListModel(clock=TODAY.timestamp)


def shown(model: SidebarModel) -> list[str]:
    """Return the rows as words: conversations by their ids, groups in brackets."""
    rows = [model.row(place) for place in range(model.rowCount())]
    return [f"[{row.title}]" if isinstance(row, Group) else row.id for row in rows if row is not None]


def sidebar_of(listed: ConversationListModel) -> SidebarModel:
    return SidebarModel(listed, listed, TODAY.timestamp)


def test_pinned_then_folders_then_dates(listed: ConversationListModel) -> None:
    model = sidebar_of(listed)
    listed.set_folders([folder("Work"), folder("Holidays"), folder("Empty")])
    listed.set_conversations(
        [
            conversation("now", 0),
            conversation("pinned", 30, is_pinned=True, folder_id="work"),
            conversation("inside", 2, folder_id="work"),
            conversation("yesterday", 1),
            conversation("week", 7),
            conversation("gone", 3, folder_id="no such folder"),
            conversation("month", 8),
            conversation("year", 400),
        ]
    )
    assert shown(model) == [
        "[Pinned]", "pinned", "[Empty]", "[Holidays]", "[Work]", "inside", "[Today]", "now", "[Yesterday]", "yesterday",
        "[Previous 7 days]", "gone", "week", "[November 2026]", "month", "[October 2025]", "year",
    ]  # fmt: skip


def test_a_closed_folder_hides_what_is_in_it_and_says_how_much(listed: ConversationListModel) -> None:
    model = sidebar_of(listed)
    listed.set_folders([folder("Work", is_collapsed=True)])
    listed.set_conversations([conversation("a", 0, folder_id="work"), conversation("b", 1, folder_id="work")])
    assert shown(model) == ["[Work]"]
    words = model.index(0).data(Qt.ItemDataRole.AccessibleDescriptionRole)
    assert words == "Folder, closed, 2 conversations"
    assert model.place_of("a") is None


def test_only_conversations_can_be_chosen_and_only_folders_renamed(listed: ConversationListModel) -> None:
    model = sidebar_of(listed)
    listed.set_folders([folder("Work")])
    listed.set_conversations([conversation("a", 0)])
    work, today, first = (model.index(place).flags() for place in range(3))
    assert not today & Qt.ItemFlag.ItemIsEnabled
    assert work & Qt.ItemFlag.ItemIsEditable
    assert not work & Qt.ItemFlag.ItemIsSelectable
    assert first & Qt.ItemFlag.ItemIsSelectable
    assert first & Qt.ItemFlag.ItemIsDragEnabled


def test_a_pin_moves_the_row_and_a_mark_is_passed_on(qtbot: QtBot, listed: ConversationListModel) -> None:
    model = sidebar_of(listed)
    listed.set_conversations([conversation("a", 0), conversation("b", 0.1), conversation("c", 0.2)])
    with qtbot.waitSignal(model.rowsMoved), qtbot.assertNotEmitted(model.modelReset):
        listed.upsert(conversation("b", 0.1, is_pinned=True))
    assert shown(model) == ["[Pinned]", "b", "[Today]", "a", "c"]
    with qtbot.waitSignal(model.dataChanged) as told:
        listed.set_running(["c"])
    assert told.args[0].row() == 4
    assert model.index(4).data(RUNNING_ROLE) is True


_FOLDER_IDS = st.sampled_from([None, "x", "y"])
EDITS = st.lists(
    st.tuples(st.sampled_from("abcdef"), st.integers(0, 40), _FOLDER_IDS, st.booleans(), st.integers(0, 5)),
)


@given(EDITS)
def test_any_edits_leave_the_same_rows_as_a_new_model(edits: list[tuple[str, int, str | None, bool, int]]) -> None:
    listed = ConversationListModel(clock=TODAY.timestamp)
    model = sidebar_of(listed)
    tester = QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    for conversation_id, days, folder_id, is_pinned, action in edits:
        if action == 0:
            listed.remove(conversation_id)
        elif action == 1:
            listed.set_folders([folder("X", is_collapsed=is_pinned), folder("Y")][: days % 3])
        else:
            listed.upsert(conversation(conversation_id, days, folder_id=folder_id, is_pinned=is_pinned))
        assert shown(model) == shown(sidebar_of(listed))
    del tester


def test_twice_as_many_conversations_are_twice_the_work() -> None:
    filled, changed = [], []
    for count in (1_000, 2_000):
        listed = ConversationListModel(clock=TODAY.timestamp)
        model = sidebar_of(listed)
        many = [conversation(f"c{number}", number / 10) for number in range(count)]
        filled.append(work_of(lambda listed=listed, many=many: listed.set_conversations(many)).total())
        newer = conversation(f"c{count - 100}", -0.01)
        changed.append(work_of(lambda listed=listed, newer=newer: listed.upsert(newer)).total())
        assert model.row(1) == newer
    assert filled[1] < 2.2 * filled[0]
    assert changed[1] < 2.2 * changed[0]


def test_a_clock_that_was_set_back_leaves_what_is_newer_in_todays_group() -> None:
    listed = ConversationListModel(clock=TODAY.timestamp)
    ahead = TODAY.timestamp() + 3 * 86_400
    listed.set_conversations([Conversation(id="x", title="Ahead", created_at=ahead, updated_at=ahead)])
    model = SidebarModel(listed, clock=TODAY.timestamp)
    assert [model.index(row).data() for row in range(model.rowCount())] == ["Today", "Ahead"]
