import pytest

from engine.api.errors import EngineError, ErrorKind, ErrorReport


def test_an_engine_error_carries_its_report() -> None:
    error = EngineError(ErrorKind.DISK, "The disk is full.", "Free 2 GiB.", "ENOSPC")
    assert error.report == ErrorReport(ErrorKind.DISK, "The disk is full.", "Free 2 GiB.", "ENOSPC")
    assert str(error) == "The disk is full."


@pytest.mark.parametrize(
    ("hint", "sentence"), [("Free 2 GiB.", "The disk is full. Free 2 GiB."), ("", "The disk is full.")]
)
def test_the_sentence_is_message_and_hint(hint: str, sentence: str) -> None:
    assert ErrorReport(ErrorKind.DISK, "The disk is full.", hint, "details are not in it").sentence() == sentence
