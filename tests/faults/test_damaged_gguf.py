"""Fault catalogue 12 and 14 for GGUF files: cut or damaged anywhere, each ends in one sentence and leaves nothing."""

import struct
from pathlib import Path

import pytest

from engine.api.cancellation import CancellationToken
from engine.api.errors import EngineError, ErrorKind
from engine.api.plan import PrecisionChoice
from engine.checkpoints import gguf, gguf_description, loader
from tests import tiny_checkpoints
from tests.tiny_gguf import write_gguf

_LAYERS = b"llama.block_count"
_KINDS = (ErrorKind.CHECKPOINT_UNSUPPORTED, ErrorKind.CHECKPOINT_INCOMPLETE)


@pytest.fixture(scope="module")
def whole(tiny_folder: Path) -> bytes:
    return write_gguf(tiny_checkpoints.make("llama", tiny_folder), tiny_folder / "whole.gguf").read_bytes()


def is_refused(content: bytes, folder: Path) -> str:
    """Load the file, which ends in one sentence; return its details."""
    path = folder / "some.gguf"
    path.write_bytes(content)
    with pytest.raises(EngineError) as loading:
        loader.load(str(path), PrecisionChoice.AUTO, None, "cpu", folder, CancellationToken(), lambda *_: None)
    report = loading.value.report
    assert report.kind in _KINDS
    assert "some.gguf" in report.message
    assert "\n" not in report.sentence()
    assert not list((folder / "checkpoints").glob("*")), "no half of a copy is left"
    return report.details


@pytest.mark.parametrize("kept", [24, 30, 40, 100, 1_000, 5_000, 0.5, -1])
def test_a_file_that_is_cut_anywhere(whole: bytes, tmp_path: Path, kept: float) -> None:
    is_refused(whole[: int(len(whole) * kept) if 0 < kept < 1 else int(kept)], tmp_path)


@pytest.mark.parametrize("count", [10**9, 2**31, 2**63 - 1, 2**64 - 1])
@pytest.mark.parametrize("place", [8, 16, 24], ids=["tensors", "fields", "length of the first name"])
@pytest.mark.timeout(120)  # what is announced would take for ever to read
def test_counts_that_lie(whole: bytes, tmp_path: Path, place: int, count: int) -> None:
    is_refused(whole[:place] + struct.pack("<Q", count) + whole[place + 8 :], tmp_path)


@pytest.mark.parametrize("layers", [1_001, 2**32 - 1])
def test_layers_that_no_model_has_are_refused_before_any_is_built(
    whole: bytes, tmp_path: Path, layers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def built(*_: object, **__: object) -> None:
        raise AssertionError("transformers was asked to build them")

    monkeypatch.setattr(gguf, "_write_tokenizer", built)
    monkeypatch.setattr(gguf_description.AutoConfig, "from_pretrained", built)
    place = whole.index(_LAYERS) + len(_LAYERS) + 4
    content = whole[:place] + struct.pack("<I", layers) + whole[place + 4 :]
    assert f"block_count is {layers}" in is_refused(content, tmp_path)
    with pytest.raises(EngineError) as planning:
        gguf_description.describe(tmp_path / "some.gguf")
    assert f"block_count is {layers}" in planning.value.report.details


@pytest.mark.parametrize("kept", [24, 40, 1_000])
def test_planning_a_cut_file(whole: bytes, tmp_path: Path, kept: int) -> None:
    path = tmp_path / "some.gguf"
    path.write_bytes(whole[:kept])
    with pytest.raises(EngineError, match="cannot be read") as planning:
        gguf_description.describe(path)
    assert planning.value.report.kind in _KINDS


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"GGUF",
        b"GGUF" + b"\xff" * 60,
        b"not a model at all, but long enough to be read",
        b"GGUF\x03\0\0\0" + b"\0" * 40,
    ],
    ids=["empty", "magic only", "huge counts", "text", "nothing inside"],
)
def test_what_is_no_gguf_file(tmp_path: Path, content: bytes) -> None:
    is_refused(content, tmp_path)
