from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.controllers.models.download_controller import DownloadController
from app.models.download_list_model import DownloadListModel
from app.models.hub_rows import DownloadRequest, DownloadRow, DownloadState
from app.models.notice import Notice
from app.settings.unfinished_downloads import UnfinishedDownload, load_downloads
from app.worker.engine_state import EngineState, EngineStateChanged
from engine.api.commands import Command, DiscardDownload, DownloadCheckpoint
from engine.api.errors import ErrorKind, ErrorReport
from engine.api.events import CommandCancelled, CommandFailed, DownloadDiscarded, DownloadFinished, DownloadProgress
from engine.api.hub import DownloadPhase, HubAccess

HUB_ID = "publisher/model"
KEY = f"{HUB_ID}@main"


class Downloads:
    """The controller with a list of its own and an engine that the test speaks for."""

    def __init__(self, file: Path, access: HubAccess | None = None) -> None:
        self.commands: list[Command] = []
        self.cancelled: list[str] = []
        self.list = DownloadListModel()
        self.access = access or HubAccess(endpoint="https://mirror.example", token="hf_secret")
        self.controller = DownloadController(
            self.commands.append, self.cancelled.append, lambda: self.access, self.list, file
        )
        self.notices: list[Notice] = []
        self.arrived: list[str] = []
        self.loads: list[str] = []
        self.cleared: list[str] = []
        self.changes: list[None] = []
        self.controller.notice_cleared.connect(self.cleared.append)
        self.controller.changed.connect(lambda: self.changes.append(None))
        self.controller.notice_raised.connect(self.notices.append)
        self.controller.arrived.connect(self.arrived.append)
        self.controller.load_wanted.connect(self.loads.append)

    @property
    def row(self) -> DownloadRow:
        (row,) = self.list.rows
        return row

    @property
    def last(self) -> str:
        return self.commands[-1].command_id

    def progress(self, done: int, phase: DownloadPhase = DownloadPhase.RECEIVING, words: str = "") -> None:
        self.controller.on_event(
            DownloadProgress(command_id=self.last, done_bytes=done, total_bytes=100, phase=phase,
                             bytes_per_second=10.0, seconds_left=5.0, words=words)
        )  # fmt: skip

    def finish(self) -> None:
        self.controller.on_event(DownloadFinished(command_id=self.last, checkpoint=HUB_ID, revision="c" * 40))

    def fail(self, kind: ErrorKind) -> None:
        error = ErrorReport(kind=kind, message="It broke.", hint="Mend it.", link="https://hub.example/page")
        self.controller.on_event(CommandFailed(command_id=self.last, error=error))

    def stop(self, command_id: str = "") -> None:
        self.controller.on_event(CommandCancelled(command_id=command_id or self.last))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "downloads.json"


@pytest.fixture
def downloads(qtbot: QtBot, file: Path) -> Downloads:
    return Downloads(file)


def test_a_download_goes_from_its_request_to_the_loaded_model(downloads: Downloads) -> None:
    downloads.controller.request(DownloadRequest(HUB_ID, loads=True))
    command = downloads.commands[0]
    assert isinstance(command, DownloadCheckpoint)
    assert (command.checkpoint, command.revision, command.access) == (HUB_ID, "main", downloads.access)
    assert downloads.row.state is DownloadState.QUEUED
    downloads.progress(40)
    assert (downloads.row.state, downloads.row.done_bytes, downloads.row.seconds_left) == (
        DownloadState.RUNNING, 40, 5.0,
    )  # fmt: skip
    downloads.progress(40, DownloadPhase.WAITING, "The connection was lost.")
    assert (downloads.row.state, downloads.row.words) == (DownloadState.WAITING, "The connection was lost.")
    downloads.finish()
    assert (downloads.row.state, downloads.row.done_bytes) == (DownloadState.FINISHED, 100)
    assert downloads.loads == downloads.arrived == [HUB_ID]
    assert downloads.notices == []
    assert len(downloads.changes) == 1, "there is another model on the disk"


def test_one_that_is_not_to_be_loaded_says_that_it_is_there(downloads: Downloads) -> None:
    downloads.controller.request(DownloadRequest(HUB_ID, "v2"))
    downloads.finish()
    assert downloads.loads == []
    assert [notice.action_key for notice in downloads.notices] == [f"load:{HUB_ID}@v2"]


def test_asking_twice_downloads_once_but_then_loads(downloads: Downloads) -> None:
    downloads.controller.request(DownloadRequest(HUB_ID))
    downloads.controller.request(DownloadRequest(HUB_ID, loads=True))
    assert len(downloads.commands) == 1
    downloads.finish()
    assert downloads.loads == [HUB_ID]


