"""`python -m tests.screenshots [FOLDER]`: draws the window's states, light and dark, at 100 %, 200 % and 300 %.

The real application, offscreen, under a HEARTH_HOME of its own; the real starter model where it can say what is to be
seen, stored conversations and the scripted engine for the rest. `--only answers` draws one area, `--scale 100` one
scale. At 300 % only the area "zoomed" is drawn, on a screen that is as small as the smallest window, unless others are
asked for. Each area and scale is a process of its own: Qt reads scale and language once.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.screenshots import (
    answers,
    composer,
    exchange,
    frame,
    languages,
    messages,
    models,
    needs,
    sidebar,
    states,
    zoomed,
)
from tests.screenshots.studio import Studio

AREAS: dict[str, Callable[[Studio], None]] = {
    "messages": messages.draw,
    "answers": answers.draw,
    "composer": composer.draw,
    "sidebar": sidebar.draw,
    "frame": frame.draw,
    "exchange": exchange.draw,
    "models": models.draw,
    "german": languages.draw_german,
    "mirrored": languages.draw_mirrored,
    "needs": needs.draw,
    "states": states.draw,
    "zoomed": zoomed.draw,
}
SCALES = ("100", "200")
ZOOMED_SCALE = "300"  # drawn only of the area that is about it: the pictures are large
_SCREEN = (1600, 1000)  # logical pixels: room for the window and for what it opens
_SMALL_SCREEN = (720, 480)  # a panel of 2160 x 1440 at 300 %
_AT_ONCE = 2
_NO_WORDS = ("This plugin does not support",)  # what the offscreen platform says of what it can't


def main() -> int:
    """Draw what was asked for and return the exit status."""
    arguments = argparse.ArgumentParser(prog="python -m tests.screenshots", description=__doc__)
    arguments.add_argument("folder", nargs="?", type=Path, default=Path("build/screenshots"))
    arguments.add_argument("--scale", choices=(*SCALES, ZOOMED_SCALE), help="draw only this scale")
    arguments.add_argument("--only", choices=AREAS, action="append", help="draw only this area; may be given again")
    arguments.add_argument("--here", action="store_true", help="draw in this process: one area, Qt's scale as it is")
    options = arguments.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    if options.here:
        with tempfile.TemporaryDirectory() as home:
            os.environ["HEARTH_HOME"] = str(Path(home, "home"))
            AREAS[options.only[0]](Studio(options.folder, options.scale or SCALES[0]))
        return 0
    return _draw_apart(options.folder, parts_of(options.only, options.scale))


def parts_of(areas: Sequence[str] | None, scale: str | None) -> list[tuple[str, str]]:
    """Return (area, scale) of all that is drawn; None stands for all areas, or for the scales that each one needs."""
    parts = []
    for area in areas or AREAS:
        of_area = (ZOOMED_SCALE,) if area == "zoomed" else SCALES
        is_meant = areas is not None or scale in (None, *of_area)
        parts += [(area, each) for each in ((scale,) if scale else of_area) if is_meant]
    return parts


def _draw_apart(folder: Path, parts: Sequence[tuple[str, str]]) -> int:
    """Draw every area in a process of its own, some at once; say what went wrong."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        finished = list(pool.map(lambda part: _draw_one(folder, *part), parts))
    failed = [f"{area} at {scale} %" for (area, scale), status in zip(parts, finished, strict=True) if status]
    if failed:
        print("not drawn:", ", ".join(failed), file=sys.stderr)
    return bool(failed)


def _draw_one(folder: Path, area: str, scale: str) -> int:
    command = [sys.executable, "-m", "tests.screenshots", str(folder), "--only", area, "--scale", scale, "--here"]
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as place:
        environment = {**os.environ, "QT_QPA_PLATFORM": _platform(Path(place), scale)}
        environment["QT_SCALE_FACTOR"] = str(int(scale) / 100)
        done = subprocess.run(command, env=environment, stderr=subprocess.PIPE, text=True, check=False)
    for line in done.stderr.splitlines():
        if not line.startswith(_NO_WORDS):
            print(f"{area} {scale}: {line}", file=sys.stderr)
    print(f"{area} at {scale} %: {time.monotonic() - began:.0f} s", flush=True)
    return done.returncode


def _platform(place: Path, scale: str) -> str:
    """Return the name of Qt's offscreen platform with a screen of a size that people have; its own one is 800 x 800."""
    width, height = _SMALL_SCREEN if scale == ZOOMED_SCALE else _SCREEN
    factor = int(scale) // 100
    screen = {"name": "screen", "x": 0, "y": 0, "width": width * factor, "height": height * factor}
    configuration = place / "screens.json"
    configuration.write_text(json.dumps({"screens": [screen]}), encoding="utf-8")
    return f"offscreen:configfile={configuration}"


if __name__ == "__main__":
    sys.exit(main())
