from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.settings.window_state import WindowState, load_window_state, save_window_state

STATE = WindowState(geometry=b"\0\xff", sidebar_width=260, sidebar_shown=False, last_conversation_id="c")


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    file = tmp_path / "config" / "window.json"
    assert load_window_state(file) == WindowState()
    save_window_state(file, STATE)
    assert load_window_state(file) == STATE


@pytest.mark.parametrize("content", [b"", b"\0" * 999, b"{", b"[]", b'{"geometry": 1}', b"[" * 99_999, b"x" * 200_000])
def test_a_bad_file_is_not_there(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "window.json").write_bytes(content)
    assert load_window_state(tmp_path / "window.json") == WindowState()


def test_a_directory_is_not_there_and_nothing_to_write_on_is_no_error(tmp_path: Path) -> None:
    assert load_window_state(tmp_path) == WindowState()
    save_window_state(tmp_path, STATE)


@given(content=st.binary(max_size=99))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50, deadline=None)
def test_any_bytes_are_survived(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "window.json").write_bytes(content)
    assert isinstance(load_window_state(tmp_path / "window.json"), WindowState)
