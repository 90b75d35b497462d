import msgspec
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QFileDialog, QWidget
from pytestqt.qtbot import QtBot

from app.models.amounts import file_size
from app.models.checkpoint_list_model import CheckpointListModel
from app.models.plan_words import ModelFit
from app.widgets.basics.theme import Theme
from app.widgets.picker.memory_bar import MemoryBar
from app.widgets.picker.model_button import NO_MODEL, ModelButton
from app.widgets.picker.model_menu import ModelMenu, open_menu_of
from app.widgets.picker.plan_tooltip import plan_tooltip
from engine.api.checkpoint import CheckpointKind, LocalCheckpoint
from engine.api.hardware import Hardware
from engine.api.plan import MemoryParts
from tests.app.widgets import demo_frame
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
    assert PLAN.precision_reason in plan_tooltip(PLAN)
    assert "of it are left out" in plan_tooltip(msgspec.structs.replace(PLAN, left_out="Parts of it are left out."))
    assert "12.00 GiB" in button.toolTip()
    assert button.accessibleName() == "Model: SmolLM2 135M Instruct BF16 · 8,192 tokens"


def test_a_name_is_not_cut_for_the_sake_of_the_summary(button: ModelButton) -> None:
    button.set_plan(PLAN)
    plenty = button.sizeHint().width()
    assert button.words_in(plenty) == (button.name, button.summary)
    name_px = button.fontMetrics().horizontalAdvance(button.name)
    assert button.words_in(name_px + 40) == (button.name, "")
    cut, summary = button.words_in(80)
    assert cut.endswith("…")
    assert not summary


def test_while_loading_it_says_how_far(button: ModelButton) -> None:
    button.set_plan(PLAN)
    button.set_loading("Loading the model: 43 % (116 of 270 MB)")
    assert button.name == "Loading the model: 43 % (116 of 270 MB)"
    assert button.summary == ""
    button.grab()
    button.set_loading("")
    assert button.name == PLAN.name


def test_while_nothing_is_loaded_the_tooltip_says_what_is_being_done(button: ModelButton) -> None:
    button.set_plan(None)
    assert button.toolTip().startswith("No model is loaded.\nChoose one with ")
    button.set_loading("Starting the engine")
    assert button.toolTip().startswith("Starting the engine\nChoose one with ")
    assert "No model" not in button.toolTip()
    button.set_loading("")
    assert "No model is loaded." in button.toolTip()
    button.set_plan(PLAN)
    assert "Choose another one with " in button.toolTip()


def test_the_menu_lists_what_is_on_disk(button: ModelButton) -> None:
    assert words(button) == {
        "SmolLM2 135M Instruct\t270 MB": True,
        "R&&D <b>8B</b>\t16.4 GB": True,
        "Open a model's folder…": True,
        "Open a GGUF file…": True,
        "Settings for this model": False,
        "Reload": False,
        "Unload": False,
        "Find more models": True,
    }
    button.set_plan(PLAN)
    assert words(button)["Unload"]
    menu = button.build_menu()
    assert [action.isChecked() for action in menu.actions()[:2]] == [True, False]


def test_a_load_can_be_stopped_also_while_it_waits_for_an_answer(button: ModelButton) -> None:
    button.set_loading("Loading A model after this answer")
    known = words(button)
    assert known["Stop loading"]
    assert "Unload" not in known
    assert not known["Reload"]


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


@pytest.mark.parametrize(("size", "text"), [(1, "1 kB"), (270_000_000, "270 MB"), (16_380_000_000, "16.4 GB")])
def test_sizes(size: int, text: str) -> None:
    assert file_size(size) == text


def test_the_menu_opens_at_once_and_is_completed_while_it_is_open(qtbot: QtBot, button: ModelButton) -> None:
    with qtbot.waitSignal(button.fits_requested):
        button.open_menu()
    menu = open_menu_of(button)
    assert menu is not None
    width = menu.width()
    button.show_fit(ModelFit("/models/r&d", "Fits with less context", "BF16 because <b>8 & 4</b>."))
    button.show_fit(ModelFit("/models/unknown", "Fits (BF16)", ""))
    qtbot.wait(1)
    lines = [action.text() for action in menu.actions()[:2]]
    assert lines == [
        "SmolLM2 135M Instruct\t270 MB",
        "R&&D <b>8B</b>\t16.4 GB · Fits with less context",
    ]
    assert "BF16 because &lt;b&gt;8 &amp; 4&lt;/b&gt;." in menu.actions()[1].toolTip()
    assert menu.width() == width
    menu.close()
    button.show_fit(ModelFit("starter", "Fits (BF16)", ""))


def test_the_tooltip_shows_what_the_memory_is_for(button: ModelButton) -> None:
    parts = MemoryParts(weights_bytes=5 * 2**30, kv_bytes=2**30, reserve_bytes=2**30, free_bytes=10 * 2**30)
    button.set_plan(msgspec.structs.replace(PLAN, name="R&D <b>", parts=parts))
    for words in ("R&amp;D &lt;b&gt;", "5.00&nbsp;GiB&nbsp;weights", "3.00&nbsp;GiB&nbsp;free", "Ctrl+L"):
        assert words in button.toolTip()
    assert PLAN.precision_reason in button.toolTip()


