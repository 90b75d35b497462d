import msgspec
import pytest
from pytestqt.qtbot import QtBot

from app.controllers.models.library_controller import LibraryController
from app.models.checkpoint_list_model import CheckpointListModel
from app.models.notice import Notice
from app.settings.schema import Settings
from engine.api.checkpoint import CheckpointKind, LocalCheckpoint
from engine.api.commands import Command, DeleteCheckpoint, DiscardDownload, MoveCache, UnloadCheckpoint
from engine.api.errors import ErrorKind, ErrorReport
from engine.api.events import (
    CacheMoved,
    CacheMoveProgress,
    CheckpointDeleted,
    CheckpointUnloaded,
    CommandCancelled,
    CommandFailed,
    DownloadDiscarded,
)
from tests.engine_scripts import PLAN

MODEL = LocalCheckpoint("publisher/model", "model", CheckpointKind.HUB_CACHE, 10**9, disk_bytes=2 * 10**9)
ERROR = ErrorReport(kind=ErrorKind.DISK, message="The disk is full.", hint="Free some space.")


class Library:
    def __init__(self) -> None:
        self.commands: list[Command] = []
        self.list = CheckpointListModel()
        self.list.set_checkpoints([MODEL])
        self.controller = LibraryController(
            self.commands.append, self.list, lambda: Settings(checkpoint_folders=("/models",))
        )
        self.counted: list[object] = []
        self.moves: list[object] = []
        self.moved: list[str] = []
        self.changes: list[None] = []
        self.notices: list[Notice] = []
        self.controller.deletion_counted.connect(self.counted.append)
        self.controller.move_progressed.connect(self.moves.append)
        self.controller.cache_moved.connect(self.moved.append)
        self.controller.changed.connect(lambda: self.changes.append(None))
        self.controller.notice_raised.connect(self.notices.append)

    @property
    def last(self) -> str:
        return self.commands[-1].command_id

    def load(self, reference: str, draft: str = "") -> None:
        self.controller.set_plan(msgspec.structs.replace(PLAN, checkpoint=reference, draft=draft))

    def deleted(self, freed: int = 2 * 10**9) -> None:
        self.controller.on_event(CheckpointDeleted(command_id=self.last, checkpoint=MODEL.reference, freed_bytes=freed))


@pytest.fixture
def library(qtbot: QtBot) -> Library:
    return Library()


def test_a_deletion_is_counted_before_it_is_confirmed(library: Library) -> None:
    library.controller.count(MODEL.reference)
    (command,) = library.commands
    assert isinstance(command, DeleteCheckpoint)
    assert (command.only_count, command.folders) == (True, ("/models",))
    library.deleted()
    assert library.counted == [(MODEL, 2 * 10**9)]
    assert (library.changes, library.notices) == ([], [])
    library.controller.delete(MODEL.reference)
    command = library.commands[-1]
    assert isinstance(command, DeleteCheckpoint)
    assert not command.only_count
    library.deleted()
    assert len(library.changes) == 1
    assert library.notices[0].text == "publisher/model was deleted: 2.0 GB are free again."


@pytest.mark.parametrize(
    ("loaded", "draft"),
    [
        (MODEL.reference, ""),
        (f"{MODEL.reference}@v2", ""),
        ("another", MODEL.reference),
        ("another", f"{MODEL.reference}@v2"),
    ],
)
def test_the_loaded_model_is_let_go_before_it_is_deleted(library: Library, loaded: str, draft: str) -> None:
    library.load(loaded, draft)
    library.controller.delete(MODEL.reference)
    (unload,) = library.commands
    assert isinstance(unload, UnloadCheckpoint)
    library.controller.on_event(CheckpointUnloaded(command_id=unload.command_id))
    assert isinstance(library.commands[-1], DeleteCheckpoint)


def test_another_loaded_model_stays(library: Library) -> None:
    library.load("publisher/model-2")
    library.controller.delete(MODEL.reference)
    assert isinstance(library.commands[0], DeleteCheckpoint)


def test_moving_lets_the_model_go_and_tells_how_far_it_is(library: Library) -> None:
    library.controller.move("/big/disk")
    library.controller.move("/other")  # one at a time
    (unload,) = library.commands
    library.controller.on_event(CheckpointUnloaded(command_id=unload.command_id))
    move = library.commands[-1]
    assert isinstance(move, MoveCache)
    assert move.target == "/big/disk"
    library.controller.on_event(CacheMoveProgress(command_id=move.command_id, done_bytes=1, total_bytes=4))
    library.controller.on_event(CacheMoved(command_id=move.command_id, folder="/big/disk", moved_bytes=4))
    assert library.moves == [(0, 0), (1, 4), None]
    assert library.moved == ["/big/disk"]
    assert len(library.changes) == 1


@pytest.mark.parametrize("at_unload", [True, False])
@pytest.mark.parametrize("is_cancelled", [True, False])
def test_a_move_that_ends_early_can_be_tried_again(library: Library, at_unload: bool, is_cancelled: bool) -> None:
    library.controller.move("/big/disk")
    if not at_unload:
        library.controller.on_event(CheckpointUnloaded(command_id=library.last))
    ended = library.last
    library.controller.on_event(
        CommandCancelled(command_id=ended) if is_cancelled else CommandFailed(command_id=ended, error=ERROR)
    )
    assert library.moves[-1] is None
    assert library.moved == []
    assert [notice.text for notice in library.notices] == (
        [] if is_cancelled else ["The disk is full. Free some space."]
    )
    library.controller.move("/big/disk")
    assert isinstance(library.commands[-1], UnloadCheckpoint)


@pytest.mark.parametrize("had_model", [True, False])
@pytest.mark.parametrize("succeeds", [True, False])
def test_a_model_that_was_let_go_for_a_move_comes_back(library: Library, had_model: bool, succeeds: bool) -> None:
    wanted: list[None] = []
    library.controller.reload_wanted.connect(lambda: wanted.append(None))
    if had_model:
        library.load("starter")
    library.controller.move("/big/disk")
    library.controller.set_plan(None)
    library.controller.on_event(CheckpointUnloaded(command_id=library.last))
    moved = CacheMoved(command_id=library.last, folder="/big/disk", moved_bytes=4)
    library.controller.on_event(moved if succeeds else CommandFailed(command_id=library.last, error=ERROR))
    assert len(wanted) == had_model


def test_a_failure_to_delete_is_told_and_the_list_made_anew(library: Library) -> None:
    library.controller.delete(MODEL.reference)
    library.controller.on_event(CommandFailed(command_id=library.last, error=ERROR))
    assert len(library.changes) == 1
    assert library.notices[0].text == "The disk is full. Free some space."


def test_an_unfinished_download_is_thrown_away(library: Library) -> None:
    library.controller.discard("publisher/half")
    command = library.commands[-1]
    assert isinstance(command, DiscardDownload)
    library.controller.on_event(
        DownloadDiscarded(command_id=command.command_id, checkpoint="publisher/half", freed_bytes=1)
    )
    assert len(library.changes) == 1


def test_what_others_do_is_none_of_its_business(library: Library) -> None:
    library.controller.on_event(CommandFailed(command_id="another", error=ERROR))
    library.controller.on_event(CheckpointDeleted(command_id="another", checkpoint="x", freed_bytes=1))
    library.controller.on_event(CommandCancelled(command_id="another"))
    assert (library.changes, library.notices, library.moves) == ([], [], [])
