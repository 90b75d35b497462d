import pytest
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from app.models.checkpoint_list_model import CheckpointListModel
from app.widgets.model_button import NO_MODEL, ModelButton, plan_tooltip, size_text
from app.widgets.theme import Theme
from engine.api.checkpoint import CheckpointKind, LocalCheckpoint
from tests.app.widgets.demo_conversation import PLAN

CHECKPOINTS = (
    LocalCheckpoint("starter", "SmolLM2 135M Instruct", CheckpointKind.STARTER, 270_000_000),
    LocalCheckpoint("/models/r&d", "R&D <b>8B</b>", CheckpointKind.FOLDER, 16_380_000_000),
)


@pytest.fixture
def button(qtbot: QtBot, theme: Theme) -> ModelButton:
    model = CheckpointListModel()
    widget = ModelButton(model, theme)
    model.setParent(widget)
    model.set_checkpoints(CHECKPOINTS)
    qtbot.addWidget(widget)
    widget.show()
    return widget


def words(button: ModelButton) -> dict[str, bool]:
    menu = button.build_menu()
    return {action.text(): action.isEnabled() for action in menu.actions() if action.text()}


def test_it_says_which_model_how_and_why(button: ModelButton) -> None:
    assert button.name == NO_MODEL
    button.set_plan(PLAN)
    assert button.name == "SmolLM2 135M Instruct"
    assert button.summary == "BF16 · 8,192 tokens"
    assert "12 GiB of memory are free" in plan_tooltip(PLAN)
    assert "12 GiB" in button.toolTip()
    assert button.accessibleName() == "Model: SmolLM2 135M Instruct BF16 · 8,192 tokens"


def test_while_loading_it_says_how_far(button: ModelButton) -> None:
    button.set_plan(PLAN)
    button.set_loading("Loading the model: 43 % (116 of 270 MB)")
    assert button.name == "Loading the model: 43 % (116 of 270 MB)"
    assert button.summary == ""
    button.grab()
    button.set_loading("")
    assert button.name == PLAN.name


def test_the_menu_lists_what_is_on_disk(button: ModelButton) -> None:
    assert words(button) == {
        "SmolLM2 135M Instruct\t270 MB": True,
        "R&&D <b>8B</b>\t16.4 GB": True,
        "Open a model's folder…": True,
        "Open a GGUF file…": True,
        "Reload": False,
        "Unload": False,
    }
    button.set_plan(PLAN)
    assert words(button)["Unload"]
    menu = button.build_menu()
    assert [action.isChecked() for action in menu.actions()[:2]] == [True, False]


def test_choosing_loads(qtbot: QtBot, button: ModelButton) -> None:
    menu = button.build_menu()
    with qtbot.waitSignal(button.load_requested) as chosen:
        menu.actions()[1].trigger()
    assert chosen.args == ["/models/r&d"]


def test_a_folder_or_file_can_be_chosen(qtbot: QtBot, button: ModelButton) -> None:
    for choose in (button.choose_folder, button.choose_file):
        choose()
        dialog = button.window().findChild(QFileDialog)
        assert isinstance(dialog, QFileDialog)
        with qtbot.waitSignal(button.load_requested) as chosen:
            dialog.fileSelected.emit("/models/x")
        assert chosen.args == ["/models/x"]
        dialog.close()
        dialog.deleteLater()
        qtbot.wait(1)


@pytest.mark.parametrize(("size", "text"), [(1, "1 MB"), (270_000_000, "270 MB"), (16_380_000_000, "16.4 GB")])
def test_sizes(size: int, text: str) -> None:
    assert size_text(size) == text
