"""The page of models on invented lists, and what it asked for."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.models.checkpoint_list_model import CheckpointListModel
from app.models.download_list_model import DownloadListModel
from app.models.hub_result_list_model import HubResultListModel
from app.models.hub_rows import HubQuery
from app.widgets.basics.theme import Theme
from app.widgets.models.models_page import ModelsPage, ModelViews
from tests.app.widgets.models.demo_hub import ROWS

VALUED = (
    "search_requested", "details_requested", "download_requested", "pause_requested", "resume_requested",
    "cancel_requested", "dismiss_requested", "load_requested", "delete_requested", "delete_confirmed",
    "discard_requested", "folder_added", "folder_removed", "cache_move_requested", "link_activated",
)  # fmt: skip
BARE = ("refresh_requested", "fits_requested", "token_requested", "settings_requested", "closed")


@dataclass
class Opened:
    """The page with its lists; asked is what went out of it, oldest first."""

    page: ModelsPage
    results: HubResultListModel
    downloads: DownloadListModel
    checkpoints: CheckpointListModel
    asked: list[tuple[str, object]] = field(default_factory=list)

    def asked_for(self, name: str) -> list[object]:
        """Return what was asked under one signal's name."""
        return [value for asked, value in self.asked if asked == name]

    def find(self) -> None:
        """Show all invented results."""
        self.results.set_rows(ROWS)
        self.page.show_results_state((HubQuery(text="qwen"), False))
        QApplication.processEvents()


@pytest.fixture
def opened(qtbot: QtBot, theme: Theme) -> Iterator[Opened]:
    """An open page of 900 x 640 on empty lists."""
    results, downloads, checkpoints = HubResultListModel(), DownloadListModel(), CheckpointListModel()
    page = ModelsPage(ModelViews(results, downloads, checkpoints, theme))
    qtbot.addWidget(page)
    made = Opened(page, results, downloads, checkpoints)
    for name in VALUED:
        getattr(page, name).connect(lambda value, name=name: made.asked.append((name, value)))
    for name in BARE:
        getattr(page, name).connect(lambda name=name: made.asked.append((name, None)))
    page.resize(900, 640)
    with qtbot.waitExposed(page):
        page.show()
    page.activateWindow()
    qtbot.waitUntil(page.isActiveWindow)
    page.take_focus()
    yield made
    page.close()
