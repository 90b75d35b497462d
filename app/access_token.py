"""The access token for the Hub, in the keyring of this computer and nowhere else on its disk.

A token belongs to the address that it was entered for and is given out for no other one. A small file remembers for
which addresses there is one, so that nobody who never entered a token is asked to unlock a keyring. Calls may block
while the system asks for a password: use a thread of its own where that matters.
"""

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec

from app.language import tr
from app.settings.atomic import write_atomically

if TYPE_CHECKING:  # it is imported where a token was kept, as it takes a moment and 11 MiB
    from keyring.backend import KeyringBackend

PUBLIC_HUB = "https://huggingface.co"
_SERVICE = "Hearth"
_PLAIN_FILE_PACKAGE = "keyrings.alt"  # its backends write files that anyone with the disk can read
_MAXIMUM_FILE_BYTES = 100_000
_log = logging.getLogger(__name__)


class KeyringUnavailable(Exception):
    """This computer has no keyring that can be used now; the text says so in a sentence."""


class AccessTokens:
    """The tokens in the keyring. Owns the small file; any thread."""

    def __init__(self, kept_file: Path, environment: Mapping[str, str] = os.environ) -> None:
        self._kept_file = kept_file
        self._environment = environment

    def origin(self, endpoint: str) -> str:
        """Return the address that a token belongs to; an empty endpoint is the environment's, or the public Hub."""
        address = urlsplit(endpoint.strip() or self._usual_endpoint())
        return f"{address.scheme}://{address.netloc}".lower()

    def has_token(self, endpoint: str) -> bool:
        """Return whether a token was kept for the endpoint. Never blocks."""
        return self.origin(endpoint) in self._kept()

    def token_for(self, endpoint: str) -> str:
        """Return the token to use: the one kept, else HF_TOKEN for the environment's own endpoint, else "".

        Raises KeyringUnavailable if one was kept and can't be read now.
        """
        origin = self.origin(endpoint)
        if origin in self._kept():
            found = _from_keyring(origin)
            if found:
                return found
        if origin == self.origin(self._usual_endpoint()):
            return self._environment.get("HF_TOKEN", "").strip()
        return ""

    def keep(self, endpoint: str, token: str) -> None:
        """Put the token into the keyring; raises KeyringUnavailable."""
        origin = self.origin(endpoint)
        _into_keyring(origin, token)
        self._remember(self._kept() | {origin})

    def forget(self, endpoint: str) -> None:
        """Take the token out of the keyring; raises KeyringUnavailable."""
        origin = self.origin(endpoint)
        if origin in self._kept():
            _out_of_keyring(origin)
            self._remember(self._kept() - {origin})

    def _usual_endpoint(self) -> str:
        return self._environment.get("HF_ENDPOINT", "").strip() or PUBLIC_HUB

    def _kept(self) -> frozenset[str]:
        try:
            if not self._kept_file.is_file() or self._kept_file.stat().st_size > _MAXIMUM_FILE_BYTES:
                return frozenset()
            return frozenset(msgspec.json.decode(self._kept_file.read_bytes(), type=list[str]))
        except (OSError, msgspec.DecodeError, ValueError, RecursionError):
            return frozenset()

    def _remember(self, origins: frozenset[str]) -> None:
        try:
            write_atomically(self._kept_file, msgspec.json.encode(sorted(origins)))
        except OSError as error:
            _log.warning("which tokens are kept could not be written: %s", error.strerror)


def why_no_keyring() -> str:
    """Return a sentence why tokens can't be kept on this computer, "" if they can."""
    try:
        import keyring

        backend = keyring.get_keyring()
    except Exception as error:  # backends are plugins and raise anything
        return _sentence(error)
    module = type(backend).__module__
    if module.startswith(_PLAIN_FILE_PACKAGE):
        return tr("The only keyring here is a plain file, which Hearth doesn't use.")
    return tr("This computer has no keyring.") if module in ("keyring.backends.fail", "keyring.backends.null") else ""


def _from_keyring(origin: str) -> str:
    with _usable_keyring() as backend:
        return backend.get_password(_SERVICE, origin) or ""


def _into_keyring(origin: str, token: str) -> None:
    with _usable_keyring() as backend:
        backend.set_password(_SERVICE, origin, token)
        found = backend.get_password(_SERVICE, origin)
    if found != token:
        raise KeyringUnavailable(tr("The keyring did not keep the token."))


def _out_of_keyring(origin: str) -> None:
    with _usable_keyring() as backend:
        from keyring.errors import PasswordDeleteError

        with suppress(PasswordDeleteError):  # it has gone already
            backend.delete_password(_SERVICE, origin)


@contextmanager
def _usable_keyring() -> "Iterator[KeyringBackend]":
    """Yield this computer's keyring; whatever goes wrong with it meanwhile becomes KeyringUnavailable."""
    _refuse_missing_keyring()
    import keyring

    try:
        yield keyring.get_keyring()
    except Exception as error:  # backends are plugins and raise anything
        raise KeyringUnavailable(_sentence(error)) from None  # the cause may quote what was to be written


def _refuse_missing_keyring() -> None:
    reason = why_no_keyring()
    if reason:
        raise KeyringUnavailable(reason)


def _sentence(error: Exception) -> str:
    locked = type(error).__name__ in ("KeyringLocked", "InitError", "LockedException")
    return tr("The keyring is locked.") if locked else tr("The keyring of this computer can't be used.")
