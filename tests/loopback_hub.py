"""A small Hub on this machine: the answers that huggingface_hub needs to inspect and download a repository.

Owns its server threads between start() and stop(); use it as a context manager.
"""

import gzip
import hashlib
import json
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from tests.loopback_faults import Fault, RandomFaults

COMMIT = "0123456789abcdef0123456789abcdef01234567"
_BLOCK_BYTES = 16 * 1024
_DRIP_SECONDS = 0.05
_LOOK_SECONDS = 0.01
_PATIENCE_SECONDS = 30.0  # of a busy machine; nothing waits that long when all is well
_SEND_BUFFER_BYTES = 32 * 1024
_LARGE_SUFFIX = ".safetensors"


@dataclass
class Behaviour:
    """How the server misbehaves.

    status answers every request with it (and error_code in X-Error-Code), file_status only those for files; with
    status_times only so many. packs: all files go out as gzip, which nobody asked for. drips: so many answers come a
    byte at a time. drop_after_bytes, stall_after_bytes: of one answer, then the next one gets through.
    holds_after_bytes: once so many went out in all, every answer waits until this is 0 again.
    address_uses: how many requests an address of the storage host answers before it has expired.
    """

    status: int = 0
    file_status: int = 0
    status_times: int = -1
    error_code: str = ""
    retry_after: str = ""
    seconds_per_block: float = 0.0
    flip_byte_of: str = ""
    flip_times: int = -1
    drop_after_bytes: int = 0
    stall_after_bytes: int = 0
    stall_seconds: float = 0.0
    holds_after_bytes: int = 0
    ignore_ranges: bool = False
    fault: Fault | None = None
    faults: RandomFaults | None = None
    packs: bool = False
    drips: int = 0
    uses_storage_host: bool = False
    address_uses: int = -1
    expired_status: int = 403

    @property
    def is_slowed_or_broken(self) -> bool:
        """Whether bytes go out otherwise than as fast as they can."""
        paces = (self.seconds_per_block, self.drips, self.holds_after_bytes)
        return any((*paces, self.flip_byte_of, self.drop_after_bytes, self.stall_after_bytes))


