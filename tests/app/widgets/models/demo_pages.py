"""The states of the pages of models, one after the other, for looking at them."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import msgspec
from PySide6.QtWidgets import QApplication, QWidget

from app.models.checkpoint_list_model import CheckpointListModel
from app.models.conversation_list_model import ConversationListModel
from app.models.download_list_model import DownloadListModel
from app.models.hardware_words import hardware_words
from app.models.hub_result_list_model import HubResultListModel
from app.models.hub_rows import DownloadState, HubQuery
from app.models.token_state import TokenState
from app.models.transcript_model import TranscriptModel
from app.settings.schema import PAGES, Settings
from app.widgets.models.models_page import DOWNLOADS, FIND, LOCAL
from app.widgets.window.main_window import MainWindow
from tests.app.widgets import demo_frame
from tests.app.widgets.demo_conversation import NOW, conversations
from tests.app.widgets.models import demo_hub

LARGE, SMALL = (1100, 760), (720, 480)
_STARTER = msgspec.structs.replace(demo_hub.PLAN, checkpoint="starter", name="SmolLM2 135M Instruct")


@dataclass(frozen=True)
class State:
    """What is to be drawn under a name: the window at a size in pixels, or another widget."""

    name: str
    size: tuple[int, int] = LARGE
    widget: QWidget | None = None


class DemoPages:
    """A window on invented models; states() brings it from one state to the next."""

    def __init__(self) -> None:
        self.results, self.downloads, checkpoints = HubResultListModel(), DownloadListModel(), CheckpointListModel()
        listed = ConversationListModel(clock=lambda: NOW)
        listed.set_conversations(conversations())
        checkpoints.set_checkpoints(demo_hub.LOCAL)
        self.window = MainWindow(
            TranscriptModel(), listed, checkpoints, Settings(), results=self.results, downloads=self.downloads
        )
        for model in (listed, checkpoints, self.results, self.downloads):
            model.setParent(self.window)
        self.page = self.window.pages.models
        self.window.set_plan(_STARTER)
        for checkpoint in demo_hub.LOCAL:
            self.page.show_fit(demo_hub.fit(checkpoint.reference))
        self.page.set_folders(("/data/models", "/data/gguf"))
        self.page.set_cache_folder("/home/anna/.cache/huggingface/hub")
        self.window.show()

    def states(self) -> Iterator[State]:
        """Show each state and say its name."""
        yield from self._first_start()
        yield from self._finding()
        yield from self._local()
        yield from self._downloading()
        yield from self._dialogs()

    def _first_start(self) -> Iterator[State]:
        page = self.window.first_start
        self.window.show_first_start(True)
        page.set_hardware(hardware_words(demo_frame.HARDWARE))
        page.set_recommendations(demo_hub.RECOMMENDATIONS)
        page.take_focus()
        yield State("first-start")
        yield State("first-start-small", SMALL)
        page.set_download(demo_hub.DOWNLOADS[0])
        yield State("first-start-download")
        page.set_download(replace(demo_hub.DOWNLOADS[0], state=DownloadState.FAILED, error=demo_hub.NO_NETWORK))
        yield State("first-start-failed")
        page.set_download(None)
        page.set_hardware(hardware_words(demo_frame.NO_CARD))
        yield State("first-start-no-card")
        page.set_offline(True)
        yield State("first-start-offline")

    def _finding(self) -> Iterator[State]:
        self.results.set_rows(demo_hub.RECOMMENDED)
        self.window.show_models()
        yield State("models-begin")
        self.page.finder.search.line.setText("qwen")
        self.page.finder.search.ask()
        self.results.set_rows(demo_hub.ROWS)
        self.page.show_results_state((HubQuery(text="qwen"), False))
        for place, name in enumerate(("models-find", "models-gated", "models-quantised")):
            self._look_at(place)
            yield State(name)
        self.page.show_plan((demo_hub.GPTQ.hub_id, demo_hub.OFFLOADED_PLAN))
        yield State("models-offloaded")
        self.page.show_details(demo_hub.details(demo_hub.GPTQ, disk_free_bytes=3 * demo_hub.GB))
        yield State("models-low-disk")
        yield State("models-low-disk-small", SMALL)
        self._look_at(2)
        yield State("models-details-small", SMALL)
        self.page.finder.step_back()
        yield State("models-find-small", SMALL)
        self.results.set_rows([])
        self.page.show_search_error(demo_hub.NO_NETWORK)
        yield State("models-error")
        self.page.show_search_error(None)
        self.page.set_offline(True)
        yield State("models-offline")
        self.page.set_offline(False)

    def _look_at(self, place: int) -> None:
        rows = self.page.finder.list
        rows.setCurrentIndex(rows.model().index(place, 0))
        rows.choose_current()
        checkpoint = demo_hub.ROWS[place].checkpoint
        is_here = checkpoint.hub_id in {local.reference for local in demo_hub.LOCAL if local.is_complete}
        more = {"missing_bytes": 0} if is_here else {}
        self.page.show_details(demo_hub.details(checkpoint, **more))
        plan = demo_hub.GPTQ_PLAN if checkpoint is demo_hub.GPTQ else demo_hub.PLAN
        self.page.show_plan((checkpoint.hub_id, plan))

    def _local(self) -> Iterator[State]:
        self.page.show_view(LOCAL)
        yield State("models-local")
        yield State("models-local-small", SMALL)
        self.page.ask_delete((demo_hub.LOCAL[1], demo_hub.LOCAL[1].disk_bytes))
        question = QApplication.activeModalWidget()
        assert question is not None
        yield State("models-delete", widget=question)
        question.close()

    def _downloading(self) -> Iterator[State]:
        self.page.show_view(DOWNLOADS)
        yield State("models-no-downloads")
        self.downloads.set_rows(demo_hub.DOWNLOADS)
        yield State("models-downloads")
        yield State("models-downloads-small", SMALL)
        self.page.show_view(FIND)

    def _dialogs(self) -> Iterator[State]:
        dialogs = self.window.dialogs
        dialogs.open_token()
        dialogs.token.show_state(TokenState("https://huggingface.co", has_token=True, is_kept=True))
        yield State("token", widget=dialogs.token)
        dialogs.token.close()
        dialogs.show_connection(demo_hub.STEPS)
        dialogs.open_settings()
        settings = dialogs.settings_dialog
        assert settings is not None
        settings.pages.setCurrentRow(PAGES.index("Downloads"))
        yield State("settings-downloads", widget=settings)
        settings.close()
