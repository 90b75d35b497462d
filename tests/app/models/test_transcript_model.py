import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import Qt
from PySide6.QtTest import QAbstractItemModelTester
from pytestqt.qtbot import QtBot

from app.conversations.records import Message
from app.models.transcript_model import ENTRY_ROLE, TranscriptEntry, TranscriptModel
from engine.api.message import Role


def entry(message_id: str, content: str = "text") -> TranscriptEntry:
    message = Message(
        id=message_id,
        conversation_id="c",
        parent_id=None,
        sequence=0,
        role=Role.USER,
        content=content,
        created_at=0.0,
    )
    return TranscriptEntry(message)


def shown(model: TranscriptModel) -> list[str]:
    return [model.entry(row).message.id for row in range(model.rowCount())]


def test_rows_carry_entry_and_plain_text(qtbot: QtBot) -> None:
    model = TranscriptModel()
    model.set_entries([entry("a", "Hello")])
    assert model.data(model.index(0), ENTRY_ROLE) == entry("a", "Hello")
    assert model.data(model.index(0), Qt.ItemDataRole.DisplayRole) == "Hello"
    with pytest.raises(IndexError):
        model.entry(-1)


def test_a_sibling_changes_only_the_rows_after_it(qtbot: QtBot) -> None:
    model = TranscriptModel()
    model.set_entries([entry("a"), entry("b"), entry("c")])
    with qtbot.assertNotEmitted(model.modelReset), qtbot.waitSignal(model.rowsRemoved) as removed:
        model.set_entries([entry("a"), entry("b2"), entry("c2")])
    assert removed.args is not None
    assert removed.args[1:] == [1, 2]
    assert shown(model) == ["a", "b2", "c2"]
    assert model.row_of("b") is None
    assert model.row_of("c2") == 2


def test_update_changes_one_row_and_only_if_something_changed(qtbot: QtBot) -> None:
    model = TranscriptModel()
    model.set_entries([entry("a"), entry("b")])
    with qtbot.waitSignal(model.dataChanged) as changed:
        model.update_message(entry("b", "more").message)
    assert changed.args is not None
    assert changed.args[0].row() == 1
    with qtbot.assertNotEmitted(model.dataChanged):
        model.update_message(entry("b", "more").message)
        model.update_message(entry("elsewhere").message)
    model.set_phase("b", "Answering")
    assert model.entry(1) == msgspec.structs.replace(entry("b", "more"), phase="Answering")


@given(st.lists(st.lists(st.sampled_from("abcdef"), unique=True, max_size=6), max_size=6))
def test_any_sequence_of_branches_ends_in_the_last_one(branches: list[list[str]]) -> None:
    model = TranscriptModel()
    tester = QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    for branch in branches:
        model.set_entries([entry(message_id) for message_id in branch])
        assert shown(model) == branch
        assert [model.row_of(message_id) for message_id in branch] == list(range(len(branch)))
    del tester
