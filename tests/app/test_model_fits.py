"""The whole window on a scripted engine: the model menu opens at once and then says how each model fits."""

from collections.abc import Iterator

import pytest
import shiboken6
from PySide6.QtCore import QCoreApplication, QEvent
from pytestqt.qtbot import QtBot

from app.main import Hearth
from app.paths import locate
from app.widgets.picker.model_menu import ModelMenu, open_menu_of
from tests.engine_scripts import CHECKPOINTS
from tests.scripted_engine import scripted_engine_command

PATIENCE_MILLISECONDS = 30_000


@pytest.fixture
def hearth(qtbot: QtBot) -> Iterator[Hearth]:
    paths = locate()
    paths.make_folders()
    hearth = Hearth(paths, scripted_engine_command("answer"))
    hearth.start()
    yield hearth
    hearth.shut_down()
    hearth.window.deleteLater()
    QCoreApplication.sendPostedEvents(hearth.window, QEvent.Type.DeferredDelete)
    shiboken6.delete(hearth)


def lines(menu: ModelMenu) -> list[str]:
    return [action.text().partition("\t")[2] for action in menu.actions()[: len(CHECKPOINTS)]]


def test_the_menu_says_how_each_model_fits_and_knows_it_the_next_time(qtbot: QtBot, hearth: Hearth) -> None:
    qtbot.waitUntil(lambda: hearth.checkpoint_model.rowCount() == len(CHECKPOINTS), timeout=PATIENCE_MILLISECONDS)
    hearth.window.choose_model()
    menu = open_menu_of(hearth.window.model_button)
    assert menu is not None
    assert not any("Fits" in line for line in lines(menu))
    qtbot.waitUntil(lambda: all(line.endswith("· Fits (BF16)") for line in lines(menu)), timeout=PATIENCE_MILLISECONDS)
    menu.close()
    hearth.window.choose_model()
    again = open_menu_of(hearth.window.model_button)
    assert again is not None
    assert all(line.endswith("· Fits (BF16)") for line in lines(again))
    again.close()
