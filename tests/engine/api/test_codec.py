import io
import random
import struct

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.api import codec
from engine.api.codec import FrameError, clean_text, decode_event, decode_incoming, encode_frame, read_frame
from engine.api.commands import Cancel, Generate, Incoming, Shutdown
from engine.api.events import Event
from engine.api.sampling import Sampling
from tests.engine.api.message_strategies import TEXT, values

INCOMING = values(Incoming)
EVENTS = values(Event)


class Dripping(io.RawIOBase):
    """A stream that gives what it holds in pieces of random size, as a pipe does."""

    def __init__(self, data: bytes, seed: int) -> None:
        super().__init__()
        self._data = io.BytesIO(data)
        self._random = random.Random(seed)

    def read(self, size: int = -1) -> bytes:
        return self._data.read(self._random.randint(1, max(1, size)))


def body_of(message: Incoming | Event) -> bytes:
    return encode_frame(message)[4:]


@given(INCOMING)
def test_what_goes_in_comes_out(message: Incoming) -> None:
    assert decode_incoming(body_of(message)) == message


@given(EVENTS)
def test_what_comes_back_is_what_was_sent(event: Event) -> None:
    assert decode_event(body_of(event)) == event


@given(st.lists(INCOMING, max_size=4), st.integers())
def test_frames_are_found_again_however_the_pipe_cuts_them(messages: list[Incoming], seed: int) -> None:
    stream = Dripping(b"".join(encode_frame(message) for message in messages), seed)
    for message in messages:
        body = read_frame(stream)
        assert body is not None
        assert decode_incoming(body) == message
    assert read_frame(stream) is None


@given(INCOMING, st.data())
def test_a_cut_stream_is_an_error_and_an_empty_one_the_end(message: Incoming, data: st.DataObject) -> None:
    frame = encode_frame(message)
    cut = data.draw(st.integers(0, len(frame) - 1))
    if cut == 0:
        assert read_frame(io.BytesIO(b"")) is None
    else:
        with pytest.raises(FrameError):
            read_frame(io.BytesIO(frame[:cut]))


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_but_frame_error(data: bytes) -> None:
    for decode in (decode_incoming, decode_event):
        try:
            decode(data)
        except FrameError:
            pass
    try:
        read_frame(io.BytesIO(data))
    except FrameError:
        pass


@given(INCOMING, st.data())
def test_a_flipped_byte_is_another_message_or_an_error(message: Incoming, data: st.DataObject) -> None:
    body = bytearray(body_of(message))
    body[data.draw(st.integers(0, len(body) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        decode_incoming(bytes(body))
    except FrameError:
        pass


def test_a_length_beyond_the_limit_is_refused_without_reading_on() -> None:
    stream = io.BytesIO(struct.pack(">I", codec.MAXIMUM_FRAME_BYTES + 1) + b"x" * 100)
    with pytest.raises(FrameError, match="announces"):
        read_frame(stream)
    assert stream.tell() == 4


def test_a_message_beyond_the_limit_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codec, "MAXIMUM_FRAME_BYTES", 50)
    with pytest.raises(FrameError, match="larger than a frame"):
        encode_frame(Cancel(command_id="x" * 50))
    encode_frame(Cancel(command_id="x"))


@pytest.mark.parametrize(
    "wrong",
    [
        {"type": "no_such_command", "command_id": "1"},
        {"type": "cancel"},
        {"type": "cancel", "command_id": 1},
        {"type": "cancel", "command_id": "1", "unknown": 1},
        {"command_id": "1"},
        {"type": "load_checkpoint", "command_id": "1", "checkpoint": "x", "precision": "int3"},
        {"type": "load_checkpoint", "command_id": "1", "checkpoint": "x", "context_tokens": 0},
        [],
        None,
        "shutdown",
    ],
)
def test_what_is_no_command_is_refused(wrong: object) -> None:
    with pytest.raises(FrameError, match="not a command"):
        decode_incoming(msgspec.msgpack.encode(wrong))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("temperature", -0.1),
        ("temperature", 5.1),
        ("top_k", -1),
        ("top_p", 1.1),
        ("min_p", -0.1),
        ("repetition_penalty", 0.0),
        ("seed", -1),
        ("seed", 2**63),
        ("maximum_tokens", 0),
        ("temperature", "hot"),
    ],
)
def test_sampling_out_of_its_bounds_is_refused(name: str, value: object) -> None:
    good = msgspec.msgpack.decode(body_of(Generate(command_id="1", conversation_id="c", message_id="m", messages=())))
    good["sampling"] = {name: value}
    with pytest.raises(FrameError):
        decode_incoming(msgspec.msgpack.encode(good))


def test_sampling_at_its_bounds_is_accepted() -> None:
    for sampling in (
        Sampling(temperature=0.0, top_k=0, top_p=0.0, min_p=0.0, repetition_penalty=0.001, seed=0, maximum_tokens=1),
        Sampling(temperature=5.0, top_p=1.0, min_p=1.0, repetition_penalty=10.0, seed=2**63 - 1),
    ):
        message = Generate(command_id="1", conversation_id="c", message_id="m", messages=(), sampling=sampling)
        assert decode_incoming(body_of(message)) == message


@pytest.mark.parametrize("depth", [1_000, 100_000])
def test_deep_nesting_is_refused(depth: int) -> None:
    for body in (b"\x91" * depth, b"\x81\xa4type" * depth, b"\x81\xa1x" + b"\x91" * depth + b"\xc0"):
        with pytest.raises(FrameError):
            decode_incoming(body)


def test_events_and_commands_are_not_mixed_up() -> None:
    with pytest.raises(FrameError, match="not an event"):
        decode_event(body_of(Shutdown()))


@given(st.text(st.characters()))
def test_cleaned_text_fits_in_a_frame_and_stays_as_it_is(text: str) -> None:
    cleaned = clean_text(text)
    assert decode_incoming(body_of(Cancel(command_id=cleaned))) == Cancel(command_id=cleaned)
    assert clean_text(cleaned) == cleaned


@given(TEXT)
def test_good_text_is_not_touched(text: str) -> None:
    assert clean_text(text) == text


def test_lone_surrogates_are_replaced_and_pairs_are_joined() -> None:
    assert clean_text("a\ud800b") == "a\ufffdb"
    assert clean_text("\ude00") == "\ufffd"
    assert clean_text("\ud83d\ude00") == "\U0001f600"
    assert clean_text("nul\x00 bom\ufeff \uffff \u202e") == "nul\x00 bom\ufeff \uffff \u202e"
