"""Models that are not there: whatever is asked for, one sentence that says what can be asked for instead."""

from pathlib import Path

import pytest

from engine.api.cancellation import CancellationToken
from engine.api.errors import EngineError, ErrorKind, ErrorReport
from engine.api.plan import PrecisionChoice
from engine.checkpoints import loader


def refused(reference: str | Path, data_folder: Path) -> ErrorReport:
    with pytest.raises(EngineError) as caught:
        loader.load(
            str(reference), PrecisionChoice.AUTO, None, "cpu", data_folder, CancellationToken(), lambda *_: None
        )
    report = caught.value.report
    assert report.message.endswith(".")
    assert "\n" not in report.sentence()
    assert len(report.message) < 300
    return report


@pytest.mark.parametrize(
    "reference",
    [
        "no-such-model",
        "publisher/no-such-model",
        "/no/such/folder",
        "~nobody-here/model",
        "",
        " ",
        "a" * 5000,
        "a/b/c",
        "name\0with nul",
        "name\nwith line",
        "\udcff",
        "-rf",
    ],
)
def test_unknown_model(tmp_path: Path, reference: str) -> None:
    report = refused(reference, tmp_path)
    assert report.kind is ErrorKind.CHECKPOINT_NOT_FOUND
    assert "starter" in report.hint


def test_empty_folder(tmp_path: Path) -> None:
    folder = tmp_path / "nothing-here"
    folder.mkdir()
    report = refused(folder, tmp_path)
    assert report.kind is ErrorKind.CHECKPOINT_NOT_FOUND
    assert "nothing-here" in report.message


def test_folder_with_a_gguf_file_names_it(tmp_path: Path) -> None:
    (tmp_path / "model.gguf").write_bytes(b"GGUF")
    assert "model.gguf" in refused(tmp_path, tmp_path).hint
