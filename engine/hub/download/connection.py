"""One request for a range of a file: redirects followed by hand, the answer checked before a byte of it is used."""

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol
from urllib.parse import urljoin

import httpcore2
import httpx2
from huggingface_hub.utils._http import hf_raise_for_status

from engine.hub.download.record import WantedFile
from engine.hub.download.retry import AddressExpired, Unresumable, WrongAnswer
from engine.hub.session import CONNECT_SECONDS, HubSession

_MOST_REDIRECTS = 5
_WORTH_READING_PLAINLY = 1 * 2**20
_PLAIN_BLOCK_BYTES = 256 * 1024
_OK, _PARTIAL, _BAD_RANGE = 200, 206, 416
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_EXPIRED = frozenset({400, 401, 403, 404, 410})
_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")


class Connections:
    """Requests of one download, from any of its threads; owns its sockets, so that all can be ended at once."""

    def __init__(self, session: HubSession, hub_id: str, commit: str) -> None:
        self._session = session
        self._hub_id = hub_id
        self._commit = commit
        self._client = session.own_client()
        self._addresses: dict[str, str] = {}
        self._lock = threading.Lock()
        self._sockets: set[socket.socket] = set()
        self._is_closed = False

    def close(self) -> None:
        """End every request, also those that wait for an answer; they fail in their threads."""
        with self._lock:
            self._is_closed = True
            sockets, self._sockets = self._sockets, set()
        for each in sockets:
            _shut(each)
        self._client.close()

    @contextmanager
    def blocks(self, file: WantedFile, start: int, end: int, stall_seconds: float) -> Iterator[Iterator[bytes]]:
        """Yield the bytes from start up to end (exclusive) in blocks as they come; there may be fewer.

        Raises WrongAnswer, AddressExpired, Unresumable, HfHubHTTPError and what httpx2 raises.
        """
        headers = {} if (start, end) == (0, file.size_bytes) else {"Range": f"bytes={start}-{end - 1}"}
        known = self._addresses.get(file.path)
        url = known or self._session.file_url(self._hub_id, self._commit, file.path)
        for redirects in range(_MOST_REDIRECTS + 1):
            with self._answer(url, headers, stall_seconds) as response:
                if response.status_code in _REDIRECTS:
                    url = _target(response, url)
                    continue
                if known == url and response.status_code in _EXPIRED:
                    self._addresses.pop(file.path, None)
                    url = self._session.file_url(self._hub_id, self._commit, file.path)
                    continue
                _check_status(response, is_redirected=redirects > 0)
                length = _checked_length(response, file, start, end)
                if redirects:
                    self._addresses[file.path] = url
                yield _limited(response, length, stall_seconds)
                return
        raise WrongAnswer("too many redirects")

    @contextmanager
    def _answer(self, url: str, headers: dict[str, str], stall_seconds: float) -> Iterator[httpx2.Response]:
        timeout = httpx2.Timeout(stall_seconds, connect=CONNECT_SECONDS)
        with self._client.stream(
            "GET",
            url,
            headers=self._session.headers(url) | headers,
            timeout=timeout,
            follow_redirects=False,
            extensions={"trace": self._watch},
        ) as response:
            yield response

    def _watch(self, _: str, info: dict[str, object]) -> None:
        """Take every connection as it is made: httpx2 has no other way to end a read that waits."""
        get_extra_info = getattr(info.get("return_value"), "get_extra_info", None)
        found = get_extra_info("socket") if get_extra_info is not None else None
        if not isinstance(found, socket.socket):
            return
        with self._lock:
            self._sockets = {each for each in self._sockets if each.fileno() >= 0} | {found}
            is_closed = self._is_closed
        if is_closed:
            _shut(found)


def _shut(connection: socket.socket) -> None:
    try:
        # Not the method of an SSLSocket, which would take its state away from the thread that reads.
        socket.socket.shutdown(connection, socket.SHUT_RDWR)
    except OSError:
        pass  # it was closed already


def _target(response: httpx2.Response, url: str) -> str:
    location = response.headers.get("Location", "")
    if not location:
        raise WrongAnswer("a redirect to nowhere")
    return urljoin(url, location)


def _check_status(response: httpx2.Response, *, is_redirected: bool) -> None:
    status = response.status_code
    if status in (_OK, _PARTIAL, _BAD_RANGE):
        return
    if is_redirected and status in _EXPIRED:
        raise AddressExpired(f"status {status}")
    hf_raise_for_status(response)
    raise WrongAnswer(f"status {status}")


def _checked_length(response: httpx2.Response, file: WantedFile, start: int, end: int) -> int:
    """Return how many bytes of the answer are to be taken; raises where they are not those that were asked for."""
    if response.status_code == _BAD_RANGE:
        raise Unresumable(is_refusal=True)
    if response.headers.get("Content-Encoding", "identity") not in ("", "identity"):
        raise WrongAnswer("packed bytes")
    if response.status_code == _OK:
        length = response.headers.get("Content-Length", "")
        is_page = response.headers.get("Content-Type", "").startswith("text/html")
        if is_page or (length and int(length) < file.size_bytes):
            raise WrongAnswer("another file")
        if (start, end) != (0, file.size_bytes):
            raise Unresumable(is_refusal=False)
        return file.size_bytes
    found = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
    if found is None or int(found[1]) != start or found[3] not in ("*", str(file.size_bytes)):
        raise WrongAnswer("another range")
    return min(end, int(found[2]) + 1) - start


def _limited(response: httpx2.Response, length: int, stall_seconds: float) -> Iterator[bytes]:
    # An answer that is read to its very end leaves its connection to the next request.
    ends_by_itself = response.headers.get("Content-Length") == str(length)
    stream = response.extensions["network_stream"]
    is_plain = stream.get_extra_info("ssl_object") is None
    for block in response.iter_raw():
        yield block[:length] if len(block) > length else block
        length -= len(block)
        if length <= 0 and not ends_by_itself:
            return
        if length >= _WORTH_READING_PLAINLY and ends_by_itself and is_plain:
            # What came with the headers was in the first block, so all others can be taken from the socket itself.
            yield from _read_plainly(stream, length, stall_seconds)
            return


class _Stream(Protocol):
    def read(self, max_bytes: int, timeout: float | None = None) -> bytes: ...


def _read_plainly(stream: _Stream, length: int, stall_seconds: float) -> Iterator[bytes]:
    """Yield bytes as the socket gives them: the parser between takes half of the time on a fast line without TLS.

    It doesn't see them, so the connection is closed after that.
    """
    while length > 0:
        try:
            block = stream.read(min(length, _PLAIN_BLOCK_BYTES), stall_seconds)
        except httpcore2.ReadTimeout as error:
            raise httpx2.ReadTimeout(str(error)) from error
        except httpcore2.NetworkError as error:
            raise httpx2.ReadError(str(error)) from error
        if not block:
            return
        yield block
        length -= len(block)
