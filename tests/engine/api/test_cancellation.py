import pytest

from engine.api.cancellation import CancellationToken
from engine.api.errors import Cancelled


def test_a_token_is_set_once_and_for_all() -> None:
    token = CancellationToken()
    assert not token.is_cancelled
    token.raise_if_cancelled()
    token.cancel()
    token.cancel()
    assert token.is_cancelled
    for _ in range(2):
        with pytest.raises(Cancelled):
            token.raise_if_cancelled()
