import json
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from app.settings.file import MAXIMUM_FILE_BYTES, SettingsNotSaved, load, save
from app.settings.schema import Settings, Theme

CHOSEN = Settings(
    checkpoint="org/model",
    temperature=0.5,
    seed=7,
    theme=Theme.DARK,
    system_prompt="ü\u2028",
    checkpoint_folders=("/a",),
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config" / "settings.json"


def write(file: Path, content: bytes) -> None:
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(content)


def test_what_is_saved_is_loaded(file: Path) -> None:
    assert load(file) == (Settings(), [])
    save(file, CHOSEN)
    assert load(file) == (CHOSEN, [])
    save(file, Settings())
    assert load(file) == (Settings(), [])
    assert [path.name for path in file.parent.iterdir()] == ["settings.json"]


def test_a_link_stays_one(file: Path) -> None:
    kept = file.parent.with_name("dotfiles") / "hearth.json"
    write(kept, b'{"seed": 7}')
    file.parent.mkdir()
    file.symlink_to(kept)
    save(file, CHOSEN)
    assert file.is_symlink()
    assert load(kept) == (CHOSEN, [])
    assert [path.name for path in kept.parent.iterdir()] == ["hearth.json"]
    kept.unlink()
    kept.parent.rmdir()
    with pytest.raises(SettingsNotSaved):
        save(file, CHOSEN)


def test_only_what_was_chosen_is_written_so_that_better_defaults_arrive(file: Path) -> None:
    save(file, Settings(seed=7))
    assert json.loads(file.read_text()) == {"seed": 7}


def test_keys_of_another_version_survive(file: Path) -> None:
    write(file, b'{"from_the_future": {"a": [1, null]}, "seed": 1}')
    settings, warnings = load(file)
    assert (settings.seed, warnings) == (1, [])
    save(file, Settings(theme=Theme.LIGHT))
    assert json.loads(file.read_text()) == {"from_the_future": {"a": [1, None]}, "theme": "light"}


def test_a_bad_value_costs_only_itself(file: Path) -> None:
    write(file, b'{"text_size_px": "huge", "temperature": 99, "top_k": 5, "theme": null}')
    settings, warnings = load(file)
    assert settings == Settings(top_k=5)
    assert len(warnings) == 3
    assert "Text size: 'huge' can't be used" in " ".join(warnings)
    assert file.exists()


@pytest.mark.parametrize("content", [b"", b"  \n", b"{}", b"\xef\xbb\xbf{}"])
def test_an_empty_file_is_no_complaint(file: Path, content: bytes) -> None:
    write(file, content)
    assert load(file) == (Settings(), [])


@pytest.mark.parametrize(
    "content",
    [
        b"\0" * 4096,
        b"\xff\xfe{",
        b"not json",
        b'{"seed": 1',
        b"[1]",
        b'"text"',
        b"null",
        b"7",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"system_prompt": "\\ud800"}',
        b"9" * 100_000,
        b'{"seed": 1}' + b" " * MAXIMUM_FILE_BYTES,
    ],
    ids=lambda content: repr(content[:12]),
)
def test_garbage_is_set_aside_and_the_usual_settings_are_used(file: Path, content: bytes) -> None:
    write(file, content)
    settings, warnings = load(file)
    assert settings == Settings()
    assert len(warnings) == 1
    (kept,) = file.parent.iterdir()
    assert kept.name in warnings[0]
    assert kept.read_bytes() == content
    save(file, CHOSEN)
    assert load(file) == (CHOSEN, [])


def test_saving_does_not_overwrite_what_was_never_read(file: Path) -> None:
    write(file, b"the notes of somebody")
    save(file, CHOSEN)
    (kept,) = file.parent.glob("settings-unreadable-*")
    assert kept.read_bytes() == b"the notes of somebody"
    assert load(file) == (CHOSEN, [])


def test_a_directory_or_a_pipe_in_its_place_does_not_stop_the_start(file: Path) -> None:
    file.mkdir(parents=True)
    (file / "inside").write_text("kept")
    assert len(load(file)[1]) == 1
    os.mkfifo(file)
    assert len(load(file)[1]) == 1
    save(file, CHOSEN)
    assert load(file) == (CHOSEN, [])
    assert len(list(file.parent.glob("settings-unreadable-*/inside"))) == 1


def test_saving_where_nothing_can_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsNotSaved, match="could not be saved"):
        save(tmp_path / "file" / "settings.json", CHOSEN)
    assert load(tmp_path / "file" / "settings.json")[0] == Settings()


def test_a_failed_save_leaves_the_old_file_and_no_debris(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(file, CHOSEN)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SettingsNotSaved, match="No space left"):
        save(file, Settings(seed=1))
    assert load(file) == (CHOSEN, [])
    assert [path.name for path in file.parent.iterdir()] == ["settings.json"]


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
KEYS = st.sampled_from([*Settings.__struct_fields__, "other"])
LENIENT = hypothesis_settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None
)


@given(st.binary(max_size=200) | st.dictionaries(KEYS, JSON_VALUES).map(lambda values: json.dumps(values).encode()))
@LENIENT
def test_any_file_at_all_gives_settings_that_can_be_saved(file: Path, content: bytes) -> None:
    write(file, content)
    settings, _ = load(file)
    save(file, settings)
    assert load(file) == (settings, [])


def test_keys_survive_with_names_of_other_versions_and_one_bad_entry_leaves_the_others(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    path.write_text('{"keys": {"new": "Ctrl+J", "later": "Ctrl+1", "bad": 7}}')
    settings, warnings = load(path)
    assert settings.keys == {"new": "Ctrl+J", "later": "Ctrl+1"}
    assert warnings == ["In the settings, the key of “bad” can't be read."]
    save(path, settings)
    assert load(path) == (settings, [])
    path.write_text('{"keys": "Ctrl+J", "theme": "dark"}')
    settings, warnings = load(path)
    assert settings.keys == {}
    assert settings.theme == "dark"
    assert len(warnings) == 1
