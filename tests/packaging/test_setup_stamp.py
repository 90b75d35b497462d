"""Judging an environment: ready, to be brought up to date, or to be made anew."""

import dataclasses
import os
import shutil
from pathlib import Path

import pytest
import setup_stamp
from setup_stamp import Condition, Layout, Wanted

WANTED = Wanted("hash", "no driver", with_tests=False)

pytestmark = pytest.mark.skipif(os.name == "nt", reason="lays out an environment as on Linux and macOS")


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """An environment as a complete set-up leaves it."""
    layout = Layout(tmp_path / ".venv")
    packages = layout.folder / "lib" / "python3.11" / "site-packages"
    (packages / "torch" / "lib").mkdir(parents=True)
    (packages / "torch" / "__init__.py").touch()
    (packages / "torch-2.13.0+cpu.dist-info").mkdir()
    (packages / "single.py").touch()
    layout.python.parent.mkdir()
    layout.python.write_text("python")
    setup_stamp.write(layout, WANTED, "cpu")
    return layout


def condition(layout: Layout, wanted: Wanted = WANTED) -> Condition:
    return setup_stamp.judge(layout, wanted)[0]


def site(layout: Layout) -> Path:
    found = layout.site_packages()
    assert found is not None
    return found


def test_a_complete_set_up_is_ready(layout: Layout) -> None:
    assert condition(layout) is Condition.READY


def test_what_programs_leave_behind_does_no_harm(layout: Layout) -> None:
    (site(layout) / "__pycache__").mkdir()
    (site(layout) / "torch" / "__pycache__").mkdir()
    (site(layout) / "another").mkdir()
    assert condition(layout) is Condition.READY


@pytest.mark.parametrize(
    "change",
    [{"requirements": "other"}, {"machine": "driver 590"}, {"with_tests": True}],
    ids=lambda change: next(iter(change)),
)
def test_other_wishes_bring_it_up_to_date(layout: Layout, change: dict[str, object]) -> None:
    assert condition(layout, dataclasses.replace(WANTED, **change)) is Condition.OUTDATED


def test_an_environment_with_test_tools_serves_a_plain_start(layout: Layout) -> None:
    setup_stamp.write(layout, dataclasses.replace(WANTED, with_tests=True), "cpu")
    assert condition(layout) is Condition.READY


def test_nothing_there(tmp_path: Path) -> None:
    assert condition(Layout(tmp_path / ".venv")) is Condition.UNUSABLE


def test_a_half_made_environment(layout: Layout) -> None:
    layout.python.unlink()
    assert condition(layout) is Condition.UNUSABLE


def test_an_interrupted_set_up(layout: Layout) -> None:
    layout.unfinished.touch()
    assert setup_stamp.judge(layout, WANTED) == (Condition.UNUSABLE, "The last set-up was interrupted")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"requirements": "hash"}', "\0"])
def test_a_missing_or_damaged_stamp_means_not_complete(layout: Layout, text: str) -> None:
    layout.stamp.write_text(text)
    assert condition(layout) is Condition.OUTDATED
    layout.stamp.unlink()
    assert condition(layout) is Condition.OUTDATED


def test_a_deleted_package(layout: Layout) -> None:
    shutil.rmtree(site(layout) / "torch")
    assert setup_stamp.judge(layout, WANTED) == (Condition.UNUSABLE, "Installed files are missing (torch)")


def test_a_package_that_lost_a_part(layout: Layout) -> None:
    shutil.rmtree(site(layout) / "torch" / "lib")
    assert condition(layout) is Condition.UNUSABLE


def test_a_deleted_module(layout: Layout) -> None:
    (site(layout) / "single.py").unlink()
    assert condition(layout) is Condition.UNUSABLE


def test_a_version_changed_by_hand(layout: Layout) -> None:
    (site(layout) / "torch-2.13.0+cpu.dist-info").rename(site(layout) / "torch-2.12.0.dist-info")
    assert condition(layout) is Condition.OUTDATED


def test_another_python_behind_the_environment(layout: Layout) -> None:
    layout.python.write_text("newer python")
    assert condition(layout) is Condition.OUTDATED


def test_the_hash_follows_the_files_and_the_folder(tmp_path: Path) -> None:
    roots = [tmp_path / "a", tmp_path / "b"]
    for root in roots:
        (root / "packaging").mkdir(parents=True)
        for name in setup_stamp.HASHED:
            (root / name).write_text("same")
    hashes = {setup_stamp.requirements_hash(root) for root in roots}
    for name in setup_stamp.HASHED:
        (roots[0] / name).write_text("changed")
        hashes.add(setup_stamp.requirements_hash(roots[0]))
    assert len(hashes) == 2 + len(setup_stamp.HASHED)
