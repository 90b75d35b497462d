"""`hearth models download`: fetches a model from the Hub, with a bar; Ctrl+C is a pause."""

from app.conversations.records import new_id
from app.paths import Paths
from app.terminal.download_line import download_line
from app.terminal.engine_session import session_for
from app.terminal.hub_access import hub_access
from app.terminal.one_command import run_in
from app.terminal.options import EXIT_INTERRUPTED, EXIT_OK
from app.terminal.output import Output
from engine.api.commands import DownloadCheckpoint, ListCheckpoints
from engine.api.events import CheckpointsListed, DownloadFinished, DownloadProgress, Event

_PAUSED = "Paused; the same command goes on from here."


def run(checkpoint: str, revision: str, paths: Paths, output: Output, *, as_json: bool) -> int:
    """Fetch a checkpoint into the cache and return the exit status; raises TerminalFailure.

    revision "": the one that an address names, else the usual one.
    """
    command = DownloadCheckpoint(
        command_id=new_id(), checkpoint=checkpoint, revision=revision, access=hub_access(paths, output)
    )

    def on_event(event: Event | None) -> None:
        if isinstance(event, DownloadProgress):
            output.phase(download_line(event, output.columns - 1))

    try:
        output.phase("Asking the Hub")
        with session_for(paths) as session:
            finished = run_in(session, command, output, on_event)
            assert isinstance(finished, DownloadFinished)
            folder = _folder_of(
                finished, run_in(session, ListCheckpoints(command_id=new_id()), output, output.progress)
            )
    except KeyboardInterrupt:
        output.clear_progress()
        output.say(_PAUSED)
        return EXIT_INTERRUPTED
    if as_json:
        output.json(
            {
                "model": finished.checkpoint,
                "revision": finished.revision,
                "received_bytes": finished.received_bytes,
                "folder": folder,
            }
        )
    else:
        output.line(f"{finished.checkpoint} is on this computer. Try: hearth chat --model {finished.checkpoint}")
    return EXIT_OK


def _folder_of(finished: DownloadFinished, listed: object) -> str:
    assert isinstance(listed, CheckpointsListed)
    hub_id = finished.checkpoint.partition("@")[0]
    found = (each.folder for each in listed.checkpoints if each.reference.partition("@")[0] == hub_id)
    return next(found, "")
