"""A model that was opened from a folder or a file can be chosen again, although no list knew its place."""

from pathlib import Path

from pytestqt.qtbot import QtBot

from app.paths import locate
from app.settings.file import load
from tests.app.whole import Whole, opened


def opens(window: Whole, reference: str) -> None:
    window.hearth.window.model_button.load_requested.emit(reference)
    window.wait(lambda: (plan := window.hearth.checkpoints.plan) is not None and plan.checkpoint == reference)


def test_what_was_opened_from_elsewhere_is_looked_for_from_then_on(
    qtbot: QtBot, windows: list[Whole], tmp_path: Path
) -> None:
    window = opened(qtbot, windows)
    window.wait(lambda: bool(window.hearth.checkpoint_model.checkpoints))
    folder, file = str(tmp_path / "mymodel"), str(tmp_path / "mine.gguf")
    for reference in (folder, file, folder, window.hearth.checkpoint_model.checkpoints[0].reference):
        opens(window, reference)
    assert window.hearth.settings.finish()
    assert load(locate().settings_file)[0].checkpoint_folders == (folder, file)
