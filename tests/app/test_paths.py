import os
from pathlib import Path

import pytest

from app.paths import FolderUnusable, locate


def test_hearth_home_puts_everything_under_one_folder(tmp_path: Path) -> None:
    paths = locate({"HEARTH_HOME": str(tmp_path / "h")})
    files = (paths.database, paths.settings_file, paths.window_state_file, paths.app_log, paths.engine_log, paths.cache)
    assert all((tmp_path / "h") in file.parents for file in files)
    assert len(set(files)) == len(files)
    assert not (tmp_path / "h").exists()


def test_a_relative_home_means_the_folder_of_the_start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    paths = locate({"HEARTH_HOME": "here"})
    monkeypatch.chdir("/")
    assert paths.data == tmp_path / "here" / "data"


@pytest.mark.parametrize("environment", [{}, {"HEARTH_HOME": ""}, {"HEARTH_HOME": "  "}])
def test_without_it_the_systems_places_are_taken(environment: dict[str, str]) -> None:
    paths = locate(environment)
    assert all(folder.is_absolute() for folder in (paths.data, paths.config, paths.cache, paths.logs))
    assert "hearth" in paths.data.parts
    assert paths.data != paths.cache


def test_folders_are_made_for_this_user_only(tmp_path: Path) -> None:
    paths = locate({"HEARTH_HOME": str(tmp_path / "h")})
    paths.make_folders()
    paths.make_folders()
    assert paths.data.stat().st_mode & 0o077 == 0
    assert paths.logs.is_dir()


def test_a_folder_that_cannot_be_made_is_named_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FolderUnusable) as caught:
        locate({"HEARTH_HOME": str(tmp_path / "file")}).make_folders()
    assert str(tmp_path / "file") in caught.value.message
    assert "HEARTH_HOME" in caught.value.hint


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_named(tmp_path: Path) -> None:
    paths = locate({"HEARTH_HOME": str(tmp_path / "h")})
    paths.make_folders()
    paths.data.chmod(0o500)
    with pytest.raises(FolderUnusable, match="can't be written"):
        paths.make_folders()
    paths.data.chmod(0o700)


@pytest.mark.skipif(os.name == "nt", reason="names are text there")
def test_a_folder_whose_name_is_no_text_is_refused_in_words_that_can_be_shown(tmp_path: Path) -> None:
    with pytest.raises(FolderUnusable, match="no valid text") as caught:
        locate({"HEARTH_HOME": os.fsdecode(os.fsencode(tmp_path) + b"/bad\xff")}).make_folders()
    assert caught.value.message.encode("utf-8")
    assert not list(tmp_path.iterdir())
