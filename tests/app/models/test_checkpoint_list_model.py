from PySide6.QtTest import QAbstractItemModelTester
from pytestqt.qtbot import QtBot

from app.models.checkpoint_list_model import CHECKPOINT_ROLE, CheckpointListModel
from engine.api.checkpoint import CheckpointKind, LocalCheckpoint


def test_rows_are_the_checkpoints(qtbot: QtBot) -> None:
    model = CheckpointListModel()
    tester = QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    starter = LocalCheckpoint(reference="starter", name="SmolLM2", kind=CheckpointKind.STARTER, size_bytes=1)
    model.set_checkpoints([starter])
    assert model.index(0).data() == "SmolLM2"
    assert model.index(0).data(CHECKPOINT_ROLE) == starter
    assert model.checkpoint(0) == starter
    model.set_checkpoints([])
    assert model.rowCount() == 0
    del tester
