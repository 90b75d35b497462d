"""`python -m tests.screenshots [FOLDER]`: draws the window's states, light and dark, at 100 % and 200 %.

The real application, offscreen, under a HEARTH_HOME of its own; the real starter model where it can say what is to be
seen, stored conversations and the scripted engine for the rest. `--only answers` draws one area, `--scale 100` one
scale. Each area and scale is a process of its own: Qt reads scale and language once.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.screenshots import answers, composer, exchange, frame, languages, messages, models, sidebar
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
}
SCALES = ("100", "200")
_AT_ONCE = 2
_NO_WORDS = ("This plugin does not support",)  # what the offscreen platform says of what it can't


def main() -> int:
    """Draw what was asked for and return the exit status."""
    arguments = argparse.ArgumentParser(prog="python -m tests.screenshots", description=__doc__)
    arguments.add_argument("folder", nargs="?", type=Path, default=Path("build/screenshots"))
    arguments.add_argument("--scale", choices=SCALES, help="draw only this scale")
    arguments.add_argument("--only", choices=AREAS, action="append", help="draw only this area; may be given again")
    arguments.add_argument("--here", action="store_true", help="draw in this process: one area, Qt's scale as it is")
    options = arguments.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    scales = (options.scale,) if options.scale else SCALES
    areas = options.only or list(AREAS)
    if options.here:
        with tempfile.TemporaryDirectory() as home:
            os.environ["HEARTH_HOME"] = str(Path(home, "home"))
            AREAS[areas[0]](Studio(options.folder, scales[0]))
        return 0
    return _draw_apart(options.folder, [(area, scale) for scale in scales for area in areas])


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
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "QT_SCALE_FACTOR": str(int(scale) / 100)}
    done = subprocess.run(command, env=environment, stderr=subprocess.PIPE, text=True, check=False)
    for line in done.stderr.splitlines():
        if not line.startswith(_NO_WORDS):
            print(f"{area} {scale}: {line}", file=sys.stderr)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
