"""One command in an engine of its own: what is told of a failure, and a Stop that came too late."""

import signal

import pytest

from app.paths import locate
from app.terminal import engine_session
from app.terminal.engine_session import EngineSession, session_for
from app.terminal.one_command import failure_words, run_in
from app.terminal.output import standard_output
from engine.api.commands import DownloadCheckpoint, ListCheckpoints
from engine.api.errors import ErrorKind, ErrorReport
from engine.api.events import CheckpointsListed, DownloadFinished, Terminal
from tests.app.terminal.conftest import Run


def ended(terminal: Terminal) -> EngineSession:
    """Return a session in which Ctrl+C comes with the end of each command."""

    class Session:
        def run(self, *_: object) -> Terminal:
            signal.raise_signal(signal.SIGINT)
            return terminal

    return Session()  # type: ignore[return-value]


def test_a_download_that_had_arrived_when_it_was_stopped_is_told_as_arrived() -> None:
    output, finished = standard_output(), DownloadFinished(command_id="d", checkpoint="a/b", revision="main")
    command = DownloadCheckpoint(command_id="d", checkpoint="a/b")
    assert run_in(ended(finished), command, output, output.progress) is finished
    listed = CheckpointsListed(command_id="l", checkpoints=())
    with pytest.raises(KeyboardInterrupt):
        run_in(ended(listed), ListCheckpoints(command_id="l"), output, output.progress)


def test_the_address_where_a_licence_is_accepted_is_told_once() -> None:
    error = ErrorReport(kind=ErrorKind.CHECKPOINT_UNSUPPORTED, message="No.", hint="Ask.", link="https://a.b/c")
    assert failure_words(error) == "No. Ask. https://a.b/c"
    told = ErrorReport(kind=error.kind, message="No.", hint="Ask at https://a.b/c.", link="https://a.b/c")
    assert failure_words(told) == "No. Ask at https://a.b/c."


def test_the_engine_looks_where_the_settings_say_that_models_lie(hearth: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    paths, asked = locate(), []
    paths.make_folders()
    paths.settings_file.write_text('{"hub_cache": "/models"}', encoding="utf-8")
    monkeypatch.setattr(engine_session, "engine_command", lambda *_, **named: asked.append(named) or ["engine"])
    session_for(paths)
    assert asked == [{"hub_cache": "/models"}]
