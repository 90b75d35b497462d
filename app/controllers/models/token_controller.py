"""The access token for the Hub: read from the keyring, taken from the user, given to whoever asks the Hub.

The keyring may ask for a password and so block; each call to it runs on a thread of its own, never the window's. Its
libraries take 11 MiB of this process, so nothing asks it for anybody who neither kept a token nor opens the dialog.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from PySide6.QtCore import QObject, Qt, Signal, SignalInstance, Slot

from app.access_token import AccessTokens, KeyringUnavailable, why_no_keyring
from app.language import mark, tr
from app.models.token_state import TokenState
from app.settings.schema import Settings, access_from
from engine.api.hub import HubAccess

_log = logging.getLogger(__name__)
_NOT_A_TOKEN = mark("That is no access token: it has spaces or other signs in it that no token has.")


@dataclass(frozen=True)
class _Answer:
    """What the keyring's thread found: a token (None: unchanged) for an address, or what went wrong.

    no_keyring: why tokens can't be kept, None if the keyring was not asked.
    """

    state: TokenState
    token: str | None = None
    no_keyring: str | None = None


class TokenController(QObject):
    """Signals: state_changed(TokenState), token_changed()."""

    state_changed = Signal(object)
    token_changed = Signal()
    _answered = Signal(object)
    _keyring_described = Signal(object)  # why tokens can't be kept, "" if they can

    def __init__(self, tokens: AccessTokens, settings: Callable[[], Settings], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._tokens = tokens
        self._settings = settings
        self._by_origin: dict[str, str] = {}
        self._origin = ""
        self._no_keyring = ""
        self.state = TokenState("")
        self._answered.connect(self._on_answered, Qt.ConnectionType.QueuedConnection)
        self._keyring_described.connect(self._on_keyring_described, Qt.ConnectionType.QueuedConnection)

    def access(self) -> HubAccess:
        """Return how the Hub is to be reached now, with the token that belongs to its address."""
        settings = self._settings()
        return access_from(settings, self._by_origin.get(self._tokens.origin(settings.hub_endpoint), ""))

    @Slot()
    def refresh(self) -> None:
        """Look for the token of the address in the settings, if that is another one than before."""
        endpoint = self._settings().hub_endpoint
        origin = self._tokens.origin(endpoint)
        if origin != self._origin:
            self._origin = origin
            self._ask(self._answered, lambda: self._read(endpoint, origin))

    @Slot()
    def describe(self) -> None:
        """Look for the token, and find out whether one could be kept here."""
        self.refresh()
        self._ask(self._keyring_described, why_no_keyring)

    @Slot(object)
    def give(self, given: tuple[str, bool]) -> None:
        """Take a token that was typed in: (token, whether the keyring is to keep it)."""
        token, keeps = given[0].strip(), given[1]
        endpoint, origin = self._settings().hub_endpoint, self._origin
        if not token.isascii() or not token.isprintable() or " " in token or not token:
            self._set_state(replace(self.state, error=tr(_NOT_A_TOKEN)))
            return
        self._ask(self._answered, lambda: self._keep(endpoint, origin, token, keeps))

    @Slot()
    def remove(self) -> None:
        """Forget the token, in the keyring as well."""
        endpoint, origin = self._settings().hub_endpoint, self._origin
        self._ask(self._answered, lambda: self._forget(endpoint, origin))

    def _ask(self, answered: SignalInstance, question: Callable[[], object]) -> None:
        # A daemon: a keyring that waits for a password must not keep Hearth from closing.
        def work() -> None:
            answer = question()
            try:
                answered.emit(answer)
            except RuntimeError:  # the window has gone meanwhile
                _log.info("an answer of the keyring came too late")

        threading.Thread(target=work, name="keyring", daemon=True).start()

    def _read(self, endpoint: str, origin: str) -> _Answer:
        try:
            token = self._tokens.token_for(endpoint)
        except KeyringUnavailable as reason:
            return _Answer(TokenState(origin, error=str(reason)), no_keyring=why_no_keyring())
        return _Answer(TokenState(origin, bool(token), self._tokens.has_token(endpoint)), token)

    def _keep(self, endpoint: str, origin: str, token: str, keeps: bool) -> _Answer:
        error = ""
        if keeps:
            try:
                self._tokens.keep(endpoint, token)
            except KeyringUnavailable as reason:
                error = f"{reason} {tr('The token is used until Hearth closes.')}"
        is_kept = keeps and not error
        return _Answer(TokenState(origin, True, is_kept, error=error), token, why_no_keyring())

    def _forget(self, endpoint: str, origin: str) -> _Answer:
        try:
            self._tokens.forget(endpoint)
        except KeyringUnavailable as reason:
            is_kept = self._tokens.has_token(endpoint)
            error = f"{reason} {tr('The token is still in it.')}"
            return _Answer(TokenState(origin, is_kept, is_kept, error=error), "", why_no_keyring())
        return _Answer(TokenState(origin), "", why_no_keyring())

    @Slot(object)
    def _on_answered(self, answer: _Answer) -> None:
        if answer.no_keyring is not None:
            self._no_keyring = answer.no_keyring
        if answer.token is not None:
            before = self._by_origin.get(answer.state.endpoint, "")
            self._by_origin[answer.state.endpoint] = answer.token
            if answer.token != before:
                self.token_changed.emit()
        if answer.state.endpoint == self._origin:
            self._set_state(replace(answer.state, no_keyring=self._no_keyring))

    @Slot(object)
    def _on_keyring_described(self, no_keyring: str) -> None:
        self._no_keyring = no_keyring
        if no_keyring != self.state.no_keyring:
            self._set_state(replace(self.state, no_keyring=no_keyring))

    def _set_state(self, state: TokenState) -> None:
        self.state = state
        self.state_changed.emit(state)
