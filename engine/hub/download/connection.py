"""One request for a range of a file: redirects followed by hand, the answer checked before a byte of it is used."""

import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urljoin

from huggingface_hub.utils._http import hf_raise_for_status

from engine.hub.download.record import WantedFile
from engine.hub.download.retry import AddressExpired, Unresumable, WrongAnswer
from engine.hub.http_library import httpx2
from engine.hub.session import CONNECT_SECONDS, HubSession

Blocks = Iterator[bytes | memoryview]
_MOST_REDIRECTS = 5
_WORTH_READING_DIRECTLY = 1 * 2**20
_BLOCK_BYTES = 256 * 1024
_OK, _PARTIAL, _BAD_RANGE = 200, 206, 416
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_EXPIRED = frozenset({400, 401, 403, 404, 410})
_TRICKLE_BYTES_PER_SECOND = 4096
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
    def blocks(self, file: WantedFile, start: int, end: int, stall_seconds: float) -> Iterator[Blocks]:
        """Yield the bytes from start up to end (exclusive) in blocks as they come; there may be fewer.

        A block is only valid until the next one is asked for.

        Raises WrongAnswer, AddressExpired, Unresumable, HfHubHTTPError and what httpx2 raises.
        """
        headers = {} if (start, end) == (0, file.size_bytes) else {"Range": f"bytes={start}-{end - 1}"}
        known = self._addresses.get(file.path)
        url = known or self._session.file_url(self._hub_id, self._commit, file.path)
        try:
            for redirects in range(_MOST_REDIRECTS + 1):
                with self._answer(url, headers, stall_seconds) as response:
                    if response.status_code in _REDIRECTS:
                        url = _target(response, url)
                        continue
                    if known == url and response.status_code in _EXPIRED:
                        url = self._session.file_url(self._hub_id, self._commit, file.path)
                        continue
                    _check_status(response, is_redirected=redirects > 0)
                    length = _checked_length(response, file, start, end)
                    if redirects:
                        self._addresses[file.path] = url
                    yield _brisk(_limited(response, length, stall_seconds), stall_seconds)
                    return
            raise WrongAnswer("too many redirects")
        except BaseException:
            self._addresses.pop(file.path, None)  # the Hub may name another host by now
            raise

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
    is_packed = _is_packed(response)
    if response.status_code == _OK:
        length = "" if is_packed else response.headers.get("Content-Length", "")
        is_page = response.headers.get("Content-Type", "").startswith("text/html")
        if is_page or (length and int(length) < file.size_bytes):
            raise WrongAnswer("another file")
        if (start, end) != (0, file.size_bytes):
            raise Unresumable(is_refusal=False)
        return file.size_bytes
    if is_packed:  # a range of the packed bytes can't be unpacked
        raise Unresumable(is_refusal=False)
    found = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
    if found is None or int(found[1]) != start or found[3] not in ("*", str(file.size_bytes)):
        raise WrongAnswer("another range")
    return min(end, int(found[2]) + 1) - start


def _is_packed(response: httpx2.Response) -> bool:
    """Return whether the bytes are packed, as some proxies and mirrors do although nobody asked for it."""
    return response.headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity")


def _brisk(blocks: Blocks, stall_seconds: float) -> Blocks:
    """Yield the blocks as long as they are more than a trickle, which counts as silence."""
    since, count = time.monotonic(), 0
    for block in blocks:
        yield block
        count += len(block)
        seconds = time.monotonic() - since
        if seconds >= stall_seconds:
            if count < _TRICKLE_BYTES_PER_SECOND * seconds:
                raise httpx2.ReadTimeout("only a trickle came")
            since, count = since + seconds, 0


def _limited(response: httpx2.Response, length: int, stall_seconds: float) -> Iterator[bytes | memoryview]:
    # An answer that is read to its very end leaves its connection to the next request.
    ends_by_itself = response.headers.get("Content-Length") == str(length)
    connection = None if _is_packed(response) else _socket_of(response)
    for block in response.iter_bytes():
        yield block[:length] if len(block) > length else block
        length -= len(block)
        if length <= 0 and not ends_by_itself:
            return
        if length >= _WORTH_READING_DIRECTLY and ends_by_itself and connection is not None:
            # What came with the headers was in the first block, so all others can be taken from the socket itself.
            yield from _read_directly(connection, length, stall_seconds)
            return


def _socket_of(response: httpx2.Response) -> socket.socket | None:
    """Return the socket that an answer comes through, None where more than that has to be asked (TLS within TLS)."""
    stream = response.extensions["network_stream"]
    found, tls = stream.get_extra_info("socket"), stream.get_extra_info("ssl_object")
    return found if isinstance(found, socket.socket) and tls in (None, found) else None


def _read_directly(connection: socket.socket, length: int, stall_seconds: float) -> Iterator[memoryview]:
    """Yield bytes as the socket gives them, in a buffer that the next ones overwrite.

    The parser between and fresh memory for each block would take half of the time on a fast line. The parser doesn't
    see these bytes, so the connection is closed after them.
    """
    buffer = memoryview(bytearray(_BLOCK_BYTES))
    connection.settimeout(stall_seconds)
    while length > 0:
        try:
            count = connection.recv_into(buffer[: min(length, _BLOCK_BYTES)])
        except TimeoutError as error:
            raise httpx2.ReadTimeout("no byte came") from error
        except OSError as error:
            raise httpx2.ReadError(str(error)) from error
        if count == 0:
            return
        yield buffer[:count]
        length -= count