def test_pause_and_resume_keep_what_is_there(downloads: Downloads, file: Path) -> None:
    downloads.controller.request(DownloadRequest(HUB_ID))
    downloads.progress(40)
    downloads.controller.pause(KEY)
    assert downloads.cancelled == [downloads.last]
    downloads.stop()
    assert (downloads.row.state, downloads.row.done_bytes) == (DownloadState.PAUSED, 40)
    assert (downloads.row.bytes_per_second, downloads.row.seconds_left) == (0.0, None)
    assert len(downloads.changes) == 1, "what is there of it takes room on the disk"
    downloads.controller.shut_down()
    assert load_downloads(file) == (UnfinishedDownload(HUB_ID, "main", True),)
    downloads.controller.resume(KEY)
    assert len(downloads.commands) == 2
    assert (downloads.row.state, downloads.row.done_bytes) == (DownloadState.QUEUED, 40)


def test_giving_up_frees_the_disk_once_the_download_has_stopped(downloads: Downloads, file: Path) -> None:
    downloads.controller.request(DownloadRequest(HUB_ID))
    running = downloads.last
    downloads.controller.cancel(KEY)
    assert downloads.cancelled == [running]
    assert len(downloads.commands) == 1
    downloads.stop()
    assert isinstance(downloads.commands[-1], DiscardDownload)
    downloads.controller.on_event(DownloadDiscarded(command_id=downloads.last, checkpoint=HUB_ID, freed_bytes=40))
    assert downloads.list.rows == ()
    assert len(downloads.changes) == 1
    downloads.controller.shut_down()
    assert load_downloads(file) == ()


def test_giving_up_a_paused_one_frees_the_disk_at_once(downloads: Downloads) -> None:
    downloads.controller.request(DownloadRequest(HUB_ID))
    downloads.stop()
    downloads.controller.cancel(KEY)
    assert isinstance(downloads.commands[-1], DiscardDownload)


def test_one_that_ends_although_it_was_given_up_stays(downloads: Downloads) -> None:
    downloads.controller.request(DownloadRequest(HUB_ID))
    downloads.controller.cancel(KEY)
    downloads.finish()
    assert downloads.row.state is DownloadState.FINISHED
    assert len(downloads.commands) == 1
    downloads.controller.request(DownloadRequest(HUB_ID))
    downloads.stop()
    assert downloads.row.state is DownloadState.PAUSED, "nobody gives up this one"


def test_one_that_is_asked_for_again_while_it_is_thrown_away_stays_in_the_list(downloads: Downloads) -> None:
    downloads.controller.request(DownloadRequest(HUB_ID))
    downloads.stop()
    downloads.controller.cancel(KEY)
    discarding = downloads.last
    downloads.controller.request(DownloadRequest(HUB_ID))
    downloads.controller.on_event(DownloadDiscarded(command_id=discarding, checkpoint=HUB_ID, freed_bytes=40))
    downloads.progress(10)
    assert (downloads.row.state, downloads.row.done_bytes) == (DownloadState.RUNNING, 10)
    downloads.stop()
    assert downloads.row.state is DownloadState.PAUSED, "nobody gives up this one"


def test_one_that_could_not_be_thrown_away_can_be_gone_on_with(downloads: Downloads) -> None:
    downloads.controller.request(DownloadRequest(HUB_ID))
    downloads.stop()
    downloads.controller.cancel(KEY)
    downloads.fail(ErrorKind.DISK)
    assert downloads.row.state is DownloadState.FAILED
    downloads.controller.resume(KEY)
    assert isinstance(downloads.commands[-1], DownloadCheckpoint)


def test_only_what_has_ended_can_be_taken_off_the_list(downloads: Downloads, file: Path) -> None:
    downloads.controller.request(DownloadRequest(HUB_ID))
    downloads.controller.dismiss(KEY)
    assert downloads.row.state is DownloadState.QUEUED
    downloads.stop()
    downloads.controller.dismiss(KEY)
    assert downloads.list.rows == ()
    downloads.controller.shut_down()
    assert load_downloads(file) == ()


@pytest.mark.parametrize(
    ("kind", "action_key"),
    [
        (ErrorKind.NETWORK, f"resume_download:{KEY}"),
        (ErrorKind.TOKEN_NEEDED, "enter_token"),
        (ErrorKind.TERMS_NOT_ACCEPTED, f"resume_download:{KEY}"),
    ],
)
def test_a_failure_says_what_to_do(downloads: Downloads, kind: ErrorKind, action_key: str) -> None:
    downloads.controller.request(DownloadRequest(HUB_ID))
    downloads.progress(40)
    downloads.fail(kind)
    assert downloads.row.state is DownloadState.FAILED
    assert downloads.row.error is not None
    (notice,) = downloads.notices
    assert notice.action_key == action_key
    assert "It broke. Mend it. What has arrived is kept." in notice.text
    offers_page = any(choice.key == "open_link:https://hub.example/page" for choice in notice.choices)
    assert offers_page == (kind is ErrorKind.TERMS_NOT_ACCEPTED)


