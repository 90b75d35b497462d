import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QAbstractItemModelTester
from pytestqt.qtbot import QtBot

from app.models.memory_table_model import ID_ROLE, UNLISTED, Column, MemoryTableModel
from engine.api.warmth import ConversationWarmth, Tier

MIB = 2**20
ONE = ConversationWarmth(conversation_id="a", tier=Tier.DEVICE, tokens=6412, device_bytes=3 * MIB, disk_bytes=4 * MIB)
TWO = ConversationWarmth(conversation_id="b", tier=Tier.DISK, tokens=10, disk_bytes=MIB)
GONE = ConversationWarmth(conversation_id="gone", tier=Tier.RAM, tokens=20, ram_bytes=2 * MIB)


@pytest.fixture
def titles() -> dict[str, str]:
    return {"a": "One", "b": "Two"}


@pytest.fixture
def model(qtbot: QtBot, titles: dict[str, str]) -> MemoryTableModel:
    model = MemoryTableModel(lambda: titles)
    model.tester = QAbstractItemModelTester(  # type: ignore[attr-defined]
        model, QAbstractItemModelTester.FailureReportingMode.Fatal
    )
    return model


def cells(model: MemoryTableModel, row: int) -> list[object]:
    return [model.index(row, column).data() for column in Column]


def test_a_row_says_what_is_kept_where(model: MemoryTableModel) -> None:
    model.set_rows([ONE, GONE])
    headers = [model.headerData(column, Qt.Orientation.Horizontal) for column in Column]
    assert headers == ["Conversation", "State", "Tokens", "GPU memory", "RAM", "Disk"]
    assert cells(model, 0) == ["One", "Warm", "6,412", "3 MiB", "–", "4 MiB"]
    assert cells(model, 1) == [UNLISTED, "In RAM", "20", "–", "2 MiB", "–"]
    description = model.index(1, 0).data(Qt.ItemDataRole.AccessibleDescriptionRole)
    assert description.startswith("In RAM: 20 tokens")
    assert "deleted" in description


def test_rows_that_stay_keep_their_place(model: MemoryTableModel, titles: dict[str, str]) -> None:
    model.set_rows([ONE, TWO])
    model.set_rows([GONE, TWO])
    assert [model.index(row, 0).data(ID_ROLE) for row in range(2)] == ["b", "gone"]
    titles["b"] = "Second"
    model.refresh_titles()
    assert cells(model, 0)[0] == "Second"
    model.set_rows([])
    assert model.rowCount() == 0
