"""The process that draws formulas: reads one Wanted a line, writes one Drawn a line, ends with its input.

Memory and the processor's time for one formula are limited here, where the system can do that, so that a busy machine
refuses no formula; whoever started it has a limit by the clock, and ends it.
"""

import contextlib
import signal
import sys
from collections.abc import Iterator

import msgspec

from app.mathematics.shapes import READY, Drawn, Shape, Wanted
from app.process_memory import limit_memory

MEMORY_BYTES = 768 * 2**20
FORMULA_SECONDS = 1.0  # of the processor; models' formulas take 2 to 50 ms
_AGAIN_SECONDS = 0.05  # where a library has caught the first


class TookTooLong(BaseException):
    """One formula has used up its time; no library's "except Exception" is meant."""


def main() -> None:
    """Draw until the input ends."""
    limit_memory(MEMORY_BYTES)
    from app.mathematics.drawing import draw  # takes 0.2 s, and belongs under the limit

    _say(READY)
    decoder = msgspec.json.Decoder(Wanted)
    for line in sys.stdin.buffer:
        wanted = decoder.decode(line)
        shape: Shape | None = None
        # The libraries raise anything from AssertionError to RecursionError for LaTeX they don't know.
        with contextlib.suppress(Exception, TookTooLong), _limited_time():
            shape = draw(wanted.latex, wanted.is_display)
        _say(Drawn(wanted.number, shape))


@contextlib.contextmanager
def _limited_time() -> Iterator[None]:
    """Raise TookTooLong inside once the processor has worked for too long."""
    if sys.platform == "win32":  # only the clock of the window's process is there
        yield
    else:
        is_running = True

        def stop(number: int, frame: object) -> None:
            if is_running:
                raise TookTooLong

        signal.signal(signal.SIGVTALRM, stop)
        signal.setitimer(signal.ITIMER_VIRTUAL, FORMULA_SECONDS, _AGAIN_SECONDS)
        try:
            yield
        finally:
            is_running = False
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)


def _say(drawn: Drawn) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(drawn) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
