"""What it costs to draw an answer while it streams: python -m tests.benchmarks.rendering

An answer of 20,000 characters (headings, lists, tables, code, thinking, prose) arrives in pieces of 40 characters,
about what a fast model writes between two frames. Each piece is one update of the widget that shows it, with layout and
painting. Budget: 16 ms per update at the end. Two kinds of answer that cannot be cut into small blocks follow: one
paragraph and one block of code, each of 20,000 characters. Then texts made to be slow, each rendered once.
Prints one JSON object; times are in milliseconds.
"""

import json
import os
import platform
import statistics
import sys
import time

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import PySide6
from PySide6.QtWidgets import QApplication, QScrollArea

from app.rendering.markdown import render
from app.widgets.basics.fonts import load_fonts
from app.widgets.basics.theme import LIGHT, TEXT_COLUMN_PX, apply_theme
from app.widgets.transcript.message_body import MessageBody

CHARACTERS = 20_000
PIECE = 40
SECTION = """
## Section {n}: embers and ash

An **ember** glows at about `900 K`, and its colour follows *Planck's law*: the hotter it is, the whiter it looks. This
paragraph goes on for a while, as paragraphs of answers do, with [a link](https://example.com/{n}) and some numbers.

1. Gather dry wood, about {n} kg of it.
2. Build a small tower:
   - thin sticks inside
   - thicker ones outside

   ```python
   def tower(height: float) -> list[str]:
       return ["stick"] * int(height * {n})  # one each
   ```
3. Light it from the windward side.

| wood | heat | smoke |
|:-----|-----:|:-----:|
| oak  | {n}.5 | little |
| pine | {n}.1 | much |

> Never leave a fire alone, not even section {n}.
"""
HOSTILE = {
    "500 nested quotes": "> " * 500 + "x",
    "500 nested lists": "".join("  " * depth + "- x\n" for depth in range(500)),
    "table of 10,000 rows": "|a|b|\n|-|-|\n" + "|x|y|\n" * 10_000,
    "one line of 1 M characters": "x" * 1_000_000,
    "1 M characters of words": "word word word. " * 62_500,
    "1 M characters of paragraphs": "line of text\n\n" * 70_000,
    "16,000 opening brackets": "[" * 16_000,
    "16,000 stars": "*a **a " * 2_300,
}


def mixed_answer() -> str:
    """Return an answer of CHARACTERS characters with a bit of everything."""
    text = "<think>\nThe user asks about fire. I should be careful.\n</think>\n"
    number = 1
    while len(text) < CHARACTERS:
        text += SECTION.format(n=number)
        number += 1
    return text[:CHARACTERS]


def stream(application: QApplication, text: str) -> list[float]:
    """Show a text piece by piece; return the milliseconds of each update with its layout and painting."""
    body = MessageBody(LIGHT)
    page = QScrollArea()
    page.setWidget(body)
    page.resize(TEXT_COLUMN_PX + 40, 800)
    page.show()
    times = []
    for end in range(PIECE, len(text) + 1, PIECE):
        started = time.perf_counter()
        body.set_text(text[:end], streaming=True)
        body.draw_now()
        _lay_out(application, page, body)
        times.append(1000 * (time.perf_counter() - started))
    started = time.perf_counter()
    body.set_text(text)
    _lay_out(application, page, body)
    times.append(1000 * (time.perf_counter() - started))
    page.deleteLater()
    return times


def _lay_out(application: QApplication, page: QScrollArea, body: MessageBody) -> None:
    """Give the body its height, go to its end, paint what is in view."""
    body.resize(TEXT_COLUMN_PX, body.heightForWidth(TEXT_COLUMN_PX))
    page.verticalScrollBar().setValue(page.verticalScrollBar().maximum())
    application.processEvents()


def summary(times: list[float]) -> dict[str, float]:
    """Return the median and worst of the last tenth of the updates, the worst of all, and the closing one."""
    tail = times[-max(2, len(times) // 10) : -1]
    numbers = {
        "median_at_the_end": statistics.median(tail),
        "worst_at_the_end": max(tail),
        "worst": max(times[:-1]),
        "finish": times[-1],
    }
    return {name: round(number, 2) for name, number in numbers.items()}


def main() -> None:
    """Measure and print."""
    application = QApplication(sys.argv[:1])
    load_fonts()
    apply_theme(application, LIGHT)
    stream(application, mixed_answer()[:2000])  # fonts and lexers are loaded once
    texts = {
        "mixed answer": mixed_answer(),
        "one paragraph": "A sentence of many words about embers. " * (CHARACTERS // 39),
        "one code block": "```python\n" + "value = compute(1, 'two')  # three\n" * (CHARACTERS // 36),
    }
    result: dict[str, object] = {
        "platform": platform.platform(),
        "pyside": PySide6.__version__,
        "milliseconds_per_update": {name: summary(stream(application, text)) for name, text in texts.items()},
    }
    hostile = {}
    for name, text in HOSTILE.items():
        started = time.perf_counter()
        render(text, LIGHT.render_theme())
        hostile[name] = round(1000 * (time.perf_counter() - started), 1)
    result["milliseconds_to_render"] = hostile
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
