"""`python -m tests.screenshots` draws: one small area, whose pictures differ by theme and have the window's size."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtGui import QImage

from tests.screenshots.__main__ import AREAS, SCALES, parts_of

ROOT = Path(__file__).resolve().parent.parent
THEMES = ("dark", "light")


def drawn(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.screenshots", str(folder), *options]
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=240, check=False)


def test_an_area_is_drawn_in_both_themes(tmp_path: Path) -> None:
    done = drawn(tmp_path, "--only", "exchange", "--scale", "100")
    assert done.returncode == 0, done.stderr
    assert done.stderr == "", "nothing but progress is printed"
    assert re.fullmatch(r"exchange at 100 %: \d+ s\n", done.stdout)
    pictures = {path.name: QImage(str(path)) for path in tmp_path.glob("*.png")}
    assert sorted(pictures) == [f"{name}-{theme}-100.png" for name in ("imported", "importing") for theme in THEMES]
    assert pictures["importing-light-100.png"].size().toTuple() == (1100, 760)
    assert pictures["imported-dark-100.png"].size().toTuple() == (720, 480)
    light, dark = (pictures[f"importing-{theme}-100.png"].pixelColor(600, 100) for theme in ("light", "dark"))
    assert light.lightness() > 200
    assert dark.lightness() < 60


def test_an_unknown_area_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    done = drawn(tmp_path, "--only", "nothing")
    assert done.returncode == 2
    assert "messages" in done.stderr


@pytest.mark.parametrize(
    ("areas", "scale", "parts"),
    [
        (["models"], None, [("models", "100"), ("models", "200")]),
        (["zoomed"], None, [("zoomed", "300")]),
        (["models"], "300", [("models", "300")]),
        (["zoomed"], "100", [("zoomed", "100")]),
        (None, "300", [("zoomed", "300")]),
        (None, "100", [(area, "100") for area in AREAS if area != "zoomed"]),
    ],
)
def test_each_area_is_drawn_at_its_scales(
    areas: list[str] | None, scale: str | None, parts: list[tuple[str, str]]
) -> None:
    assert parts_of(areas, scale) == parts


def test_all_areas_are_drawn_unless_some_are_asked_for() -> None:
    parts = parts_of(None, None)
    assert {area for area, _ in parts} == set(AREAS)
    assert len(parts) == len(SCALES) * (len(AREAS) - 1) + 1