@dataclass
class LoopbackHub:
    """Serves folders as repositories: repositories maps a Hub id to the folder with its files.

    revisions: further branches and tags of an id, each with its commit and folder. sent_bytes: what really went out
    of each file, by its name, at any moment; counted() when what arrived is in it. storage_requests: those that
    reached the second host, where addresses expire.
    """

    repositories: dict[str, Path]
    behaviour: Behaviour = field(default_factory=Behaviour)
    requests: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    sent_bytes: dict[str, int] = field(default_factory=dict)
    revisions: dict[str, dict[str, tuple[str, Path]]] = field(default_factory=dict)
    storage_requests: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)

    def __enter__(self) -> "LoopbackHub":
        self._closing = threading.Event()
        self._lock = threading.Condition()
        self._writes = 0
        self._sockets: set[socket.socket] = set()
        self._address_uses: dict[str, int] = {}
        self._main = _Server(self, _HubHandler)
        self._storage = _Server(self, _StorageHandler)
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        with self._lock:
            sockets = list(self._sockets)
        for each in sockets:  # those that are kept for a next request, or that a fault holds
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
        self._main.stop()
        self._storage.stop()

    @property
    def endpoint(self) -> str:
        """The address to pass as endpoint."""
        return f"http://127.0.0.1:{self._main.server_address[1]}"

    def file_requests(self) -> list[str]:
        """Return the paths of files whose content was asked for."""
        return [path.rsplit("/", 1)[-1] for method, path, _ in self.requests if method == "GET" and "/resolve/" in path]

    def forget_counts(self) -> None:
        """Begin to count anew."""
        self.counted()
        self.requests.clear()
        self.storage_requests.clear()
        self.sent_bytes.clear()

    def counted(self) -> dict[str, int]:
        """Return sent_bytes once all that was written is counted: who gets the last bytes may be quicker than that."""
        with self._lock:
            assert self._lock.wait_for(lambda: not self._writes, _PATIENCE_SECONDS)
            return dict(self.sent_bytes)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Write some bytes and count them, as one thing for counted()."""
        with self._lock:
            self._writes += 1
        try:
            yield
        finally:
            with self._lock:
                self._writes -= 1
                self._lock.notify_all()

    def found(self, hub_id: str, revision: str) -> tuple[str, Path] | None:
        """Return commit and folder of a revision."""
        named = self.revisions.get(hub_id, {})
        by_commit = {commit: (commit, folder) for commit, folder in named.values()}
        main = (COMMIT, self.repositories[hub_id])
        return {"main": main, COMMIT: main, **by_commit, **named}.get(revision)

    def new_address(self, path: Path) -> str:
        """Return an address of the storage host for a file, which expires."""
        with self._lock:
            key = f"k{len(self._address_uses)}"
            self._address_uses[key] = self.behaviour.address_uses
        return f"http://127.0.0.1:{self._storage.server_address[1]}/storage{path}?key={key}"

    def use_address(self, key: str) -> bool:
        """Return whether an address is good for one more request."""
        with self._lock:
            left = self._address_uses.get(key, 0)
            self._address_uses[key] = left - 1 if left > 0 else left
            return left != 0

    def count_sent(self, name: str, count: int) -> None:
        """Count bytes of a file that went out."""
        with self._lock:
            self.sent_bytes[name] = self.sent_bytes.get(name, 0) + count

    def keep(self, connection: socket.socket, *, is_open: bool) -> None:
        """Know of a connection, so that stopping waits for none."""
        with self._lock:
            (self._sockets.add if is_open else self._sockets.discard)(connection)

    def pause(self, seconds: float) -> bool:
        """Wait, but not for a server that is being stopped; return whether it is."""
        return self._closing.wait(seconds)

    def takes_turn(self, name: str) -> bool:
        """Return whether a fault of which only some are wanted happens once more; name is a field of behaviour."""
        with self._lock:
            left = getattr(self.behaviour, name)
            if left > 0:
                setattr(self.behaviour, name, left - 1)
            return left != 0


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    block_on_close = True
    request_queue_size = 64

    def __init__(self, hub: LoopbackHub, handler: "type[_Handler]") -> None:
        class Handler(handler):  # type: ignore[misc, valid-type]
            def __init__(self, *arguments: object) -> None:
                self.hub = hub
                super().__init__(*arguments)

        super().__init__(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,), name="loopback-hub")
        self._thread.start()

    def handle_error(self, *_: object) -> None:
        return None  # a client that went away

    def stop(self) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    hub: LoopbackHub
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self) -> None:
        if self.hub.behaviour.faults is not None:
            # Else a megabyte counts as sent that lies in this machine's own buffers.
            self.request.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
        super().setup()
        self.hub.keep(self.connection, is_open=True)

    def finish(self) -> None:
        self.hub.keep(self.connection, is_open=False)
        super().finish()

    def log_message(self, *_: object) -> None:
        return None

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        raise NotImplementedError

    def _headers(self) -> dict[str, str]:
        return {name.lower(): value for name, value in self.headers.items()}

    def _send_json(self, content: object) -> None:
        self._send(200, json.dumps(content).encode(), {"Content-Type": "application/json"})

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def _send_status(self, status: int) -> None:
        behaviour = self.hub.behaviour
        answer = {"X-Error-Code": behaviour.error_code} if behaviour.error_code else {}
        if behaviour.retry_after:
            answer["Retry-After"] = behaviour.retry_after
        self._send(status, b'{"error": "no"}', answer)

    def _send_file(self, path: Path, headers: dict[str, str]) -> None:
        size = path.stat().st_size
        start, end = 0, size
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if wanted and int(wanted[1]) >= size:
            self._send(416, b"", {"Content-Range": f"bytes */{size}"})
            return
        if wanted:
            start, end = int(wanted[1]), min(int(wanted[2]) + 1, size) if wanted[2] else size
        behaviour = self.hub.behaviour
        fault, after = behaviour.fault, 0
        if behaviour.faults is not None and self.command == "GET":
            fault, after = behaviour.faults.next_fault(end - start)
        if fault in (Fault.PAGE, Fault.UNAVAILABLE, Fault.NO_SUCH_RANGE):
            self._send_nonsense(fault, size)
            return
        if wanted and (behaviour.ignore_ranges or fault is Fault.WHOLE):
            wanted, start, end = None, 0, size
        if behaviour.packs:
            self._send_packed(path, start, end, is_part=wanted is not None)
            return
        self.send_response(206 if wanted else 200)
        if wanted:
            shift = 1 if fault is Fault.WRONG_RANGE else 0
            headers["Content-Range"] = f"bytes {start + shift}-{end - 1 + shift}/{size}"
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(end - start + (1000 if fault is Fault.SHORT else 0)))
        self.end_headers()
        if self.command == "GET":
            self._write(path, start, end, fault, after)

    def _send_packed(self, path: Path, start: int, end: int, *, is_part: bool) -> None:
        content = path.read_bytes()
        headers = {"Content-Encoding": "gzip"}
        if is_part:
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{len(content)}"
        self._send(206 if is_part else 200, gzip.compress(content[start:end], 1), headers)

    def _send_nonsense(self, fault: Fault, size: int) -> None:
        if fault is Fault.PAGE:
            self._send(200, b"<html>Please log in</html>", {"Content-Type": "text/html"})
        elif fault is Fault.UNAVAILABLE:
            self._send(503, b"", {"Retry-After": "0"})
        else:
            self._send(416, b"", {"Content-Range": f"bytes */{size}"})

    def _write(self, path: Path, start: int, end: int, fault: Fault | None, after: int) -> None:
        behaviour, place = self.hub.behaviour, start
        if fault is None and not behaviour.is_slowed_or_broken:
            self._write_at_once(path, start, end)
            return
        flips = behaviour.flip_byte_of == path.name and end == path.stat().st_size and self.hub.takes_turn("flip_times")
        is_drip = end - start > _BLOCK_BYTES and bool(behaviour.drips) and self.hub.takes_turn("drips")
        try:
            with path.open("rb") as stream:
                stream.seek(start)
                while place < end:
                    if self._is_cut_off(place - start, fault, after):
                        self.close_connection = True
                        return
                    most = 1 if is_drip else _BLOCK_BYTES
                    if fault in (Fault.DROP, Fault.STALL):
                        most = min(most, max(1, after - (place - start)))
                    block = stream.read(min(most, end - place))
                    place += len(block)
                    if flips and place == end:
                        block = block[:-1] + bytes([block[-1] ^ 1])
                    with self.hub.writing():
                        self.wfile.write(block)
                        self.hub.count_sent(path.name, len(block))
                    if is_drip or behaviour.seconds_per_block:
                        self.hub.pause(_DRIP_SECONDS if is_drip else behaviour.seconds_per_block)
        except OSError:
            self.close_connection = True  # the client has had enough
        if fault is Fault.SHORT:
            self.close_connection = True

    def _write_at_once(self, path: Path, start: int, end: int) -> None:
        with path.open("rb") as stream, self.hub.writing():
            try:
                self.connection.sendfile(stream, start, end - start)
            except OSError:
                self.close_connection = True
            self.hub.count_sent(path.name, stream.tell() - start)

    def _is_cut_off(self, sent: int, fault: Fault | None, after: int) -> bool:
        behaviour, was_held = self.hub.behaviour, False
        while 0 < behaviour.holds_after_bytes <= sum(list(self.hub.sent_bytes.values())):
            was_held = True
            if self.hub.pause(_LOOK_SECONDS):
                return True
        if was_held and self._has_lost_client():
            return True
        if fault in (Fault.DROP, Fault.STALL) and sent >= after:
            if fault is Fault.STALL and behaviour.faults is not None:
                self.hub.pause(behaviour.faults.stall_seconds)
            return True
        if behaviour.drop_after_bytes and sent >= behaviour.drop_after_bytes:
            behaviour.drop_after_bytes = 0  # the next try gets through
            return True
        if behaviour.stall_after_bytes and sent >= behaviour.stall_after_bytes:
            behaviour.stall_after_bytes = 0
            self.hub.pause(behaviour.stall_seconds)
        return False

    def _has_lost_client(self) -> bool:
        """Return whether nobody would get what is sent now, though the first block would still count as sent."""
        try:
            return self.connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
        except BlockingIOError:
            return False
        except OSError:
            return True


class _HubHandler(_Handler):
    def _answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.hub.requests.append((self.command, path, self._headers()))
        if self.hub.behaviour.status and self.hub.takes_turn("status_times"):
            self._send_status(self.hub.behaviour.status)
            return
        raw = urlsplit(self.path).path
        for hub_id in self.hub.repositories:
            if self._answer_about(hub_id, raw):
                return
        self._send(404, b"{}", {"X-Error-Code": "RepoNotFound"})

    def _answer_about(self, hub_id: str, raw: str) -> bool:
        name = re.escape(hub_id)
        asked = re.fullmatch(rf"/api/models/{name}(?:/(revision|tree)/([^/]+))?", raw)
        resolved = re.fullmatch(rf"/{name}/resolve/([^/]+)/(.+)", raw)
        if not asked and not resolved:
            return False
        revision = unquote((asked[2] if asked else resolved[1] if resolved else "") or "main")
        found = self.hub.found(hub_id, revision)
        if found is None:
            self._send(404, b"{}", {"X-Error-Code": "RevisionNotFound"})
        elif resolved:
            self._resolve(found[1] / unquote(resolved[2]), found[0])
        elif asked and asked[1] == "tree":
            self._send_json([_tree_entry(file) for file in sorted(found[1].iterdir())])
        else:
            self._send_json(_model(hub_id, *found))
        return True

    def _resolve(self, path: Path, commit: str) -> None:
        behaviour = self.hub.behaviour
        if behaviour.file_status and self.hub.takes_turn("status_times"):
            self._send_status(behaviour.file_status)
            return
        if not path.is_file():
            self._send(404, b"{}", {"X-Error-Code": "EntryNotFound"})
            return
        headers = {"ETag": f'"{_etag(path)}"', "X-Repo-Commit": commit, "Accept-Ranges": "bytes"}
        if path.suffix == _LARGE_SUFFIX:
            headers |= {"X-Linked-Size": str(path.stat().st_size), "X-Linked-ETag": f'"{_etag(path)}"'}
            if behaviour.uses_storage_host:
                self._send(302, b"", headers | {"Location": self.hub.new_address(path)})
                return
        self._send_file(path, headers)


class _StorageHandler(_Handler):
    """The second host that large files come from; it must never see the token."""

    def _answer(self) -> None:
        address = urlsplit(self.path)
        path = Path(unquote(address.path).removeprefix("/storage"))
        self.hub.storage_requests.append((self.command, str(path), self._headers()))
        if not self.hub.use_address(parse_qs(address.query).get("key", [""])[0]):
            self._send(self.hub.behaviour.expired_status, b"<Error>expired</Error>", {})
            return
        self._send_file(path, {"ETag": '"storage"', "Accept-Ranges": "bytes"})


def _etag(path: Path) -> str:
    status = path.stat()
    return _digest(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=256)
def _digest(path: Path, size: int, _: int) -> str:
    if path.suffix == _LARGE_SUFFIX:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    return hashlib.sha1(b"blob %d\0" % size + path.read_bytes()).hexdigest()


def _tree_entry(path: Path) -> dict[str, object]:
    size = path.stat().st_size
    entry: dict[str, object] = {"type": "file", "path": path.name, "size": size, "oid": _etag(path)[:40]}
    if path.suffix == _LARGE_SUFFIX:
        entry["lfs"] = {"oid": _etag(path), "size": size, "pointerSize": 134}
    return entry


def _model(hub_id: str, commit: str, folder: Path) -> dict[str, object]:
    siblings = []
    for path in sorted(folder.iterdir()):
        entry: dict[str, object] = {"rfilename": path.name, "size": path.stat().st_size, "blobId": _etag(path)[:40]}
        if path.suffix == _LARGE_SUFFIX:
            entry["lfs"] = {"sha256": _etag(path), "size": path.stat().st_size, "pointerSize": 134}
        siblings.append(entry)
    return {"id": hub_id, "modelId": hub_id, "sha": commit, "siblings": siblings, "tags": [], "private": False}