def test_the_button_is_heard_in_a_line(button: ModelButton) -> None:
    button.set_plan(PLAN)
    heard = button.accessibleDescription()
    assert heard == f"{PLAN.name} on {PLAN.device_name}. Choose another one with Ctrl+L."
    assert PLAN.precision_reason not in heard, "that is said in the menu"


def opened_menu(qtbot: QtBot, button: ModelButton) -> ModelMenu:
    button.open_menu()
    menu = open_menu_of(button)
    assert menu is not None
    qtbot.waitExposed(menu)
    return menu


def test_typing_in_the_menu_searches_the_models(qtbot: QtBot, button: ModelButton) -> None:
    menu = opened_menu(qtbot, button)
    qtbot.keyClicks(menu, "8b r&")
    shown = [action.text().split("\t")[0] for action in menu.actions() if action.isCheckable() and action.isVisible()]
    assert shown == ["R&&D <b>8B</b>"]
    with qtbot.waitSignal(button.load_requested) as chosen:
        qtbot.keyClick(menu, Qt.Key.Key_Return)
    assert chosen.args == ["/models/r&d"]
    menu = opened_menu(qtbot, button)
    qtbot.keyClicks(menu, "zzz")
    assert "No model has “zzz” in its name." in [action.text() for action in menu.actions() if action.isVisible()]
    qtbot.keyClick(menu, Qt.Key.Key_Escape)
    assert menu.isVisible()
    assert sum(action.isCheckable() and action.isVisible() for action in menu.actions()) == len(CHECKPOINTS)
    qtbot.keyClick(menu, Qt.Key.Key_Escape)
    assert not menu.isVisible()


def test_the_loaded_model_is_ready_to_be_left_with_arrows(qtbot: QtBot, button: ModelButton) -> None:
    button.set_plan(msgspec.structs.replace(PLAN, checkpoint="/models/r&d"))
    menu = opened_menu(qtbot, button)
    assert menu.activeAction().isChecked()
    qtbot.keyClick(menu, Qt.Key.Key_Up)
    with qtbot.waitSignal(button.load_requested) as chosen:
        qtbot.keyClick(menu, Qt.Key.Key_Return)
    assert chosen.args == ["starter"]


def test_the_menu_shows_the_memory_and_why_and_measures_anew(qtbot: QtBot, button: ModelButton) -> None:
    gib = 2**30
    parts = MemoryParts(weights_bytes=4 * gib, kv_bytes=gib, free_bytes=12 * gib)
    button.set_plan(msgspec.structs.replace(PLAN, device="cpu", parts=parts))
    with qtbot.waitSignal(button.memory_requested):
        menu = opened_menu(qtbot, button)
    bar = menu.findChild(MemoryBar)
    assert isinstance(bar, MemoryBar)
    assert PLAN.precision_reason in bar.reason.text()
    assert "7 GiB free" in bar.accessibleDescription()
    before = bar.bar.grab().toImage()
    button.show_hardware(Hardware("Linux", "CPU", 8, (), 32 * gib, 20 * gib, gib))
    assert bar.title.text() == "Main memory · 32 GiB"
    assert "7 GiB other programs + 20 GiB free" in bar.toolTip()
    assert bar.bar.grab().toImage() != before
    for _ in range(len(menu.actions())):
        qtbot.keyClick(QApplication.focusWidget() if bar.hasFocus() else menu, Qt.Key.Key_Down)
        if menu.activeAction().text() == "":
            break
    assert bar.hasFocus()
    qtbot.keyClick(bar, Qt.Key.Key_Down)
    assert menu.activeAction().text() == "Settings for this model"
    menu.close()


def test_the_menu_says_why_a_card_is_not_used(qtbot: QtBot, button: ModelButton) -> None:
    button.set_plan(demo_frame.ON_PROCESSOR)
    menu = opened_menu(qtbot, button)
    bar = menu.findChild(MemoryBar)
    assert isinstance(bar, MemoryBar)
    before = bar.reason.text()
    button.show_hardware(demo_frame.NO_CARD)
    assert bar.reason.text() == f"{before} {demo_frame.NO_CARD.gpu_problem}"
    assert demo_frame.NO_CARD.gpu_problem in bar.accessibleDescription()
    legend = [each for each in bar.legend.findChildren(QWidget) if each.parent() is bar.legend and each.isVisible()]
    places = [each.geometry().topLeft().toTuple() for each in legend]
    assert len(places) == len(set(places)), "the new numbers stand over the old ones"
    menu.close()


def test_a_problem_of_another_card_is_no_reason_for_a_model_on_a_card(qtbot: QtBot, button: ModelButton) -> None:
    button.set_plan(demo_frame.ON_CARD)
    button.show_hardware(msgspec.structs.replace(demo_frame.HARDWARE, gpu_problem="Card 1 does not answer."))
    menu = opened_menu(qtbot, button)
    bar = menu.findChild(MemoryBar)
    assert isinstance(bar, MemoryBar)
    assert "does not answer" not in bar.reason.text()
    menu.close()


