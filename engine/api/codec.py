"""Commands and events as length-prefixed MessagePack frames on a byte stream.

A frame is a 4-byte big-endian length and that many bytes. Anything else (too long, cut, unknown tag, wrong type,
nested too deeply) is a FrameError: the pipe can't be trusted any more and the engine is started anew.
"""

import struct
from typing import BinaryIO

import msgspec

from engine.api.commands import Incoming
from engine.api.events import Event

MAXIMUM_FRAME_BYTES = 256 * 2**20
_PREFIX = struct.Struct(">I")
_PIECE_CHARACTERS = 256 * 1024

_encoder = msgspec.msgpack.Encoder()
_incoming_decoder: msgspec.msgpack.Decoder[Incoming] = msgspec.msgpack.Decoder(Incoming)
_event_decoder: msgspec.msgpack.Decoder[Event] = msgspec.msgpack.Decoder(Event)


class FrameError(Exception):
    """The other side sent something that is no message of this protocol."""


def encode_frame(message: Incoming | Event) -> bytes:
    """Return the message as one frame, prefix included.

    Raises FrameError if the message is larger than a frame may be. Text must be free of lone surrogates
    (see clean_text).
    """
    body = _encoder.encode(message)
    if len(body) > MAXIMUM_FRAME_BYTES:
        raise FrameError(f"a message of {len(body)} bytes is larger than a frame may be")
    return _PREFIX.pack(len(body)) + body


def read_frame(stream: BinaryIO) -> bytes | None:
    """Return the body of the next frame, or None at an orderly end of the stream. Blocks."""
    prefix = _read_exactly(stream, _PREFIX.size)
    if not prefix:
        return None
    if len(prefix) < _PREFIX.size:
        raise FrameError("the stream ended inside a frame's length")
    (length,) = _PREFIX.unpack(prefix)
    if length > MAXIMUM_FRAME_BYTES:
        raise FrameError(f"a frame announces {length} bytes")
    body = _read_exactly(stream, length)
    if len(body) < length:
        raise FrameError("the stream ended inside a frame")
    return body


def decode_incoming(body: bytes) -> Incoming:
    """Return the command or control message in a frame's body; raises FrameError."""
    try:
        return _incoming_decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise FrameError(f"not a command: {error}") from error


def decode_event(body: bytes) -> Event:
    """Return the event in a frame's body; raises FrameError."""
    try:
        return _event_decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise FrameError(f"not an event: {error}") from error


def clean_text(text: str) -> str:
    """Return the text with lone surrogates replaced by U+FFFD, as neither pipe nor database can hold them.

    Valid surrogate pairs (as some clipboards give them) become the character they stand for.
    """
    if text.isascii():
        return text
    try:
        utf8_length(text)  # a quarter of the time of the other way, for the texts that are long
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def utf8_length(text: str) -> int:
    """Return how many bytes the text takes; at once for ASCII. Raises UnicodeEncodeError for lone surrogates.

    A long text is looked at in pieces: a thread that did it at once would hold up all others for that time.
    """
    if text.isascii():
        return len(text)
    starts = range(0, len(text), _PIECE_CHARACTERS)
    return sum(len(text[start : start + _PIECE_CHARACTERS].encode()) for start in starts)


def _read_exactly(stream: BinaryIO, length: int) -> bytes:
    parts: list[bytes] = []
    missing = length
    while missing:
        part = stream.read(missing)
        if not part:
            break
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)
