"""The last way out of a terminal: where the main thread sits in a call on a file of a dead server, which nothing
interrupts, no handler of Python's ever runs, and Ctrl+C would do nothing.
"""

import os
import signal
import socket
import threading
import time
from types import FrameType

from app.terminal import interrupts
from app.terminal.options import EXIT_INTERRUPTED

_HANGS_SECONDS = 3.0
_TOLD = b"\nA disk or file server does not answer, so Hearth was ended.\n"


class WayOut:
    """While entered by the main thread, a Ctrl+C that it doesn't come to handle ends the process.

    Owns a thread and a pair of sockets. An engine ends as its pipe does.
    """

    def __enter__(self) -> "WayOut":
        self._is_over = threading.Event()
        self._previous_handler = signal.signal(signal.SIGINT, self._on_signal)
        self._reader, self._writer = socket.socketpair()
        self._writer.setblocking(False)
        # Python's handler in C writes the signal's number there, on whichever thread the system gives the signal to.
        self._previous_descriptor = signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        self._thread = threading.Thread(target=self._watch, name="way-out", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        signal.set_wakeup_fd(self._previous_descriptor)
        signal.signal(signal.SIGINT, self._previous_handler)
        self._is_over.set()
        self._writer.close()
        self._thread.join()
        self._reader.close()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        interrupts.note_handled()
        signal.default_int_handler(number, frame)

    def _watch(self) -> None:
        while numbers := self._reader.recv(16):
            read_at = time.monotonic()
            if signal.SIGINT not in numbers or self._is_over.wait(_HANGS_SECONDS):
                continue
            if interrupts.last_handled_at() < read_at - _HANGS_SECONDS:
                os.write(2, _TOLD)
                os._exit(EXIT_INTERRUPTED)
