"""The child process that draws formulas: started when the first is wanted, replaced when one formula takes too long.

Drawing takes 2 to 50 ms in Python, and hostile LaTeX any time and memory: neither may touch the window's process.
"""

import logging
import signal
import sys
from collections import OrderedDict
from pathlib import Path

import msgspec
from PySide6.QtCore import QObject, QProcess, QProcessEnvironment, QTimer, Signal, Slot

import app
from app.mathematics.shapes import Drawn, Wanted

START_MS = 30_000  # a cold disk and a busy machine; nothing waits for it but pictures
# The process itself gives up after a second of the processor's time, where the system can interrupt it.
FORMULA_MS = 10_000 if hasattr(signal, "setitimer") else 2_000
IDLE_MS = 120_000
_SENT_AT_ONCE = 8
_STARTS_TRIED = 3

_log = logging.getLogger(__name__)


class FormulaProcess(QObject):
    """Draws what it is asked for, in order. Signal: drawn(Drawn), exactly once for each number asked."""

    drawn = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._waiting: OrderedDict[int, Wanted] = OrderedDict()
        self._sent: OrderedDict[int, Wanted] = OrderedDict()
        self._process: QProcess | None = None
        self._rest = b""
        self._failures = 0
        self._timer = QTimer(self, singleShot=True)
        self._timer.timeout.connect(self._on_time_up)

    def ask(self, wanted: Wanted) -> None:
        """Have a formula drawn; the answer never comes within this call."""
        self._waiting[wanted.number] = wanted
        if self._process is None:
            QTimer.singleShot(0, self, self._start)
        else:
            if not self._sent:  # it has rested, and its time begins now: what was left of the rest could be nothing
                self._timer.start(FORMULA_MS)
            self._send()

    def end(self) -> None:
        """End the process; nothing more is drawn."""
        self._waiting.clear()
        self._sent.clear()
        self._timer.stop()
        self._drop_process()

    @Slot()
    def _start(self) -> None:
        if self._process is not None or not self._waiting:
            return
        if self._failures >= _STARTS_TRIED:
            self._refuse(self._waiting)
            return
        self._rest = b""
        self._process = process = QProcess(self)
        environment = QProcessEnvironment.systemEnvironment()
        environment.insert("PYTHONPATH", str(Path(app.__file__).parents[1]))
        process.setProcessEnvironment(environment)
        process.setStandardErrorFile(QProcess.nullDevice())
        process.readyReadStandardOutput.connect(self._on_readable)
        process.finished.connect(self._on_ended)
        process.errorOccurred.connect(self._on_ended)
        process.start(sys.executable, ["-P", "-m", "app.mathematics"])
        self._timer.start(START_MS)
        self._send()

    def _send(self) -> None:
        if self._process is None:
            return
        while self._waiting and len(self._sent) < _SENT_AT_ONCE:
            number, wanted = self._waiting.popitem(last=False)
            self._sent[number] = wanted
            self._process.write(msgspec.json.encode(wanted) + b"\n")

    @Slot()
    def _on_readable(self) -> None:
        if self._process is None:
            return
        *lines, self._rest = (self._rest + bytes(self._process.readAllStandardOutput().data())).split(b"\n")
        for line in lines:
            try:
                answer = msgspec.json.decode(line, type=Drawn)
            except msgspec.DecodeError:
                _log.warning("the drawing process wrote what is no drawing")
                self._on_ended()
                return
            self._failures = 0
            if self._sent.pop(answer.number, None) is not None:
                self.drawn.emit(answer)
        if self._process is not None:  # whoever heard of a drawing may have ended it
            self._send()
            self._timer.start(FORMULA_MS if self._sent else IDLE_MS)

    @Slot()
    def _on_time_up(self) -> None:
        if self._sent:
            _log.info("a formula took too long, and is shown as its source")
            self._on_ended()
        else:
            self._drop_process()

    @Slot()
    def _on_ended(self) -> None:
        """The first formula that was sent is the one it was busy with: that one is refused, the others tried again."""
        if self._process is None:
            return
        self._timer.stop()
        self._drop_process()
        self._failures += 1
        if self._sent:
            number, _ = self._sent.popitem(last=False)
            self._sent.update(self._waiting)
            self._waiting, self._sent = self._sent, OrderedDict()
            self.drawn.emit(Drawn(number, None))
        if self._waiting:
            QTimer.singleShot(0, self, self._start)

    def _refuse(self, refused: OrderedDict[int, Wanted]) -> None:
        while refused:
            number, _ = refused.popitem(last=False)
            self.drawn.emit(Drawn(number, None))

    def _drop_process(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.blockSignals(True)
            process.kill()
            process.waitForFinished(1_000)  # it is killed: a few milliseconds
            process.deleteLater()