def test_a_death_of_the_engine_is_gone_over(downloads: Downloads) -> None:
    downloads.controller.request(DownloadRequest(HUB_ID, loads=True))
    downloads.progress(40)
    downloads.fail(ErrorKind.ENGINE_DIED)
    assert downloads.notices == []
    ready = EngineStateChanged(EngineState.READY, "The engine is ready.")
    downloads.controller.on_event(ready)
    assert len(downloads.commands) == 2
    downloads.stop()
    downloads.controller.on_event(ready)
    assert len(downloads.commands) == 2, "it was paused since then"
    downloads.controller.resume(KEY)
    downloads.finish()
    assert downloads.loads == [HUB_ID]


def test_what_was_given_up_when_the_engine_died_is_not_gone_on_with(downloads: Downloads) -> None:
    downloads.controller.request(DownloadRequest(HUB_ID))
    downloads.controller.cancel(KEY)
    downloads.fail(ErrorKind.ENGINE_DIED)
    downloads.controller.on_event(EngineStateChanged(EngineState.READY, "The engine is ready."))
    assert len(downloads.commands) == 1
    assert downloads.row.state is DownloadState.FAILED


def test_a_restart_goes_on_with_what_ran_and_leaves_what_was_paused(
    downloads: Downloads, file: Path, qtbot: QtBot
) -> None:
    downloads.controller.request(DownloadRequest("a/running", loads=True))
    downloads.controller.request(DownloadRequest("a/paused"))
    downloads.stop()
    downloads.controller.shut_down()
    downloads.stop(downloads.commands[0].command_id)  # as the engine ends
    assert [row.state for row in downloads.list.rows] == [DownloadState.QUEUED, DownloadState.PAUSED]
    again = Downloads(file)
    again.controller.start()
    assert [(row.hub_id, row.state) for row in again.list.rows] == [
        ("a/running", DownloadState.QUEUED), ("a/paused", DownloadState.PAUSED),
    ]  # fmt: skip
    assert len(again.commands) == 1
    again.finish()
    assert again.loads == []  # nobody waits for it any more


def test_what_was_asked_for_before_the_start_is_not_begun_twice(downloads: Downloads, file: Path) -> None:
    downloads.controller.request(DownloadRequest(HUB_ID))
    downloads.controller.shut_down()  # what is under way is written
    assert len(load_downloads(file)) == 1
    downloads.controller.start()
    assert len(downloads.commands) == 1
    assert downloads.row.state is DownloadState.QUEUED


def test_offline_nothing_is_gone_on_with(downloads: Downloads, file: Path, qtbot: QtBot) -> None:
    downloads.controller.request(DownloadRequest(HUB_ID))
    downloads.controller.shut_down()
    again = Downloads(file, HubAccess(offline=True))
    again.controller.start()
    assert again.row.state is DownloadState.PAUSED
    assert again.commands == []


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b'[{"hub_id": 3}]', b"\xff\xfe"])
def test_a_damaged_list_is_none(file: Path, content: bytes, qtbot: QtBot) -> None:
    file.write_bytes(content)
    downloads = Downloads(file)
    downloads.controller.start()
    assert downloads.list.rows == ()


def test_no_token_is_written_down(downloads: Downloads, file: Path) -> None:
    downloads.controller.request(DownloadRequest(HUB_ID))
    downloads.controller.shut_down()
    assert HUB_ID.encode() in file.read_bytes()
    assert b"hf_secret" not in file.read_bytes()
    assert "hf_secret" not in repr(downloads.commands)


def test_a_failure_says_each_thing_once(downloads: Downloads) -> None:
    downloads.controller.request(DownloadRequest(HUB_ID))
    downloads.progress(40)
    error = ErrorReport(kind=ErrorKind.NETWORK, message=f"A file of {HUB_ID} broke.", hint="All others are kept.")
    downloads.controller.on_event(CommandFailed(command_id=downloads.last, error=error))
    assert downloads.notices[-1].text == f"A file of {HUB_ID} broke. All others are kept."
    downloads.cleared.clear()
    downloads.controller.resume(KEY)
    assert downloads.cleared == [downloads.notices[-1].key]
    assert downloads.row.error is None
    downloads.progress(40)
    downloads.fail(ErrorKind.NETWORK)
    assert downloads.notices[-1].text == f"{HUB_ID}: It broke. Mend it. What has arrived is kept."


def test_what_is_being_thrown_away_is_not_gone_on_with(downloads: Downloads) -> None:
    downloads.controller.request(DownloadRequest(HUB_ID))
    downloads.controller.pause(KEY)
    downloads.controller.on_event(CommandCancelled(command_id=downloads.last))
    downloads.controller.cancel(KEY)
    assert isinstance(downloads.commands[-1], DiscardDownload)
    downloads.controller.resume(KEY)
    assert isinstance(downloads.commands[-1], DiscardDownload)
    downloads.controller.on_event(DownloadDiscarded(command_id=downloads.last, checkpoint=HUB_ID, freed_bytes=1))
    assert downloads.list.rows == ()
    downloads.controller.request(DownloadRequest(HUB_ID))
    assert downloads.row.state is DownloadState.QUEUED
