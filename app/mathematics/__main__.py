"""The process that draws formulas: reads one Wanted a line, writes one Drawn a line, ends with its input.

Whoever started it sets the time limit, and ends it; memory is limited here, where the system can do that.
"""

import contextlib
import sys

import msgspec

from app.mathematics.shapes import READY, Drawn, Shape, Wanted

MEMORY_BYTES = 768 * 2**20


def main() -> None:
    """Draw until the input ends."""
    _limit_memory()
    from app.mathematics.drawing import draw  # takes 0.2 s, and belongs under the limit

    _say(READY)
    decoder = msgspec.json.Decoder(Wanted)
    for line in sys.stdin.buffer:
        wanted = decoder.decode(line)
        shape: Shape | None = None
        # The libraries raise anything from AssertionError to RecursionError for LaTeX they don't know.
        with contextlib.suppress(Exception):
            shape = draw(wanted.latex, wanted.is_display)
        _say(Drawn(wanted.number, shape))


def _say(drawn: Drawn) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(drawn) + b"\n")
    sys.stdout.buffer.flush()


def _limit_memory() -> None:
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))


if __name__ == "__main__":
    main()
