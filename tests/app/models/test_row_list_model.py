from PySide6.QtCore import QModelIndex

from app.models.row_list_model import ROW_ROLE, RowListModel


def model_of(*rows: tuple[str, int]) -> RowListModel[tuple[str, int]]:
    model: RowListModel[tuple[str, int]] = RowListModel(lambda row: row[0], lambda row: f"{row[0]} {row[1]}")
    model.set_rows(rows)
    return model


def test_rows_of_the_same_models_are_told_in_one_piece() -> None:
    model = model_of(*((str(number), 0) for number in range(1000)))
    told: list[tuple[int, int]] = []
    resets: list[None] = []

    def note(first: QModelIndex, last: QModelIndex) -> None:
        told.append((first.row(), last.row()))

    model.dataChanged.connect(note)
    model.modelReset.connect(lambda: resets.append(None))
    model.set_rows((str(number), int(10 <= number < 900)) for number in range(1000))
    model.set_rows((str(number), int(10 <= number < 900)) for number in range(1000))
    assert told == [(10, 899)]
    assert resets == []
    assert model.index(10).data(ROW_ROLE) == ("10", 1)
    model.set_rows([("other", 1)])
    assert len(resets) == 1


def test_rows_with_one_key_twice_stay_as_given() -> None:
    model = model_of(("a", 1), ("a", 2))
    model.set_rows([("a", 3), ("a", 4)])
    assert model.rows == (("a", 3), ("a", 4))
