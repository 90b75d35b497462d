"""A small Hub on this machine: the answers that huggingface_hub needs to inspect and download a repository.

Owns one server thread between start() and stop(); use it as a context manager.
"""

import hashlib
import json
import re
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"
_BLOCK_BYTES = 16 * 1024
_LARGE_SUFFIX = ".safetensors"


@dataclass
class Behaviour:
    """How the server misbehaves. status answers every request with it (and error_code in X-Error-Code)."""

    status: int = 0
    error_code: str = ""
    retry_after: str = ""
    seconds_per_block: float = 0.0
    flip_byte_of: str = ""
    drop_after_bytes: int = 0
    ignore_ranges: bool = False


@dataclass
class LoopbackHub:
    """Serves folders as repositories: repositories maps a Hub id to the folder with its files."""

    repositories: dict[str, Path]
    behaviour: Behaviour = field(default_factory=Behaviour)
    requests: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    sent_bytes: dict[str, int] = field(default_factory=dict)

    def __enter__(self) -> "LoopbackHub":
        hub = self

        class Handler(_Handler):
            def __init__(self, *arguments: object) -> None:
                self.hub = hub
                super().__init__(*arguments)  # type: ignore[arg-type]

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = False
        self._server.block_on_close = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), name="loopback-hub")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def endpoint(self) -> str:
        """The address to pass as endpoint."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def file_requests(self) -> list[str]:
        """Return the paths of files whose content was asked for."""
        return [path.rsplit("/", 1)[-1] for method, path, _ in self.requests if method == "GET" and "/resolve/" in path]


class _Handler(BaseHTTPRequestHandler):
    hub: LoopbackHub
    protocol_version = "HTTP/1.0"  # no connection is kept, so that stopping waits for none

    def log_message(self, *_: object) -> None:
        return None

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.hub.requests.append((self.command, path, headers))
        behaviour = self.hub.behaviour
        if behaviour.status:
            answer = {"X-Error-Code": behaviour.error_code} if behaviour.error_code else {}
            if behaviour.retry_after:
                answer["Retry-After"] = behaviour.retry_after
            self._send(behaviour.status, b'{"error": "no"}', answer)
            return
        for hub_id, folder in self.hub.repositories.items():
            if re.fullmatch(rf"/api/models/{re.escape(hub_id)}(/revision/[^/]+)?", path):
                self._send_json(_model(hub_id, folder))
                return
            if path.startswith(f"/api/models/{hub_id}/tree/"):
                self._send_json([_tree_entry(file) for file in sorted(folder.iterdir())])
                return
            if found := re.fullmatch(rf"/{re.escape(hub_id)}/resolve/[^/]+/(.+)", path):
                self._send_file(folder / found[1])
                return
        self._send(404, b"{}", {"X-Error-Code": "RepoNotFound"})

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

    def _send_file(self, path: Path) -> None:
        if not path.is_file():
            self._send(404, b"{}", {"X-Error-Code": "EntryNotFound"})
            return
        content = path.read_bytes()
        headers = {"ETag": f'"{_etag(path)}"', "X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"}
        if path.suffix == _LARGE_SUFFIX:
            headers |= {"X-Linked-Size": str(len(content)), "X-Linked-ETag": f'"{_etag(path)}"'}
        if self.hub.behaviour.flip_byte_of == path.name:
            content = content[:-1] + bytes([content[-1] ^ 1])
        start = 0
        end = len(content)
        found = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if found and not self.hub.behaviour.ignore_ranges:
            start, end = int(found[1]), min(int(found[2]) + 1, end) if found[2] else end
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{len(content)}"
        self.send_response(206 if "Content-Range" in headers else 200)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(end - start))
        self.end_headers()
        if self.command == "GET":
            sent = self.hub.sent_bytes
            sent[path.name] = sent.get(path.name, 0) + end - start
            self._write_slowly(content[start:end])

    def _write_slowly(self, content: bytes) -> None:
        behaviour = self.hub.behaviour
        try:
            for place in range(0, len(content), _BLOCK_BYTES):
                if behaviour.drop_after_bytes and place >= behaviour.drop_after_bytes:
                    behaviour.drop_after_bytes = 0  # the next try gets through
                    self.close_connection = True
                    return
                self.wfile.write(content[place : place + _BLOCK_BYTES])
                if behaviour.seconds_per_block:
                    time.sleep(behaviour.seconds_per_block)
        except OSError:
            self.close_connection = True  # the client has had enough


def _etag(path: Path) -> str:
    content = path.read_bytes()
    if path.suffix == _LARGE_SUFFIX:
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def _tree_entry(path: Path) -> dict[str, object]:
    size = path.stat().st_size
    entry: dict[str, object] = {"type": "file", "path": path.name, "size": size, "oid": _etag(path)[:40]}
    if path.suffix == _LARGE_SUFFIX:
        entry["lfs"] = {"oid": _etag(path), "size": size, "pointerSize": 134}
    return entry


def _model(hub_id: str, folder: Path) -> dict[str, object]:
    siblings = []
    for path in sorted(folder.iterdir()):
        entry: dict[str, object] = {"rfilename": path.name, "size": path.stat().st_size, "blobId": _etag(path)[:40]}
        if path.suffix == _LARGE_SUFFIX:
            entry["lfs"] = {"sha256": _etag(path), "size": path.stat().st_size, "pointerSize": 134}
        siblings.append(entry)
    return {"id": hub_id, "modelId": hub_id, "sha": COMMIT, "siblings": siblings, "tags": [], "private": False}
