from typing import get_args

from hypothesis import given

from engine.api.events import Event, Progress, Terminal, is_terminal
from tests.engine.api.message_strategies import values


@given(values(Terminal))
def test_terminal_events_end_their_command(event: Terminal) -> None:
    assert is_terminal(event)
    assert isinstance(event.command_id, str)


@given(values(Progress))
def test_progress_does_not(event: Progress) -> None:
    assert not is_terminal(event)


def test_every_event_is_one_or_the_other() -> None:
    rest = set(get_args(Event)) - set(get_args(Terminal)) - set(get_args(Progress))
    assert [kind.__name__ for kind in rest] == ["EngineReady"]
