"""Single small files of a repository on the Hub, and the headers of its weights: no weight is ever asked for."""

import json
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from math import prod

from huggingface_hub.utils._http import hf_raise_for_status

from engine.api.cancellation import CancellationToken
from engine.api.hub import HubAccess
from engine.checkpoints.files import CheckpointFiles, TensorHeader, incomplete
from engine.hub.failures import HUB_FAILURES, explained
from engine.hub.repository import RemoteCheckpoint
from engine.hub.session import session_for

_AT_ONCE = 8
_LOOK_SECONDS = 0.1
_LENGTH_BYTES = 8
_LARGEST_HEADER_BYTES = 100_000_000  # safetensors' own limit
_HTTP_PARTIAL = 206


class HubFiles:
    """Reads from one repository at one commit. Any thread."""

    def __init__(self, remote: RemoteCheckpoint, access: HubAccess) -> None:
        self._remote = remote
        self._session = session_for(access)

    def read(self, name: str, most_bytes: int) -> bytes:
        """Return the beginning of a file, all of it if it has no more bytes than that. Raises EngineError."""
        return self._range(name, 0, most_bytes)

    def tensors(
        self, files: CheckpointFiles, names: list[str], cancellation: CancellationToken
    ) -> dict[str, TensorHeader]:
        """Return the header of every tensor in the named safetensors files, with two small requests for each file.

        Raises EngineError (NETWORK, CHECKPOINT_INCOMPLETE for a header that makes no sense) and Cancelled.
        """
        found: dict[str, TensorHeader] = {}
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="headers") as pool:
            waiting = [pool.submit(self._header, files, name) for name in names]
            try:
                for future in waiting:
                    found |= _result(future, cancellation)
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        return found

    def _header(self, files: CheckpointFiles, name: str) -> dict[str, TensorHeader]:
        length = int.from_bytes(self._range(name, 0, _LENGTH_BYTES), "little")
        if not 0 < length <= _LARGEST_HEADER_BYTES:
            raise incomplete(files, f"{name} is damaged")
        content = self._range(name, _LENGTH_BYTES, length)
        try:
            described = json.loads(content)
            return {str(key): _tensor(value) for key, value in dict(described).items() if key != "__metadata__"}
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise incomplete(files, f"{name} is damaged", str(error)) from error

    def _range(self, name: str, start: int, count: int) -> bytes:
        """Return count bytes from start, fewer at the end of the file. Never reads on, whatever the server sends."""
        url = self._session.file_url(self._remote.hub_id, self._remote.commit, name)
        headers = self._session.headers(url) | {"Range": f"bytes={start}-{start + count - 1}"}
        try:
            with self._session.client.stream("GET", url, headers=headers, follow_redirects=True) as response:
                if response.is_error:
                    response.read()
                hf_raise_for_status(response)
                skipped = 0 if response.status_code == _HTTP_PARTIAL else start  # servers may ignore the range
                received = bytearray()
                for block in response.iter_bytes():
                    received += block
                    if len(received) >= skipped + count:
                        break
        except HUB_FAILURES as error:
            raise explained(error, self._remote.hub_id, self._session.access) from error
        return bytes(received[skipped : skipped + count])


def _tensor(value: Mapping[str, object]) -> TensorHeader:
    shape, dtype, offsets = value["shape"], value["dtype"], value["data_offsets"]
    if not isinstance(shape, list) or not isinstance(offsets, list) or not isinstance(dtype, str):
        raise TypeError("shape, dtype and data_offsets are expected")
    lengths = tuple(int(length) for length in shape)
    begin, end = (int(offset) for offset in offsets)
    if end < begin or any(length < 0 for length in lengths):
        raise ValueError("negative length")
    return TensorHeader(shape=lengths, dtype=dtype, elements=prod(lengths), size_bytes=end - begin)


def _result(future: "Future[dict[str, TensorHeader]]", cancellation: CancellationToken) -> dict[str, TensorHeader]:
    while True:
        try:
            return future.result(_LOOK_SECONDS)
        except NotYet:
            cancellation.raise_if_cancelled()
