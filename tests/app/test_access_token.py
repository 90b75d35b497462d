"""Tokens in a keyring, and in nothing else."""

import traceback
from pathlib import Path

import keyring
import pytest
from keyring.backends import fail, null

from app.access_token import PUBLIC_HUB, AccessTokens, KeyringUnavailable, why_no_keyring
from tests.app.keyrings import ForgetfulKeyring, LockedKeyring, MemoryKeyring

CANARY = "hf_CanaryCanaryCanaryCanaryCanary"
pytestmark = pytest.mark.usefixtures("backend")


@pytest.fixture
def tokens(tmp_path: Path) -> AccessTokens:
    return AccessTokens(tmp_path / "config" / "tokens.json", {})


def test_a_token_comes_back_after_a_restart_and_lies_in_no_file(tokens: AccessTokens, tmp_path: Path) -> None:
    tokens.keep("", CANARY)
    assert AccessTokens(tmp_path / "config" / "tokens.json", {}).token_for(PUBLIC_HUB) == CANARY
    written = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert written
    assert not any(CANARY.encode() in content for content in written)


def test_a_token_is_given_out_for_its_own_address_only(tokens: AccessTokens) -> None:
    tokens.keep("https://mirror.example/hub", CANARY)
    assert tokens.token_for("https://MIRROR.example") == CANARY
    for other in ("", PUBLIC_HUB, "http://mirror.example", "https://mirror.example:8443", "https://x.mirror.example"):
        assert tokens.token_for(other) == ""


def test_nobody_without_a_token_is_asked_to_unlock_anything(tokens: AccessTokens, backend: MemoryKeyring) -> None:
    assert tokens.token_for("") == ""
    assert not tokens.has_token("")
    tokens.forget("")
    assert backend.calls == 0


def test_a_forgotten_token_is_gone(tokens: AccessTokens, backend: MemoryKeyring) -> None:
    tokens.keep("", CANARY)
    tokens.forget("")
    assert backend.passwords == {}
    assert (tokens.token_for(""), tokens.has_token("")) == ("", False)


def test_a_token_that_was_deleted_elsewhere_is_no_error(tokens: AccessTokens, backend: MemoryKeyring) -> None:
    tokens.keep("", CANARY)
    backend.passwords.clear()
    assert tokens.token_for("") == ""
    tokens.forget("")
    assert not tokens.has_token("")


def test_the_environments_token_belongs_to_the_environments_address(tmp_path: Path) -> None:
    environment = {"HF_TOKEN": CANARY, "HF_ENDPOINT": "https://mirror.example"}
    tokens = AccessTokens(tmp_path / "tokens.json", environment)
    assert tokens.token_for("") == tokens.token_for("https://mirror.example") == CANARY
    assert tokens.token_for(PUBLIC_HUB) == ""


@pytest.mark.parametrize("missing", [fail.Keyring, null.Keyring])
def test_a_computer_without_keyring_says_so(tokens: AccessTokens, missing: type) -> None:
    keyring.set_keyring(missing())
    assert why_no_keyring() == "This computer has no keyring."
    with pytest.raises(KeyringUnavailable, match="no keyring"):
        tokens.keep("", CANARY)
    assert not tokens.has_token("")


def test_a_locked_keyring_is_told_without_the_token(tokens: AccessTokens) -> None:
    tokens.keep("", CANARY)
    keyring.set_keyring(LockedKeyring())
    for call in (lambda: tokens.token_for(""), lambda: tokens.keep("", CANARY), lambda: tokens.forget("")):
        with pytest.raises(KeyringUnavailable, match="locked") as caught:
            call()
        assert CANARY not in "".join(traceback.format_exception(caught.value))
    assert tokens.has_token("")


def test_a_keyring_that_keeps_nothing_is_noticed(tokens: AccessTokens) -> None:
    keyring.set_keyring(ForgetfulKeyring())
    with pytest.raises(KeyringUnavailable, match="did not keep"):
        tokens.keep("", CANARY)
    assert not tokens.has_token("")


def test_a_plain_file_is_no_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    class Plain(MemoryKeyring):
        pass

    Plain.__module__ = "keyrings.alt.file"
    keyring.set_keyring(Plain())
    assert "plain file" in why_no_keyring()


@pytest.mark.parametrize("content", [b"", b"{", b'{"a": 1}', b"[1, 2]", b"\xff", b"[" * 100_000])
def test_a_damaged_list_means_no_token(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "tokens.json"
    file.write_bytes(content)
    tokens = AccessTokens(file, {})
    assert tokens.token_for("") == ""
    tokens.keep("", CANARY)
    assert tokens.token_for("") == CANARY
