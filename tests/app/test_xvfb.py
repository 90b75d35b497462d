"""The real window on a real X server, written to from outside as a person would."""

import shutil
from collections.abc import Iterator

import pytest

from app.conversations.records import MessageState
from tests.app.displays import shown_windows, x_server, xdotool
from tests.app.hearth_process import start_hearth, wait_for
from tests.app.stored_messages import stored

_MISSING = [tool for tool in ("Xvfb", "xdotool") if shutil.which(tool) is None]
pytestmark = pytest.mark.skipif(bool(_MISSING), reason=f"not installed: {', '.join(_MISSING)}")


@pytest.fixture
def display(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An X server of this test's own."""
    with x_server(monkeypatch):
        yield


def test_a_message_typed_from_outside_is_answered_and_stored(display: None) -> None:
    hearth = start_hearth("echo", "window")
    try:
        wait_for(lambda: bool(shown_windows()), hearth)
        xdotool("windowfocus", "--sync", shown_windows()[0])  # there is no window manager to do it
        xdotool("type", "--delay", "10", "Hello there")
        xdotool("key", "Return")
        wait_for(lambda: [each.state for each in stored()] == [MessageState.COMPLETE] * 2, hearth)
        assert [each.content for each in stored()] == ["Hello there", "You said: Hello there"]
        xdotool("key", "ctrl+q")
        assert hearth.wait(30) == 0
        assert hearth.communicate()[1] == ""
    finally:
        if hearth.poll() is None:
            hearth.kill()
        hearth.communicate()