def test_very_many_models_leave_the_menu_on_the_screen(qtbot: QtBot, button: ModelButton) -> None:
    many = [LocalCheckpoint(f"/m/{n}", f"Model {n}", CheckpointKind.FOLDER, 10**9) for n in range(100)]
    button._checkpoints.set_checkpoints(many)
    button.set_plan(msgspec.structs.replace(PLAN, checkpoint="/m/50"))
    menu = opened_menu(qtbot, button)
    shown = [action.text().split("\t")[0] for action in menu.actions() if action.isCheckable() and action.isVisible()]
    assert shown == [*(f"Model {n}" for n in range(12)), "Model 50"]
    assert "More models: 87. Type to search." in [action.text() for action in menu.actions()]
    assert button.screen().availableGeometry().contains(menu.geometry())
    qtbot.keyClicks(menu, "99")
    assert menu.activeAction().text().startswith("Model 99")
    menu.close()


def test_the_open_menu_gives_the_memory_the_room_it_needs(qtbot: QtBot, button: ModelButton) -> None:
    button.set_plan(demo_frame.ON_CARD)
    (card,) = demo_frame.HARDWARE.gpus
    button.open_menu()
    menu = open_menu_of(button)
    assert menu is not None
    bar = menu.findChild(MemoryBar)
    assert isinstance(bar, MemoryBar)
    for free_bytes in (card.free_bytes, card.total_bytes, card.free_bytes):
        gpu = msgspec.structs.replace(card, free_bytes=free_bytes)
        button.show_hardware(msgspec.structs.replace(demo_frame.HARDWARE, gpus=(gpu,)))
        QApplication.processEvents()
        layout = bar.layout()
        assert layout is not None
        assert bar.height() == layout.totalHeightForWidth(bar.width())
    menu.close()


def test_the_menu_is_as_wide_as_its_lines_and_stays_so(qtbot: QtBot, button: ModelButton) -> None:
    """The sentence about the memory is wrapped, however long it is, and cut nowhere."""
    reason = "BF16: " + "0.25 GiB of weights + 0.17 for 8,192 tokens + 0.11 to work in + 0.50 in reserve. " * 3
    button.set_plan(msgspec.structs.replace(demo_frame.ON_CARD, precision_reason=reason))
    menu = opened_menu(qtbot, button)
    bar = menu.findChild(MemoryBar)
    assert isinstance(bar, MemoryBar)
    width = menu.width()
    assert width < 600
    button.show_fit(ModelFit("/models/r&d", "Fits with less context", ""))
    button.show_hardware(demo_frame.HARDWARE)
    QApplication.processEvents()
    assert menu.width() == width
    assert bar.reason.height() >= bar.reason.heightForWidth(bar.reason.width())
    assert bar.rect().contains(bar.reason.geometry())
    menu.close()


def test_an_error_while_painting_leaves_no_painter_behind(
    qtbot: QtBot, theme: Theme, monkeypatch: pytest.MonkeyPatch
) -> None:
    button = ModelButton(CheckpointListModel(), theme)
    qtbot.addWidget(button)

    def fail(_painter: object) -> None:
        raise RuntimeError("no words")

    monkeypatch.setattr(button, "_paint_words", fail)
    with pytest.raises(RuntimeError, match="no words"):  # held by the traceback, the painter would go on
        button.grab()
    assert not button.paintingActive()
    monkeypatch.undo()
    assert not button.grab().isNull()


@pytest.mark.parametrize("is_mirrored", [False, True])
def test_ticks_icons_and_the_memory_stand_in_one_column(
    qtbot: QtBot, qapp: QApplication, theme: Theme, button: ModelButton, is_mirrored: bool
) -> None:
    gib = 2**30
    parts = MemoryParts(weights_bytes=4 * gib, kv_bytes=gib, free_bytes=12 * gib)
    button.set_plan(msgspec.structs.replace(PLAN, checkpoint="starter", device="cpu", parts=parts))
    button.show_hardware(Hardware("Linux", "CPU", 8, (), 32 * gib, 20 * gib, gib))
    qapp.setLayoutDirection(Qt.LayoutDirection.RightToLeft if is_mirrored else Qt.LayoutDirection.LeftToRight)
    try:
        menu = button.build_menu()
        qtbot.addWidget(menu)
        menu.resize(menu.sizeHint())
        picture = menu.grab().toImage()
    finally:
        qapp.setLayoutDirection(Qt.LayoutDirection.LeftToRight)
    begins = {}
    for action in menu.actions():
        area = menu.actionGeometry(action)
        columns = range(area.left(), area.right() + 1)
        rows = range(area.top() + 3, area.bottom() - 2)
        dark = [x for x in columns if any(picture.pixelColor(x, y).lightness() < 160 for y in rows)]
        if dark and (action.isChecked() or not action.icon().isNull() or not action.text()):
            begins[action.text()] = menu.width() - 1 - max(dark) if is_mirrored else min(dark)
    assert len(begins) >= 7
    assert max(begins.values()) - min(begins.values()) <= 3  # pictures have a little room of their own
