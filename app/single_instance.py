"""One window for each home folder: the second start raises the first one's window instead of opening its own.

Owns a lock file and a local socket. Qt takes over the lock of a process that is no longer alive.
"""

import time
from pathlib import Path

from PySide6.QtCore import QCryptographicHash, QLockFile, QObject, Signal, Slot
from PySide6.QtNetwork import QLocalServer, QLocalSocket

_LOCK_NAME = "window.lock"
_PATIENCE_SECONDS = 5.0
_RETRY_MS = 100
_ACKNOWLEDGE_MS = 2000


class SingleInstance(QObject):
    """Signal raise_requested() when another start asks for the window."""

    raise_requested = Signal()

    def __init__(self, data_folder: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        folder = str(data_folder.resolve()).encode("utf-8", "surrogatepass")
        digest = QCryptographicHash.hash(folder, QCryptographicHash.Algorithm.Sha256)  # hashlib would load OpenSSL
        self._name = f"hearth-{digest.data().hex()[:24]}"
        self._lock = QLockFile(str(data_folder / _LOCK_NAME))
        self._lock.setStaleLockTime(0)  # never by age: a window may stay open for weeks
        self._server = QLocalServer(self)
        self._server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        self._server.newConnection.connect(self._on_connected)

    def claim(self) -> bool:
        """Return whether this is the first window; if not, it has been asked to show itself.

        Blocks for some seconds at most while the first one is just starting or just ending. Where the lock can't be
        had at all (a file system without locks), this is the first.
        """
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not self._lock.tryLock(0):
            if self._lock.error() is not QLockFile.LockError.LockFailedError:
                break
            if self._ask_first() or time.monotonic() > deadline:
                return False
        # With the lock in hand, a socket of that name belongs to a dead process.
        QLocalServer.removeServer(self._name)
        self._server.listen(self._name)
        return True

    def release(self) -> None:
        """Let another window be the first."""
        self._server.close()
        self._lock.unlock()

    def _ask_first(self) -> bool:
        """Ask the first window to show itself; return whether it answered (by closing the connection)."""
        socket = QLocalSocket()
        socket.connectToServer(self._name)
        if not socket.waitForConnected(_RETRY_MS):
            time.sleep(_RETRY_MS / 1000)
            return False
        return socket.state() is QLocalSocket.LocalSocketState.UnconnectedState or socket.waitForDisconnected(
            _ACKNOWLEDGE_MS
        )

    @Slot()
    def _on_connected(self) -> None:
        while self._server.hasPendingConnections():
            socket = self._server.nextPendingConnection()
            socket.disconnectFromServer()
            socket.deleteLater()
        self.raise_requested.emit()
