"""The main job about models as a person does it: found, downloaded, loaded, asked, deleted; all parts are real."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import shiboken6
from huggingface_hub import scan_cache_dir, snapshot_download
from PySide6.QtCore import QCoreApplication, QEvent, Qt
from PySide6.QtWidgets import QLabel, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from app.main import Hearth
from app.models.hub_rows import DownloadRequest, DownloadState
from app.paths import locate
from app.recommendations import read_candidates
from app.settings.file import save
from app.settings.schema import Settings
from app.widgets.basics.assets import asset
from app.widgets.models.local_row import LocalRow
from app.widgets.models.question import Question
from engine.api.message import Role
from tests import tiny_checkpoints
from tests.loopback_hub import LoopbackHub

HUB_ID = "publisher/tiny-chat"
# The engine loads its libraries, which takes minutes on a machine with ten times too much to do.
PATIENCE_MILLISECONDS = 200_000
pytestmark = pytest.mark.timeout(900)
Open = Callable[[], Hearth]


@pytest.fixture
def hub(tiny_folder: Path, tmp_path: Path) -> Iterator[LoopbackHub]:
    published = tmp_path / "published"
    shutil.copytree(tiny_checkpoints.make("llama", tiny_folder), published, ignore=shutil.ignore_patterns("complete"))
    recommended = [each.hub_id for each in read_candidates(asset("models", "recommended.json"))]
    with LoopbackHub(dict.fromkeys([HUB_ID, *recommended], published)) as running:
        yield running


@pytest.fixture
def open_window(qtbot: QtBot, hub: LoopbackHub, tmp_path: Path) -> Iterator[Open]:
    """Open Hearth at its first start, with the loopback Hub in its settings; close it at the end."""
    paths = locate()
    paths.make_folders()
    save(paths.settings_file, Settings(hub_endpoint=hub.endpoint, hub_cache=str(tmp_path / "hub cache")))
    opened: list[Hearth] = []

    def open_window() -> Hearth:
        opened.append(Hearth(paths))
        opened[-1].start()
        return opened[-1]

    yield open_window
    for hearth in opened:
        if shiboken6.isValid(hearth):
            close(hearth)


def close(hearth: Hearth) -> None:
    window = hearth.window
    window.close()
    hearth.shut_down()
    hearth.deleteLater()
    window.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def wait(qtbot: QtBot, condition: Callable[[], object]) -> None:
    qtbot.waitUntil(lambda: bool(condition()), timeout=PATIENCE_MILLISECONDS)


def shown(parent: QWidget, words: str) -> QPushButton | None:
    buttons = [each for each in parent.findChildren(QPushButton) if each.isVisible() and each.text() == words]
    return buttons[0] if buttons else None


def press(qtbot: QtBot, parent: QWidget, words: str) -> None:
    wait(qtbot, lambda: (button := shown(parent, words)) is not None and button.isEnabled())
    button = shown(parent, words)
    assert button is not None
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def test_from_the_search_to_the_answer_and_away_again(
    qtbot: QtBot, open_window: Open, hub: LoopbackHub, tmp_path: Path
) -> None:
    hearth = open_window()
    window, page = hearth.window, hearth.window.pages.models
    assert window.pages.is_first_start
    press(qtbot, window.first_start, "Choose another model…")
    assert page.isVisible()
    qtbot.keyClicks(page.finder.search.line, f"{hub.endpoint}/{HUB_ID}/tree/main")
    qtbot.keyClick(page.finder.search.line, Qt.Key.Key_Return)
    wait(qtbot, lambda: [row.checkpoint.hub_id for row in hearth.models.results.rows] == [HUB_ID])
    wait(qtbot, lambda: hearth.models.results.row(0).fit is not None)
    fit = hearth.models.results.row(0).fit
    assert fit is not None
    assert fit.label.startswith(("Fits", "Slow"))
    if shown(page, "Download and chat") is None:
        page.finder.list.setCurrentIndex(hearth.models.results.index(0))
    press(qtbot, page, "Download and chat")
    wait(qtbot, lambda: hearth.checkpoints.plan is not None and hearth.checkpoints.plan.checkpoint == HUB_ID)
    assert hearth.models.downloads_model.row(0).state is DownloadState.FINISHED
    cache = tmp_path / "hub cache"
    assert snapshot_download(HUB_ID, cache_dir=cache, local_files_only=True)

    assert not page.isVisible()
    qtbot.keyClicks(window.page.composer.editor, "Hello")
    qtbot.keyClick(window.page.composer.editor, Qt.Key.Key_Return)
    wait(qtbot, lambda: window.page.has_message_of(Role.ASSISTANT))
    wait(qtbot, lambda: hearth.chat.is_idle)

    moved = tmp_path / "another disk"
    page.cache_move_requested.emit(str(moved))
    wait(qtbot, lambda: hearth.settings.settings.hub_cache == str(moved))
    wait(qtbot, lambda: hearth.checkpoints.plan is not None and hearth.checkpoints.plan.checkpoint == HUB_ID)
    assert not cache.exists()
    assert snapshot_download(HUB_ID, cache_dir=moved, local_files_only=True)

    window.show_models()
    page.show_view(1)
    wait(qtbot, lambda: hearth.checkpoint_model.rowCount() == 2)
    assert str(moved) in {each.text() for each in page.local.folders.findChildren(QLabel)}
    row = next(each for each in page.findChildren(LocalRow) if each.isVisible() and each.name.text() == "tiny-chat")
    qtbot.mouseClick(row.delete_button, Qt.MouseButton.LeftButton)
    wait(qtbot, lambda: any(dialog.isVisible() for dialog in window.findChildren(Question)))
    question = next(dialog for dialog in window.findChildren(Question) if dialog.isVisible())
    qtbot.mouseClick(question.deed_button, Qt.MouseButton.LeftButton)
    wait(qtbot, lambda: hearth.checkpoint_model.rowCount() == 1)
    assert hearth.checkpoints.plan is None
    assert scan_cache_dir(moved).repos == frozenset()


def test_typing_is_the_quickest_first_start(qtbot: QtBot, open_window: Open) -> None:
    hearth = open_window()
    focused = hearth.window.focusWidget()
    assert hearth.window.pages.is_first_start
    assert focused is not None
    qtbot.keyClicks(focused, "H")
    assert not hearth.window.pages.is_first_start
    qtbot.keyClicks(hearth.window.page.composer.editor, "ello")
    assert hearth.window.page.composer.text == "Hello"
    assert not hearth.models.first_start.is_shown


def test_the_recommended_model_comes_loads_and_answers_from_the_first_page(qtbot: QtBot, open_window: Open) -> None:
    hearth = open_window()
    press(qtbot, hearth.window.first_start, "Download and chat")
    wait(qtbot, lambda: not hearth.window.pages.is_first_start)
    wanted = hearth.models.recommendations.found[0].hub_id
    assert hearth.checkpoints.plan is not None
    assert hearth.checkpoints.plan.checkpoint == wanted
    assert hearth.window.page.composer.isVisible()
    assert not hearth.models.first_start.is_shown


def test_a_download_goes_on_after_hearth_was_closed(qtbot: QtBot, open_window: Open, hub: LoopbackHub) -> None:
    hub.behaviour.seconds_per_block = 2.0
    hearth = open_window()
    hearth.models.first_start.finish()
    hearth.models.downloads.request(DownloadRequest(HUB_ID))
    rows = hearth.models.downloads_model
    wait(qtbot, lambda: rows.row(0).done_bytes > 0)
    close(hearth)
    hub.behaviour.seconds_per_block = 0.0
    again = open_window()
    assert not again.window.pages.is_first_start
    rows = again.models.downloads_model
    wait(qtbot, lambda: rows.rowCount() == 1 and rows.row(0).state is DownloadState.FINISHED)
    assert again.checkpoints.plan is None or again.checkpoints.plan.checkpoint == "starter"
    wait(qtbot, lambda: HUB_ID in {row.reference for row in map(again.checkpoint_model.checkpoint, range(2))})
